import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { TestContext } from 'vitest';
import { freePort } from './running-carnet.ts';

export interface RedisServer {
  readonly port: number;
  /** For tests that look into Redis or write into it as an attacker would. */
  readonly client: Redis;
  /** Kills the process; `start` brings another one to the same port, which has forgotten everything. */
  kill(): Promise<void>;
  start(password?: string): Promise<void>;
  /** Reads and writes that Redis has executed since its start, whoever asked for them. */
  commands(): Promise<number>;
}

/** Debian's redis-server on a free port of loopback, without persistence, for one test; where it is missing the test says so. */
export async function redisServer(context: TestContext, password?: string): Promise<RedisServer> {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'carnet-redis-'));
  context.onTestFinished(() => rm(folder, { recursive: true, force: true }));
  let child = await launch(port, folder, password);
  if (child === undefined) return context.skip('not run: redis-server is not installed (scripts/ci-services.sh)');
  const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 20, ...(password && { password }) });
  client.on('error', () => {});
  const kill = async () => {
    const running = child;
    child = undefined;
    if (running === undefined) return;
    const ended = once(running, 'exit');
    running.kill('SIGKILL');
    await ended;
  };
  context.onTestFinished(async () => {
    client.disconnect();
    await kill();
  });
  return {
    port,
    client,
    kill,
    async start(changed = password) {
      child = await launch(port, folder, changed);
    },
    async commands() {
      const statistics = await client.info('commandstats');
      const calls = [...statistics.matchAll(/cmdstat_(?:get|getrange|set|eval|del):calls=([0-9]+)/g)];
      return calls.reduce((sum, [, count]) => sum + Number(count), 0);
    },
  };
}

/** Undefined when there is no such program. */
async function launch(port: number, folder: string, password = ''): Promise<ChildProcess | undefined> {
  const settings = { port, bind: '127.0.0.1', save: '', appendonly: 'no', dir: folder, requirepass: password };
  const child = spawn(
    'redis-server',
    Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const missing = new Promise<undefined>((done) => child.once('error', () => done(undefined)));
  const ready = new Promise<ChildProcess>((done, fail) => {
    let said = '';
    child.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString();
      if (said.includes('Ready to accept connections')) done(child);
    });
    child.once('exit', () => fail(new Error(`redis-server ended: ${said}`)));
  });
  ready.catch(() => undefined);
  return Promise.race([ready, missing]);
}
