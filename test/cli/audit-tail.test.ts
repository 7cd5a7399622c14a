import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { auditTail } from '../../src/cli/audit/audit-tail.ts';
import { recordOf } from '../admin/trail/records.ts';
import { FakeSurroundings } from './fake-surroundings.ts';

/** A server with this many records, which is away for as many requests as `away` says. */
async function server() {
  const state = { count: 1, away: 0, asked: 0 };
  const listening = createServer((_, answer) => {
    state.asked += 1;
    const isAway = state.away > 0;
    state.away -= isAway ? 1 : 0;
    const items = Array.from({ length: state.count }, (__, index) => ({
      ...recordOf('issued', { traceId: `trace-${state.count - index}` }),
      seq: state.count - index,
    }));
    answer.writeHead(isAway ? 503 : 200, { 'content-type': 'application/json' });
    answer.end(JSON.stringify(isAway ? { title: 'away' } : { items, coverage: {} }));
  });
  await once(listening.listen(0, '127.0.0.1'), 'listening');
  const folder = await mkdtemp(join(tmpdir(), 'carnet-tail-'));
  await writeFile(join(folder, 'token'), 'x');
  onTestFinished(async () => {
    listening.closeAllConnections();
    listening.close();
    await rm(folder, { recursive: true });
  });
  return { state, folder, endpoint: `http://127.0.0.1:${(listening.address() as AddressInfo).port}` };
}

async function tail(args: { away?: number } = {}) {
  const { state, folder, endpoint } = await server();
  state.away = args.away ?? 0;
  const around = new FakeSurroundings({ workingDirectory: folder });
  const running = auditTail({ endpoint, tokenFile: 'token', output: 'json' }, around, 1);
  return { state, around, running };
}

describe('carnet audit tail of a server', () => {
  test('prints each record once, in their order, over an outage that it tells of once', async () => {
    const { state, around, running } = await tail();
    await around.until(({ stdout }) => stdout.includes('trace-1'));
    state.away = 3;
    state.count = 3;
    await around.until(({ stdout }) => stdout.includes('trace-3'));
    around.send('SIGINT');
    expect(await running).toBe(0);
    const lines = around.stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).traceId)).toEqual(['trace-1', 'trace-2', 'trace-3']);
    expect(around.stderr.match(/asking again/g)).toHaveLength(1);
    expect(state.asked).toBeGreaterThanOrEqual(5);
  });

  test('that is away from the beginning ends with 69', async () => {
    const { running } = await tail({ away: 1 });
    await expect(running).rejects.toMatchObject({ exitCode: 69 });
  });
});
