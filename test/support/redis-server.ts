import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, type TestContext } from 'vitest';
import { freePort } from './running-carnet.ts';

export interface RedisServer {
  readonly port: number;
  /** For tests that look into Redis or write into it as an attacker would. */
  readonly client: Redis;
  /** Kills the process; `start` brings another one to the same port, which has forgotten everything. */
  kill(): Promise<void>;
  start(password?: string): Promise<void>;
  /** Every command, as words, that others send while `work` is under way. */
  commandsDuring(work: () => Promise<void>): Promise<readonly (readonly string[])[]>;
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
    async commandsDuring(work) {
      const seen: string[][] = [];
      const monitor = await client.monitor();
      try {
        monitor.on('monitor', (_time: string, words: string[]) => seen.push(words));
        await work();
        // Redis tells of commands in their order: after this one it has told of all before.
        await client.echo('end');
        await expect.poll(() => seen.at(-1)).toEqual(['echo', 'end']);
      } finally {
        monitor.disconnect();
      }
      return seen.slice(0, -1);
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
