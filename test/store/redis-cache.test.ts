import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { describe, expect, type TestContext, test, vi } from 'vitest';
import type { CacheState } from '../../src/store/cache.ts';
import { RedisCache } from '../../src/store/redis-cache.ts';
import type { RedisConnectionOptions } from '../../src/store/redis-connection.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { loopbackCertificate } from '../support/certificate-authority.ts';
import { redisServer } from '../support/redis-server.ts';
import { slowProxy } from '../support/slow-proxy.ts';
import { cacheContract } from './cache-contract.ts';

/** Bounds that only those meet who set their own. */
const PATIENT = { connectTimeoutMs: 10_000, commandTimeoutMs: 10_000 };

function open(context: TestContext, url: string, more: Partial<RedisConnectionOptions> & { prefix?: string } = {}) {
  const metrics = createMetrics();
  const states: CacheState[] = [];
  const cache = new RedisCache({
    url,
    prefix: 'p:',
    metrics,
    onState: (state) => states.push(state),
    ...PATIENT,
    ...more,
  });
  context.onTestFinished(() => cache.close());
  const connected = () => expect.poll(() => cache.state(), { interval: 10 }).toEqual({ ok: true });
  return { cache, metrics, states, connected };
}

/** Answers of every command to a cache that cannot be had. */
async function allAnswers(cache: RedisCache) {
  const answers = [
    cache.get('a', 10).then(({ outcome }) => outcome),
    cache.set('a', 'v', 1000),
    cache.setIfAbsent('a', 'v', 1000),
    cache.deleteIfValue('a', 'v'),
    cache.add('n', 1, 1000),
  ];
  return new Set(await Promise.all(answers));
}
const UNAVAILABLE = new Set(['unavailable']);

cacheContract('Redis', async (context) => {
  const { port, client } = await redisServer(context);
  /** Whatever has so little left to live is gone, and what stays has so much less: no test has to hurry. */
  const pass = async (milliseconds: number) => {
    for (const key of await client.keys('*')) {
      const left = await client.pttl(key);
      if (left >= 0) await client.pexpire(key, left - milliseconds);
    }
  };
  return { open: () => open(context, `redis://127.0.0.1:${port}`).cache, pass };
});

describe('RedisCache: keys', () => {
  test('of two installations stay apart, and all of them have a time to live', async (context) => {
    const redis = await redisServer(context);
    const url = `redis://127.0.0.1:${redis.port}`;
    const one = open(context, url, { prefix: 'one:' }).cache;
    const other = open(context, url, { prefix: 'other:' }).cache;
    await one.set('a', '1', 60_000);
    await one.setIfAbsent('b', '1', 60_000);
    await one.add('n', 1, 60_000);
    expect(await other.get('a', 10)).toEqual({ outcome: 'miss' });
    expect(await other.setIfAbsent('b', '1', 60_000)).toBe('stored');
    const keys = (await redis.client.keys('*')).sort();
    expect(keys).toEqual(['one:a', 'one:b', 'one:n', 'other:b']);
    for (const key of keys) expect(await redis.client.pttl(key)).toBeGreaterThan(0);
  });

  test('of another type, and a counter that is none, are unavailable and do no harm', async (context) => {
    const redis = await redisServer(context);
    const { cache } = open(context, `redis://127.0.0.1:${redis.port}`);
    await redis.client.lpush('p:a', 'x');
    await redis.client.set('p:n', 'x');
    expect(await cache.get('a', 10)).toEqual({ outcome: 'unavailable' });
    expect(await cache.setIfAbsent('a', 'v', 1000)).toBe('present');
    expect(await cache.add('n', 1, 1000)).toBe('unavailable');
    expect(await cache.set('a', 'v', 1000)).toBe('stored');
    expect(cache.state()).toEqual({ ok: true });
  });

  test('of a counter whose time was taken away get one again', async (context) => {
    const redis = await redisServer(context);
    const { cache } = open(context, `redis://127.0.0.1:${redis.port}`);
    await redis.client.set('p:n', '5');
    expect(await cache.add('n', 1, 60_000)).toBe(6);
    expect(await redis.client.pttl('p:n')).toBeGreaterThan(0);
  });
});

