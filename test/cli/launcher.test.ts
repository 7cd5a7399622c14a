import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const env = { PATH: '/usr/bin:/bin' };
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'carnet-launcher-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A copy of the launcher in a checkout of which nothing else is there. */
function bareCheckout(): string {
  cpSync(join(root, 'bin'), join(folder, 'bin'), { recursive: true });
  cpSync(join(root, 'scripts'), join(folder, 'scripts'), { recursive: true });
  return join(folder, 'bin/carnet');
}

describe('bin/carnet', () => {
  test('runs through a chain of symbolic links, relative ones too, from any folder', () => {
    symlinkSync(join(root, 'bin/carnet'), join(folder, 'first'));
    symlinkSync('first', join(folder, 'second'));
    expect(execFileSync(join(folder, 'second'), ['--version'], { cwd: '/', env, encoding: 'utf8' })).toMatch(
      /^\d+\.\d+\.\d+\n$/,
    );
  });

  test('runs from a folder that was removed, where it finds what has an absolute path and nothing else', () => {
    writeFileSync(join(folder, 'none.yaml'), '');
    const program = 'mkdir gone && cd gone && rmdir ../gone && "$0" check "$1"';
    const ran = (file: string) => {
      const args = ['-c', program, join(root, 'bin/carnet'), file];
      const { status, stdout } = spawnSync('sh', args, { cwd: folder, env, encoding: 'utf8' });
      return [status, stdout.split('\n').at(-2)];
    };
    expect(ran(join(folder, 'none.yaml'))).toEqual([0, '0 documents, 0 errors, 0 warnings']);
    expect(ran('none.yaml')).toEqual([1, '0 documents, 1 errors, 0 warnings']);
  });

  test('opens no debugger for a SIGUSR1, by which whoever shares the machine could read every key', async () => {
    const command = ['exchange', '--audience', 'a', '--token-command', 'echo asked >&2; sleep 2'];
    const args = [...command, '--endpoint', 'http://127.0.0.1:1'];
    const carnet = spawn(join(root, 'bin/carnet'), args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = once(carnet, 'exit');
    let stderr = '';
    for await (const text of carnet.stderr.setEncoding('utf8')) {
      if (stderr === '') carnet.kill('SIGUSR1');
      stderr += text;
    }
    expect(stderr).toBe('asked\ncarnet: what the token command printed is empty or larger than 16 KiB\n');
    expect(await ended).toEqual([78, null]);
  });

  test('says in one line that it is not set up, and ends with 69', () => {
    const { status, stderr } = spawnSync(bareCheckout(), ['--version'], { env, encoding: 'utf8' });
    expect(status).toBe(69);
    expect(stderr).toMatch(/^carnet: not set up: run 'npm install' in .*\n$/);
  });

  test('keeps compiled code beside the packages and never in a temporary folder, where others may write', () => {
    const cache = join(root, 'node_modules/.cache/carnet');
    // Other tests may be running it meanwhile.
    rmSync(cache, { recursive: true, force: true, maxRetries: 20 });
    execFileSync(join(root, 'bin/carnet'), ['--version'], { env: { ...env, TMPDIR: folder } });
    expect(readdirSync(cache)).toHaveLength(1);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('does not run under another Node than 26', () => {
    const launcher = bareCheckout();
    mkdirSync(join(folder, 'node_modules/commander'), { recursive: true });
    mkdirSync(join(folder, 'node_modules/.bin'));
    writeFileSync(join(folder, 'node_modules/.bin/node'), '#!/bin/sh\necho v25.9.0\n', { mode: 0o755 });
    const { status, stdout } = spawnSync(launcher, ['--version'], { env: { PATH: '/bin' }, encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 69, stdout: '' });
  });
});
