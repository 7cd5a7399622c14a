import { createSecretKey, randomBytes } from 'node:crypto';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pass } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { createCacheSeal } from '../../src/store/cache-seal.ts';
import { RedisCache } from '../../src/store/redis-cache.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { createIssuerKeys } from '../../src/verifiers/issuer-keys.ts';
import { memoryKeyOwnership } from '../../src/verifiers/key-ownership.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { newKey, signClaims } from '../fakes/cluster-keys.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { redisServer } from '../support/redis-server.ts';
import {
  AUDIENCE,
  exchangeForm,
  freePort,
  type Installation,
  install,
  type RunningCarnet,
  start,
} from '../support/running-carnet.ts';
import { slowProxy } from '../support/slow-proxy.ts';
import { ciIssuer, ScriptedOutbound } from '../verifiers/issuers-under-test.ts';

const JWKS_PATH = '/.well-known/jwks';

let cluster: FakeCluster;
beforeAll(async () => {
  cluster = await FakeCluster.start();
});
afterAll(() => cluster.close());

/** Replicas of one Carnet: the same issuer, trust domain and key-encryption key, each with a store and a port of its own. */
async function replicas(context: TestContext, redisPort: number, issuers: number) {
  const ci = await FakeOidcIssuer.start();
  context.onTestFinished(() => ci.close());
  const resources = `apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: ci }
spec:
  issuer: ${ci.issuer}
  audiences: ['${AUDIENCE}']
  keys: { discovery: {} }
  oidc: { requireClaims: { repository_owner_id: "1234567" }, spiffePath: '/ci/{claims.repository_owner_id}' }
---
apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: mesh }
spec:
  owner: platform@example.org
  subject: { issuer: ci, claims: { repository_owner_id: "1234567" } }
  target: { jwtSvid: { audiences: [ledger] } }
`;
  const more = `cache: { redis: { url: 'redis://127.0.0.1:${redisPort}' } }\n`;
  const port = await freePort();
  const running: RunningCarnet[] = [];
  let first: Installation | undefined;
  for (let index = 0; index < issuers; index += 1) {
    const installed = await install({
      cluster,
      resources,
      more,
      allowOrigins: [ci.issuer],
      ...(index === 0 && { port }),
    });
    context.onTestFinished(() => installed.remove());
    if (first !== undefined) {
      await mkdir(join(installed.folder, 'data'));
      await copyFile(join(first.folder, 'data/kek'), join(installed.folder, 'data/kek'));
    }
    first ??= installed;
    const configText = installed.configText.replace(`issuer: ${installed.url}`, `issuer: http://127.0.0.1:${port}`);
    const carnet = await start({ ...installed, configText });
    const place = running.push(carnet) - 1;
    context.onTestFinished(() => running[place]?.stop());
  }
  const exchange = async (index: number, token = ci.token(AUDIENCE)) => {
    const { status } = (await running[index]?.exchange(exchangeForm(token, 'ledger'))) ?? {};
    return status;
  };
  const ready = async (index: number) => {
    const answer = await fetch(`${running[index]?.url}/readyz`);
    return { status: answer.status, body: await answer.text() };
  };
  return { ci, running, exchange, ready, fetches: () => ci.requests(JWKS_PATH) };
}

describe('two replicas and a Redis', () => {
  test('cost an issuer one fetch, and a warm exchange costs Redis nothing (DESIGN section 13)', async (context) => {
    const redis = await redisServer(context);
    const { exchange, fetches, ready } = await replicas(context, redis.port, 2);
    expect([await exchange(0), await exchange(1)]).toEqual([200, 200]);
    expect(fetches()).toBe(1);
    expect((await ready(1)).body).toContain('"cache"');
    const commands = await redis.commandsDuring(async () => {
      for (let times = 0; times < 20; times += 1) expect(await exchange(times % 2)).toBe(200);
    });
    // Each replica looks for stops now and then, whether or not anything is exchanged.
    const isLookForStops = (words: readonly string[]) => words.some((word) => word.endsWith(':stops'));
    expect(commands.filter((words) => !isLookForStops(words))).toEqual([]);
  });

  test('go on when Redis is killed in the middle, and say so', async (context) => {
    const redis = await redisServer(context);
    const { running, exchange, ready } = await replicas(context, redis.port, 2);
    expect([await exchange(0), await exchange(1)]).toEqual([200, 200]);
    const answers: (number | undefined)[] = [];
    const load = (async () => {
      for (let times = 0; times < 60; times += 1) answers.push(await exchange(times % 2));
    })();
    await redis.kill();
    await load;
    expect(new Set(answers)).toEqual(new Set([200]));
    await expect.poll(async () => (await ready(0)).body).toContain('degraded');
    expect((await ready(0)).status).toBe(200);
    expect(running[0]?.log.some((line) => line.includes('the cache cannot be had'))).toBe(true);
  });

  test('never take keys from Redis that a replica did not put there (V15)', async (context) => {
    const redis = await redisServer(context);
    const { ci, running, exchange, fetches } = await replicas(context, redis.port, 1);
    expect(await exchange(0)).toBe(200);
    const [key, ...others] = (await redis.client.keys('*')).filter((name) => name.includes(':jwks:'));
    expect(others).toEqual([]);
    const { kid } = ci.signingKey;
    const thief = newKey('RS256', kid);
    const forged = JSON.stringify({ keys: [thief.jwk] });
    const left = await redis.client.get(key ?? '');
    const head = left?.split('\n').slice(0, 2).join('\n');
    for (const value of [forged, `${head}\n${forged}`]) {
      await redis.client.set(key ?? '', value);
      const stopped = running[0];
      if (stopped === undefined) throw new Error('nothing runs');
      await stopped.stop();
      running[0] = await start(stopped);
      const before = fetches();
      expect(await exchange(0)).toBe(200);
      expect(fetches() - before).toBe(1);
      expect(running[0].log.some((line) => line.includes('is not believed'))).toBe(true);
      const stolen = signClaims(thief, decodeJwt(ci.token(AUDIENCE)), { typ: 'JWT' });
      expect(await exchange(0, stolen)).toBe(400);
    }
  });
});