describe('RedisCache: a Redis that is not there', () => {
  test('is unavailable at once, also when it dies in the middle, and is found again', async (context) => {
    const redis = await redisServer(context);
    const { cache, states, connected, metrics } = open(context, `redis://127.0.0.1:${redis.port}`);
    await cache.set('a', 'v', 60_000);
    await redis.kill();
    await expect.poll(() => cache.state().ok).toBe(false);
    expect(await allAnswers(cache)).toEqual(UNAVAILABLE);
    await redis.start();
    await connected();
    expect(await cache.get('a', 10)).toEqual({ outcome: 'miss' });
    expect(states.map(({ ok }) => ok)).toEqual([true, false, true]);
    const { values } = await metrics.cacheCommands.get();
    const unsent = values.filter(({ labels }) => labels['outcome'] === 'unavailable');
    expect(unsent.reduce((sum, { value }) => sum + value, 0)).toBe(5);
  });

  test('at the start is tried once by whoever comes first, and then no longer waited for', async (context) => {
    // Accepts and says nothing, as a host behind a firewall does.
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    context.onTestFinished(() => void silent.close());
    const { port } = silent.address() as AddressInfo;
    const { cache, states } = open(context, `redis://127.0.0.1:${port}`, { connectTimeoutMs: 50 });
    expect(await allAnswers(cache)).toEqual(UNAVAILABLE);
    expect(states).toHaveLength(1);
    expect(states[0]?.ok).toBe(false);
  });

  test('is not waited for when its answers are late: the connection is given up with all that waits on it', async (context) => {
    const redis = await redisServer(context);
    const proxy = await slowProxy(redis.port);
    context.onTestFinished(() => proxy.close());
    const { cache, states } = open(context, `redis://127.0.0.1:${proxy.port}`, { commandTimeoutMs: 1000 });
    expect(await cache.set('a', 'v', 60_000)).toBe('stored');
    proxy.delayMs = Number.POSITIVE_INFINITY;
    expect(await allAnswers(cache)).toEqual(UNAVAILABLE);
    expect(states.at(-1)).toEqual({ ok: false, reason: 'a command took too long' });
    const before = proxy.connections();
    expect(await allAnswers(cache)).toEqual(UNAVAILABLE);
    expect(proxy.connections() - before).toBeLessThanOrEqual(1);
  });

  test('does not answer after it was closed, and holds nothing open', async (context) => {
    const redis = await redisServer(context);
    const { cache } = open(context, `redis://127.0.0.1:${redis.port}`);
    await cache.set('a', 'v', 60_000);
    await cache.close();
    expect(await allAnswers(cache)).toEqual(UNAVAILABLE);
    await expect
      .poll(
        async () =>
          String(await redis.client.client('LIST'))
            .trim()
            .split('\n').length,
      )
      .toBe(1);
  });
});

describe('RedisCache: what Redis says', () => {
  /** Says the same to every command after the handshake. */
  async function liar(context: TestContext, said: string): Promise<number> {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (bytes) => socket.write(/ping/i.test(bytes.toString()) ? '+PONG\r\n' : said));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    context.onTestFinished(() => void server.close());
    return (server.address() as AddressInfo).port;
  }

  test('as an error, an array, another status or another protocol is never taken for success (V15)', async (context) => {
    for (const said of ['-MISCONF disk\r\n', '*1\r\n$1\r\na\r\n', '+QUEUED\r\n', 'HTTP/1.1 400 Bad Request\r\n\r\n']) {
      const { cache } = open(context, `redis://127.0.0.1:${await liar(context, said)}`);
      const { outcome } = await cache.get('a', 1000);
      if (said.startsWith('+')) expect(outcome).toBe('hit');
      else expect(outcome).toBe('unavailable');
      expect(await cache.set('a', 'v', 1000)).toBe('unavailable');
      expect(await cache.setIfAbsent('a', 'v', 1000)).toBe('unavailable');
      expect(await cache.deleteIfValue('a', 'v')).toBe('unavailable');
      expect(await cache.add('a', 1, 1000)).toBe('unavailable');
    }
  });
});

describe('RedisCache: a Redis that takes no writes any more', () => {
  test('is left for the one that has its address by now, as after a fail-over', async (context) => {
    const [first, second] = [await redisServer(context), await redisServer(context)];
    const proxy = await slowProxy(first.port);
    context.onTestFinished(() => proxy.close());
    const { cache, states, connected } = open(context, `redis://127.0.0.1:${proxy.port}`);
    expect(await cache.setIfAbsent('a', 'v', 60_000)).toBe('stored');
    await first.client.replicaof('127.0.0.1', second.port);
    proxy.target = second.port;
    expect(await cache.setIfAbsent('b', 'v', 60_000)).toBe('unavailable');
    expect(states.at(-1)).toEqual({ ok: false, reason: 'READONLY' });
    await connected();
    expect(await cache.setIfAbsent('b', 'v', 60_000)).toBe('stored');
    expect(await second.client.get('p:b')).toBe('v');
  });

  test('and is only full, is not left: nobody else has its keys', async (context) => {
    const redis = await redisServer(context);
    const proxy = await slowProxy(redis.port);
    context.onTestFinished(() => proxy.close());
    const { cache } = open(context, `redis://127.0.0.1:${proxy.port}`);
    expect(await cache.setIfAbsent('a', 'v', 60_000)).toBe('stored');
    await redis.client.config('SET', 'maxmemory', '1');
    expect(await cache.setIfAbsent('b', 'v', 60_000)).toBe('unavailable');
    await redis.client.config('SET', 'maxmemory', '0');
    expect(await cache.setIfAbsent('a', 'v', 60_000)).toBe('present');
    expect(proxy.connections()).toBe(1);
  });
});

