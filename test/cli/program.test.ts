import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { run } from '../../src/cli/program.ts';
import { FakeSurroundings } from './fake-surroundings.ts';

async function carnet(...args: readonly string[]) {
  const around = new FakeSurroundings();
  const exitCode = await run(args, around);
  return { exitCode, out: around.stdout, err: around.stderr };
}

describe('carnet', () => {
  test('prints the version of package.json', async () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'));
    expect(await carnet('--version')).toEqual({ exitCode: 0, out: `${version}\n`, err: '' });
  });

  test('lists its commands on request, on standard output', async () => {
    const { exitCode, out } = await carnet('--help');
    expect(exitCode).toBe(0);
    for (const command of ['serve', 'check', 'schema', 'exchange', 'audit']) expect(out).toContain(command);
  });

  test('explains itself on standard error and ends with 2 when nothing is asked of it', async () => {
    const { exitCode, out, err } = await carnet();
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(err).toContain('Usage: carnet');
  });

  test.each([
    [['serv'], 'serve'],
    [['serve', '--confg', 'x'], '--config'],
    [['exchange', '--audiance', 'x'], '--audience'],
    [['audit', 'verfy'], 'verify'],
  ])('suggests the nearest for %j', async (args, suggestion) => {
    const { exitCode, out, err } = await carnet(...args);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(err).toContain(`Did you mean ${suggestion}?`);
  });

  test.each([[['check', '-o', 'xml']], [['exchange']], [['schema', 'surplus']], [['serve', 'surplus']]])(
    'refuses %j with 2',
    async (args) => {
      expect((await carnet(...args)).exitCode).toBe(2);
    },
  );

  test.each([
    [['stop', '--mapping', 'a', '--mapping', 'b'], '--mapping <name>'],
    [['check', '-o', 'json', '--output', 'text'], '-o, --output <format>'],
    [['serve', '--config', 'a', '--config', 'b'], '--config <file>'],
  ])('refuses %j: an option that takes one value is given twice', async (args, flags) => {
    const { exitCode, err } = await carnet(...args);
    expect([exitCode, err]).toEqual([2, `carnet: option '${flags}' is given twice\n`]);
  });

  test.each([
    [['check', '--config', ''], '--config <file>'],
    [['serve', '--config', ''], '--config <file>'],
    [['apply', '--set', 'a', '-f', ''], '-f, --file <path...>'],
    [['keys', 'export', '--out='], '--out <folder>'],
  ])('refuses %j: an empty option, as of a variable that is not set', async (args, flags) => {
    const { exitCode, err } = await carnet(...args);
    expect([exitCode, err]).toEqual([2, `carnet: option '${flags}' is empty\n`]);
  });

  test('takes an option without a value as often as it is given', async () => {
    const { err } = await carnet('exchange', '--wait', '--wait');
    expect(err).not.toContain('twice');
  });

  test('takes each value of an option that takes several', async () => {
    const { err } = await carnet('stop', '--all', '--endpoint', 'http://127.0.0.1', '--endpoint', 'ftp://b');
    expect(err).toContain('the endpoint must be an https URL');
  });

  test('serves by the same configuration however it is named', async () => {
    const named = (file: string) => ({ exitCode: 78, out: '', err: expect.stringContaining(file) });
    for (const args of [['--config', './other.yaml'], ['--config=./other.yaml']]) {
      expect(await carnet('serve', ...args)).toEqual(named('other.yaml'));
    }
    expect(await carnet('serve')).toEqual(named('carnet.yaml'));
  });

  test.each([[['--config']], [['--config', './other.yaml', 'surplus']], [['--confg', 'x']]])(
    'serves nothing when it is told so by %j',
    async (args) => {
      const { exitCode, err } = await carnet('serve', ...args);
      expect(exitCode).toBe(2);
      expect(err).not.toContain('yaml');
    },
  );

  test('prints a JSON Schema that knows every kind', async () => {
    const { exitCode, out } = await carnet('schema');
    expect(exitCode).toBe(0);
    const text = JSON.stringify(JSON.parse(out));
    for (const kind of ['TrustedIssuer', 'FederationMapping', 'Guardrail']) expect(text).toContain(kind);
  });
});
