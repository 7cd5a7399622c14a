import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { lockFile } from '../../src/store/file-lock.ts';

async function lockPath(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'carnet-lock-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return join(directory, 'lock');
}

test('gives a lock to one holder at a time, and to the next after its release', async () => {
  const path = await lockPath();
  const first = lockFile(path);
  expect(first).toBeDefined();
  expect(lockFile(path)).toBeUndefined();
  first?.release();
  const second = lockFile(path);
  expect(second).toBeDefined();
  second?.release();
});

test('is held against other processes, and freed by the kill -9 of its holder', async () => {
  const path = await lockPath();
  const module = new URL('../../src/store/file-lock.ts', import.meta.url).href;
  const code = `const { lockFile } = await import(${JSON.stringify(module)});
    const lock = lockFile(${JSON.stringify(path)}); console.log(lock ? 'held' : 'refused'); setInterval(() => lock, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  expect(String((await once(child.stdout, 'data'))[0]).trim()).toBe('held');
  expect(lockFile(path)).toBeUndefined();
  child.kill('SIGKILL');
  await once(child, 'exit');
  const lock = lockFile(path);
  expect(lock).toBeDefined();
  lock?.release();
});

test('throws when the place of the lock cannot be used at all', async () => {
  const path = await lockPath();
  expect(() => lockFile(join(path, 'missing', 'lock'))).toThrow();
});
