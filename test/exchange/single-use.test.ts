import { describe, expect, test } from 'vitest';
import { OAuthError } from '../../src/core/oauth-error.ts';
import { SingleUse } from '../../src/exchange/single-use.ts';
import type { TrustedIssuers } from '../../src/resources/issuers.ts';
import type { Cache } from '../../src/store/cache.ts';
import { MemoryCache } from '../../src/store/memory-cache.ts';
import { RedisCache } from '../../src/store/redis-cache.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { ci, ciJob, NOW, snapshotOf } from '../support/policy-builders.ts';
import { redisServer } from '../support/redis-server.ts';

const { issuers } = snapshotOf(ci('github'), ci('gitlab'));
const clock = new FakeClock(NOW);
const job = (jtiSha256 = '1'.repeat(64), issuer = 'github') => ciJob({}, { issuer, jtiSha256, hasJti: true });

async function outcome(one: SingleUse, identity = job(), at: TrustedIssuers = issuers): Promise<string> {
  try {
    await one.consume(identity, at);
    return 'used';
  } catch (error) {
    if (error instanceof OAuthError) return error.key;
    throw error;
  }
}

function scripted(answer: 'stored' | 'present' | 'unavailable') {
  const calls: [string, string, number][] = [];
  const cache: Pick<Cache, 'setIfAbsent'> = {
    setIfAbsent: async (...call) => {
      calls.push(call);
      return answer;
    },
  };
  return { calls, once: new SingleUse({ cache, clock }) };
}

describe('a token for single use', () => {
  test('is used by one of 100 callers at once (R3)', async () => {
    const once = new SingleUse({ cache: new MemoryCache({ clock }), clock });
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => outcome(once)));
    expect(Map.groupBy(outcomes, (one) => one).get('used')).toHaveLength(1);
    expect(outcomes.filter((one) => one === 'token_replayed')).toHaveLength(99);
  });

  test('is one by trust domain, issuer and jti; another of these is another token (R2)', async () => {
    const once = new SingleUse({ cache: new MemoryCache({ clock }), clock });
    expect(await outcome(once)).toBe('used');
    expect(await outcome(once, job('2'.repeat(64)))).toBe('used');
    expect(await outcome(once, job(undefined, 'gitlab'))).toBe('used');
    expect(await outcome(once, job(), { ...issuers, trustDomain: 'example.net' })).toBe('used');
    expect(await outcome(once)).toBe('token_replayed');
  });

  test('without a jti is refused before anything is stored (R2)', async () => {
    const { calls, once } = scripted('stored');
    expect(await outcome(once, ciJob({}))).toBe('token_claims');
    expect(calls).toEqual([]);
  });

  test('leaves a hash behind that holds neither issuer nor jti, for longer than it can be accepted (R2, R3)', async () => {
    const { calls, once } = scripted('stored');
    await outcome(once);
    const [key, value, ttlMs] = calls[0] ?? ['', '', 0];
    expect([key, value]).toEqual([expect.stringMatching(/^replay:[A-Za-z0-9_-]{43}$/), '1']);
    // exp is 290 s away, the skew 30 s, exp was rounded down, and another replica's clock may be ten minutes behind.
    expect(ttlMs).toBeGreaterThanOrEqual(321_000 + 600_000);
    expect(ttlMs).toBeLessThanOrEqual(400_000 + 600_000);
  });

  test('is refused with 503 when nobody can tell whether it was used (R4)', async () => {
    expect(await outcome(scripted('unavailable').once)).toBe('replay_unavailable');
    expect(new OAuthError('replay_unavailable')).toMatchObject({ status: 503, retryAfterSeconds: 5 });
  });

  test('is used once however many replicas there are, and by none while Redis is dead (R3, R4)', async (context) => {
    const redis = await redisServer(context);
    const replicas = [0, 1, 2].map(() => {
      const url = `redis://127.0.0.1:${redis.port}`;
      // No answer of a Redis that is there comes too late, however busy the machine is.
      const bounds = { connectTimeoutMs: 10_000, commandTimeoutMs: 10_000 };
      const cache = new RedisCache({ url, prefix: 'p:', metrics: createMetrics(), ...bounds });
      context.onTestFinished(() => cache.close());
      return { cache, once: new SingleUse({ cache, clock }) };
    });
    for (const { cache } of replicas) await expect.poll(() => cache.state()).toEqual({ ok: true });
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, number) => outcome(replicas[number % 3]?.once ?? scripted('stored').once)),
    );
    expect(outcomes.toSorted().slice(-2)).toEqual(['token_replayed', 'used']);
    expect(outcomes.filter((one) => one === 'used')).toHaveLength(1);
    await redis.kill();
    const fresh = job('3'.repeat(64));
    const afterwards = await Promise.all(replicas.map(({ once }) => outcome(once, fresh)));
    expect(afterwards).toEqual(['replay_unavailable', 'replay_unavailable', 'replay_unavailable']);
  });
});