describe('RedisCache: a Redis that is somebody else', () => {
  /** Answers PING, then says something that was not asked for, or closes; tells how many have come. */
  async function stranger(context: TestContext, after: (socket: Socket) => void) {
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.on('error', () => undefined);
      socket.on('data', (bytes) => {
        if (!/ping/i.test(bytes.toString())) return;
        socket.write('+PONG\r\n');
        setTimeout(after, 30, socket);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    context.onTestFinished(() => void server.close());
    return { port: (server.address() as AddressInfo).port, connections: () => connections };
  }

  for (const [what, said] of [
    ['nothing', '$-1\r\n'],
    ['nothing of RESP3', '_\r\n'],
    ['an array of a negative length', '*-7\r\n'],
    ['a push of nothing', '>1\r\n_\r\n'],
    ['a push that names no channel', '>1\r\n+subscribe\r\n'],
    ['an array of any size', '*4294967295\r\n'],
    ['arrays of any depth', `${'*1\r\n'.repeat(10_000)}+x\r\n`],
    ['a second answer behind a line that ends by half', '+a\rb$-1\r\n'],
    ['a text of a gigabyte', '$1073741824\r\n'],
  ] as const) {
    test(`cannot stop the process by saying ${what} unasked (V15)`, async (context) => {
      const { port } = await stranger(context, (socket) => socket.write(said));
      const { states } = open(context, `redis://127.0.0.1:${port}`);
      await expect.poll(() => states.map(({ ok }) => ok)).toEqual(expect.arrayContaining([true, false]));
    });
  }

  test('and closes each connection at once is asked ever more seldom', async (context) => {
    const pauses = vi.spyOn(globalThis, 'setTimeout');
    context.onTestFinished(() => void pauses.mockRestore());
    const { port, connections } = await stranger(context, (socket) => socket.destroy());
    open(context, `redis://127.0.0.1:${port}`);
    await expect.poll(connections).toBeGreaterThanOrEqual(4);
    await expect.poll(() => pauses.mock.calls.some(([, delay = 0]) => delay >= 400 && delay <= 800)).toBe(true);
  });
});

describe('RedisCache: the password', () => {
  test('comes from a file that is read at each connection, so that a new one needs no restart', async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'carnet-redis-password-'));
    context.onTestFinished(() => rm(folder, { recursive: true }));
    const passwordFile = join(folder, 'password');
    await writeFile(passwordFile, 'first\n');
    const redis = await redisServer(context, 'first');
    const { cache, connected } = open(context, `redis://127.0.0.1:${redis.port}`, { passwordFile });
    expect(await cache.set('a', 'v', 60_000)).toBe('stored');
    await redis.kill();
    await redis.start('second');
    await expect.poll(() => cache.state()).toEqual({ ok: false, reason: 'WRONGPASS' });
    expect(await allAnswers(cache)).toEqual(UNAVAILABLE);
    await writeFile(passwordFile, 'second\n');
    await connected();
    expect(await cache.set('a', 'v', 60_000)).toBe('stored');
  });

  test('absent where Redis wants one is unavailable, and so is a file that is not there', async (context) => {
    const redis = await redisServer(context, 'first');
    const url = `redis://127.0.0.1:${redis.port}`;
    const without = open(context, url).cache;
    const missing = open(context, url, { passwordFile: '/nowhere/password' }).cache;
    expect(await allAnswers(without)).toEqual(UNAVAILABLE);
    expect(await allAnswers(missing)).toEqual(UNAVAILABLE);
    expect([without.state(), missing.state()]).toEqual([
      { ok: false, reason: 'NOAUTH' },
      { ok: false, reason: 'ENOENT' },
    ]);
  });
});

describe('RedisCache: rediss', () => {
  test('speaks TLS to a server with a certificate of a root it trusts, and says nothing to another', async (context) => {
    const redis = await redisServer(context);
    const certificate = await loopbackCertificate('redis');
    let plain = 0;
    const server = createTlsServer(certificate, (near) => {
      const far = connect(redis.port, '127.0.0.1');
      near.on('error', () => undefined);
      near.on('data', (bytes) => {
        plain += bytes.length;
        far.write(bytes);
      });
      far.on('data', (bytes) => near.write(bytes));
      near.on('close', () => far.destroy());
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    context.onTestFinished(() => void server.close());
    const url = `rediss://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const stranger = open(context, url).cache;
    expect(await allAnswers(stranger)).toEqual(UNAVAILABLE);
    expect(plain).toBe(0);

    const roots = getCACertificates('default');
    setDefaultCACertificates([...roots, certificate.ca]);
    context.onTestFinished(() => setDefaultCACertificates(roots));
    expect(await open(context, url).cache.set('a', 'v', 60_000)).toBe('stored');
    expect(await redis.client.get('p:a')).toBe('v');
  });
});
