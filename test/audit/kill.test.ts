import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { verifyAuditLog } from '../../src/audit/verify-log.ts';
import { bench, recordsOf, temporaryDirectory } from './audit-fixture.ts';
import { STREAM } from './audit-records.ts';

const PROCESS = fileURLToPath(new URL('./recording-process.ts', import.meta.url));

/** Lets a process record until it has acknowledged so many, kills it, and gives back all it acknowledged. */
async function recordUntilKilled(directory: string, run: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [PROCESS, directory, String(run)], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.length > 5_000 + run * 777) child.kill('SIGKILL');
  });
  await once(child, 'close');
  expect(child.signalCode).toBe('SIGKILL');
  // The last line may have been cut by the kill; every whole one is an acknowledgement.
  return output.slice(0, output.lastIndexOf('\n')).split('\n');
}

test('every acknowledged record survives kill -9, the log verifies, and the next start goes on', async () => {
  const directory = await temporaryDirectory();
  const acknowledged: string[] = [];
  for (let run = 0; run < 5; run += 1) {
    acknowledged.push(...(await recordUntilKilled(directory, run)));
    const report = await verifyAuditLog({ directory });
    expect(report.streams.flatMap(({ faults }) => faults)).toEqual([]);
    const recorded = new Set((await recordsOf(directory)).map(({ traceId }) => traceId));
    expect(acknowledged.filter((traceId) => !recorded.has(traceId))).toEqual([]);
  }
  expect(acknowledged.length).toBeGreaterThan(1_000);
  const starts = (await recordsOf(directory)).filter(({ outcome }) => outcome === 'started');
  expect(starts.map(({ recovery }) => recovery?.unclean)).toEqual([undefined, true, true, true, true]);
});

test('a process that is killed lets its stream go at once, and a living one does not', async () => {
  const world = await bench();
  const child = spawn(process.execPath, [PROCESS, world.directory, '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  await expect(world.open({ stream: STREAM })).rejects.toThrow('has another writer');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const log = await world.open({ stream: STREAM });
  expect(log.state()).toEqual({ ok: true });
});