describe('a Redis that is dead or slow from the beginning', () => {
  test('stops no start and no exchange', async (context) => {
    const { exchange, fetches } = await replicas(context, await freePort(), 2);
    expect([await exchange(0), await exchange(1), await exchange(0), await exchange(1)]).toEqual([200, 200, 200, 200]);
    expect(fetches()).toBe(2);
  });

  test('is given up after one late answer, not waited for at each command', async (context) => {
    const redis = await redisServer(context);
    const proxy = await slowProxy(redis.port);
    context.onTestFinished(() => proxy.close());
    const { exchange, fetches } = await replicas(context, proxy.port, 1);
    await expect.poll(() => proxy.connections()).toBe(1);
    proxy.delayMs = Number.POSITIVE_INFINITY;
    const answers = await Promise.all(Array.from({ length: 20 }, () => exchange(0)));
    expect(new Set(answers)).toEqual(new Set([200]));
    expect(fetches()).toBe(1);
  });
});

describe('10,000 concurrent misses over two processes (V13)', () => {
  const JWKS = 'https://keys.example.org/jwks';
  const key = newKey('ES256', 'k1');
  const issuer = ciIssuer('ci', { keys: { kind: 'jwks', url: JWKS } });

  /** Each as a process has them: a connection and a memory of its own. */
  function processes(context: TestContext, port: number, count: number) {
    const outbound = new ScriptedOutbound();
    outbound.json(JWKS, { keys: [key.jwk] });
    outbound.gate = pass(50);
    const seal = createCacheSeal(createSecretKey(randomBytes(32)));
    const all = Array.from({ length: count }, () => {
      const metrics = createMetrics();
      // So many lookups at once keep a busy machine for longer than a Redis that is there may take.
      const bounds = { connectTimeoutMs: 30_000, commandTimeoutMs: 30_000 };
      const cache = new RedisCache({ url: `redis://127.0.0.1:${port}`, prefix: 'p:', metrics, ...bounds });
      context.onTestFinished(() => cache.close());
      const shared = { cache, seal, wait: (milliseconds: number) => pass(milliseconds), onRejected: () => {} };
      return createIssuerKeys({
        outbound,
        clock: systemClock,
        metrics,
        ownership: memoryKeyOwnership(() => {}),
        shared,
      });
    });
    const misses = async () => {
      const finds = Array.from({ length: 10_000 }, (_, index) => all[index % count]?.find(issuer, 'k1', 'seek'));
      return new Set((await Promise.all(finds)).map((lookup) => lookup?.found));
    };
    return { misses, fetches: () => outbound.requests.length };
  }

  test('cost one fetch while Redis is up', async (context) => {
    const { port } = await redisServer(context);
    const { misses, fetches } = processes(context, port, 2);
    expect([await misses(), fetches()]).toEqual([new Set(['key']), 1]);
  });

  test('cost one fetch over eight processes too', async (context) => {
    const { port } = await redisServer(context);
    const { misses, fetches } = processes(context, port, 8);
    expect([await misses(), fetches()]).toEqual([new Set(['key']), 1]);
  });

  test('cost one fetch a process while Redis is dead', async (context) => {
    const { misses, fetches } = processes(context, await freePort(), 2);
    expect([await misses(), fetches()]).toEqual([new Set(['key']), 2]);
  });
});
