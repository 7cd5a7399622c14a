import { mkdirSync } from 'node:fs';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openAuditLog } from '../../src/audit/audit-log.ts';
import { recordJson } from '../../src/audit/events.ts';
import { GENESIS } from '../../src/audit/line.ts';
import { LineBytes } from '../../src/audit/line-bytes.ts';
import { run } from '../../src/cli/program.ts';
import { openSqliteStore } from '../../src/store/sqlite-document-store.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { event, STREAM } from '../audit/audit-records.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeSurroundings } from './fake-surroundings.ts';
import { CARNET_YAML, installation } from './temporary-installation.ts';

const SEGMENT = `audit/${STREAM}`;

/** An installation whose log holds one whole exchange and one whose outcome nobody knows. */
async function recorded(): Promise<string> {
  const folder = installation({ 'carnet.yaml': CARNET_YAML });
  mkdirSync(join(folder, 'audit'));
  const clock = new FakeClock();
  const store = await openSqliteStore({ path: join(folder, 'var/carnet.db'), clock });
  const log = await openAuditLog({
    directory: join(folder, 'audit'),
    stream: STREAM,
    store,
    clock,
    metrics: createMetrics(),
  });
  await log.record(event('allowed', 'trace-1'));
  log.note(event('issued', 'trace-1'));
  await log.record(event('allowed', 'trace-2'));
  await log.close();
  await store.close();
  return folder;
}

async function verify(folder: string, args: readonly string[] = [], terminal = false) {
  const around = new FakeSurroundings({ workingDirectory: folder, terminal, env: { NO_COLOR: '1' } });
  const exitCode = await run(['audit', 'verify', ...args], around);
  return { exitCode, out: around.stdout, err: around.stderr };
}

async function segmentOf(folder: string): Promise<string> {
  const { readdir } = await import('node:fs/promises');
  const [name = ''] = (await readdir(join(folder, SEGMENT))).filter((file) => file.endsWith('.jsonl'));
  return join(folder, SEGMENT, name);
}

describe('carnet audit verify', () => {
  test('proves a log whole up to the head in the store, and lists what was allowed without an outcome', async () => {
    const { exitCode, out, err } = await verify(await recorded());
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^replica-0 +5 +1 +5 +5 +2026-11-22T09:00:00\.000Z +ok$/m);
    expect(out).toMatch(/allowed, outcome unknown {2}1\n {2}record 4 {2}2026\S+ {2}trace-2 {2}mesh\n/);
    expect(out).toContain('no fault found');
    expect(err).toBe('');
  });

  test('names the record whose bytes were changed, and ends with 1', async () => {
    const folder = await recorded();
    const segment = await segmentOf(folder);
    const text = await readFile(segment, 'utf8');
    await writeFile(segment, text.replace('trace-1', 'trace-9'));
    const { exitCode, out } = await verify(folder);
    expect(exitCode).toBe(1);
    expect(out).toMatch(/first fault {2}record 2, .*\.jsonl:2: hash: /);
    expect(out).toContain('the log was changed, or is not whole');
  });

  test('finds whole records cut off at the end, which the files alone cannot show', async () => {
    const folder = await recorded();
    const segment = await segmentOf(folder);
    const lines = (await readFile(segment, 'utf8')).split('\n');
    await truncate(segment, Buffer.byteLength(`${lines.slice(0, 3).join('\n')}\n`));
    const { exitCode, out } = await verify(folder);
    expect(exitCode).toBe(1);
    expect(out).toContain('cut: ');
  });

  test('gives the whole report as JSON', async () => {
    const { exitCode, out } = await verify(await recorded(), ['-o', 'json']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ ok: true, streams: [{ stream: STREAM, records: 5, provenTo: 5 }] });
  });

  test.each([[], ['-o', 'json']])(
    'gives a terminal nothing to act on that a forged record holds (%s)',
    async (...args) => {
      const folder = await recorded();
      const forged = {
        stream: STREAM,
        after: GENESIS,
        at: 0,
        record: recordJson(event('allowed', '\u009b2Jtrace\u202e')),
      };
      const lines = new LineBytes();
      lines.add(forged);
      await writeFile(await segmentOf(folder), lines.bytes);
      const { exitCode, out } = await verify(folder, args);
      expect(exitCode).toBe(1);
      expect(out).toContain('2Jtrace');
      expect(out).toMatch(/^[\n\u0020-\u007e]*$/);
    },
  );

  test('shows progress on a terminal only, and clears it', async () => {
    const { err } = await verify(await recorded(), [], true);
    expect(err).toMatch(/replica-0: \d+ records/);
    expect(err.endsWith('\r\u001b[K')).toBe(true);
  });

  test('makes no empty store to prove an empty log by, and ends with 78', async () => {
    const folder = installation({ 'carnet.yaml': CARNET_YAML });
    const { exitCode, err } = await verify(folder);
    expect(exitCode).toBe(78);
    expect(err).toContain('store.sqlite.path');
    await expect(readFile(join(folder, 'var/carnet.db'))).rejects.toThrow('ENOENT');
  });
});
