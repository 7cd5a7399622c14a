import { createSecretKey, randomBytes } from 'node:crypto';
import { calculateJwkThumbprint } from 'jose';
import { describe, expect, test } from 'vitest';
import type { TrustedIssuer } from '../../src/resources/issuers.ts';
import type { Cache } from '../../src/store/cache.ts';
import { type CacheSeal, createCacheSeal } from '../../src/store/cache-seal.ts';
import { MemoryCache } from '../../src/store/memory-cache.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import type { KeyLookup } from '../../src/verifiers/held-keys.ts';
import { createIssuerKeys } from '../../src/verifiers/issuer-keys.ts';
import { memoryKeyOwnership } from '../../src/verifiers/key-ownership.ts';
import { newKey } from '../fakes/cluster-keys.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { clusterIssuer, ScriptedOutbound, staticKeys } from './issuers-under-test.ts';

const JWKS = 'https://keys.example.org/jwks';
const k1 = newKey('ES256', 'k1');
const k2 = newKey('ES256', 'k2');
const evil = newKey('ES256', 'k1');
const EVIL = await calculateJwkThumbprint(evil.jwk);
const issuer = clusterIssuer('edge-7', { keys: { kind: 'jwks', url: JWKS } });
const setOf = (...keys: readonly { jwk: object }[]) => ({ keys: keys.map(({ jwk }) => jwk) });
const seconds = (count: number) => count * 1000;

/** A cache that can be looked into and broken. */
class OpenCache extends MemoryCache {
  readonly entries = new Map<string, string>();
  down = false;
  commands = 0;

  override async get(key: string, maxBytes: number) {
    this.commands += 1;
    return this.down ? ({ outcome: 'unavailable' } as const) : super.get(key, maxBytes);
  }

  override async set(key: string, value: string, ttlMs: number) {
    this.commands += 1;
    this.entries.set(key, value);
    return super.set(key, value, ttlMs);
  }

  override async setIfAbsent(key: string, value: string, ttlMs: number) {
    this.commands += 1;
    return this.down ? 'unavailable' : super.setIfAbsent(key, value, ttlMs);
  }

  /** The one entry with keys, as an attacker sees it. */
  entry(): { key: string; value: string } {
    const [found, ...others] = this.entries;
    if (found === undefined || others.length > 0) throw new Error('not one entry');
    return { key: found[0], value: found[1] };
  }

  async poison(value: string): Promise<void> {
    await super.set(this.entry().key, value, seconds(3600));
  }
}

function world(maxAge = 3600) {
  const clock = new FakeClock();
  const outbound = new ScriptedOutbound();
  const cache = new OpenCache({ clock });
  const seal = createCacheSeal(createSecretKey(randomBytes(32)));
  const headers = { 'cache-control': `max-age=${maxAge}` };
  const publish = (...keys: readonly { jwk: object }[]) => outbound.json(JWKS, setOf(...keys), headers);
  publish(k1);
  const rejected: string[] = [];
  /** One process with a memory of its own. */
  const replica = (own: { cache?: Cache; seal?: CacheSeal; clock?: FakeClock } = {}) => {
    const metrics = createMetrics();
    const keys = createIssuerKeys({
      outbound,
      clock,
      metrics,
      ownership: memoryKeyOwnership(() => {}),
      random: () => 1,
      shared: {
        cache,
        seal,
        wait: async (milliseconds) => {
          clock.advance(milliseconds);
          await new Promise((done) => setImmediate(done));
        },
        onRejected: (name, reason) => rejected.push(`${name}: ${reason}`),
        ...own,
      },
      ...(own.clock && { clock: own.clock }),
    });
    const find = async (kid: string, of: TrustedIssuer = issuer) => told(await keys.find(of, kid, 'seek'));
    return { find, keys, metrics };
  };
  return { clock, outbound, cache, seal, publish, rejected, replica, fetches: () => outbound.requests.length };
}

function told(lookup: KeyLookup): string {
  if (lookup.found !== 'key') return lookup.found;
  return lookup.key.thumbprint === EVIL ? 'the key of the attacker' : lookup.key.kid;
}

describe('replicas share what one has fetched (V13)', () => {
  test('a replica that starts later asks the source for nothing, and knows how old the keys are', async () => {
    const { clock, replica, fetches } = world();
    const [one, two] = [replica(), replica()];
    expect(await one.find('k1')).toBe('k1');
    clock.advance(seconds(600));
    expect([await two.find('k1'), fetches()]).toEqual(['k1', 1]);
    expect(two.keys.state()[0]?.fetchedAt).toBe(one.keys.state()[0]?.fetchedAt);
    const { values } = await two.metrics.keyFetches.get();
    expect(values.map(({ labels, value }) => [labels['outcome'], value])).toEqual([['shared', 1]]);
  });

  test('replicas that miss at the same time cost one fetch, 10,000 waiting in each', async () => {
    const { outbound, replica, fetches } = world();
    let open = () => {};
    outbound.gate = new Promise((done) => {
      open = done;
    });
    const replicas = [replica(), replica()];
    const finds = replicas.flatMap(({ find }) => Array.from({ length: 10_000 }, () => find('k1')));
    setImmediate(() => setImmediate(open));
    expect(new Set(await Promise.all(finds))).toEqual(new Set(['k1']));
    expect(fetches()).toBe(1);
  });

  test('a holder of the lock that has died delays another by a few seconds, then that one fetches', async () => {
    const { clock, cache, replica, fetches } = world();
    const first = replica();
    await first.find('k1');
    const lock = cache.entry().key.replace('jwks:', 'jwks-lock:');
    clock.advance(seconds(3600));
    await cache.setIfAbsent(lock, 'of a process that is gone', seconds(3600));
    const before = clock.now();
    expect([await replica().find('k1'), fetches()]).toEqual(['k1', 2]);
    expect(clock.now() - before).toBeLessThanOrEqual(4100);
  });

  test('a holder that was slower than its lock leaves nothing: another may have left something newer', async () => {
    const { clock, cache, outbound, replica } = world();
    let open = () => {};
    outbound.gate = new Promise((done) => {
      open = done;
    });
    const finding = replica().find('k1');
    await expect.poll(() => outbound.requests.length).toBe(1);
    clock.advance(seconds(4));
    open();
    expect([await finding, cache.entries.size]).toEqual(['k1', 0]);
  });

  test('the lock is given back, also when the source fails', async () => {
    const { outbound, publish, replica, fetches } = world();
    outbound.script.clear();
    expect(await replica().find('k1')).toBe('unavailable');
    publish(k1);
    const before = fetches();
    expect([await replica().find('k1'), fetches() - before]).toEqual(['k1', 1]);
  });

  test('warm lookups cost no command, and static keys none ever (DESIGN section 13)', async () => {
    const { cache, replica } = world();
    const one = replica();
    const fixed = clusterIssuer('fixed', { keys: staticKeys(k2) });
    expect(await one.find('k2', fixed)).toBe('k2');
    expect(await one.find('k9', fixed)).toBe('absent');
    expect(cache.commands).toBe(0);
    await one.find('k1');
    const before = cache.commands;
    for (let times = 0; times < 1000; times += 1) await one.find('k1');
    expect(cache.commands).toBe(before);
  });

  test('an answer of a replica whose clock is ahead a little counts from now, and serves its time', async () => {
    const { clock, replica, rejected, fetches } = world();
    await replica({ clock: new FakeClock(clock.now() + seconds(20)) }).find('k1');
    const { find, keys } = replica();
    expect([await find('k1'), await find('k1'), fetches()]).toEqual(['k1', 'k1', 1]);
    expect([keys.state()[0]?.fetchedAt, rejected]).toEqual([clock.now(), []]);
  });

  test('an answer that came after the clock was set back is not taken for an old one', async () => {
    const { clock, replica, rejected } = world();
    const [one, two] = [replica(), replica()];
    expect([await one.find('k1'), await two.find('k1')]).toEqual(['k1', 'k1']);
    clock.advance(-seconds(600));
    expect([await one.find('k1'), await two.find('k1')]).toEqual(['k1', 'k1']);
    expect(rejected).toEqual(['edge-7: from the future']);
  });

  test('keys renewed ahead of time by one are taken over by the other', async () => {
    const { clock, replica, fetches } = world();
    const [one, two] = [replica(), replica()];
    await one.find('k1');
    await two.find('k1');
    clock.advance(seconds(3300));
    for (const replica of [one, two]) {
      await replica.find('k1');
      await expect.poll(() => replica.keys.state()[0]?.fetchedAt).toBe(clock.now());
      expect(fetches()).toBe(2);
    }
  });
});

describe('an unknown kid, over all replicas (K15)', () => {
  test('costs one fetch per 30 s together, and is found by all when it is there', async () => {
    const { clock, publish, replica, fetches } = world();
    const [one, two] = [replica(), replica()];
    await one.find('k1');
    await two.find('k1');
    publish(k1, k2);
    clock.advance(seconds(30));
    expect([await one.find('ghost'), fetches()]).toEqual(['absent', 2]);
    clock.advance(seconds(10));
    expect([await two.find('k2'), fetches()]).toEqual(['k2', 2]);
    expect([await two.find('other'), fetches()]).toEqual(['absent', 2]);
    clock.advance(seconds(20));
    expect([await two.find('other'), fetches()]).toEqual(['absent', 3]);
  });

  test('that another replica did not find is asked for again after 30 s, not remembered as denied', async () => {
    const { clock, publish, replica, fetches } = world();
    const [one, two] = [replica(), replica()];
    await one.find('k1');
    await two.find('k1');
    clock.advance(seconds(30));
    expect(await one.find('k2')).toBe('absent');
    clock.advance(seconds(10));
    expect([await two.find('k2'), fetches()]).toEqual(['absent', 2]);
    publish(k1, k2);
    clock.advance(seconds(20));
    expect([await two.find('k2'), fetches()]).toEqual(['k2', 3]);
  });

  test('is asked of the source, where a replica starts with keys that others fetched long ago', async () => {
    const { clock, publish, replica, fetches } = world();
    await replica().find('k1');
    publish(k1, k2);
    clock.advance(seconds(600));
    const fresh = replica();
    const finds = await Promise.all(Array.from({ length: 100 }, (_, index) => fresh.find(index === 99 ? 'k2' : 'k1')));
    expect([finds.at(-1), new Set(finds).size, fetches()]).toEqual(['k2', 2, 2]);
  });
});

describe('a cache that is poisoned (V15)', () => {
  test('with the key of an attacker under the very kid is never believed, and there is an alarm', async () => {
    const { cache, rejected, replica, fetches } = world();
    await replica().find('k1');
    const { value } = cache.entry();
    const [mac = '', head = ''] = value.split('\n');
    const forged = JSON.stringify(setOf(evil));
    const foreign = createCacheSeal(createSecretKey(randomBytes(32)));
    const attempts = [
      forged,
      `${mac}\n${head}\n${forged}`,
      `\n${head}\n${forged}`,
      `${'A'.repeat(43)}\n${head}\n${forged}`,
      foreign.seal(`${head}\n${forged}`, ['jwks', 'edge-7', JSON.stringify(['edge-7', issuer.issuer, issuer.keys])]),
      value.replace(/\n([0-9]+) /, (_, at: string) => `\n${Number(at) + 1} `),
      value.replace(' 3600\n', ' 86400\n'),
      '\u{1f600}'.repeat(50),
      'x',
    ];
    for (const attempt of attempts) {
      await cache.poison(attempt);
      const before = fetches();
      expect(await replica().find('k1')).toBe('k1');
      expect(fetches() - before).toBe(1);
    }
    expect(rejected).toHaveLength(attempts.length);
    expect(new Set(rejected)).toEqual(new Set(['edge-7: not sealed by a replica for this issuer and key source']));
  });

  test('with what belongs to another issuer, or to another source of the same, is not believed', async () => {
    const { cache, outbound, rejected, replica } = world();
    const other = clusterIssuer('edge-8', { keys: { kind: 'jwks', url: 'https://other.example.org/jwks' } });
    outbound.json('https://other.example.org/jwks', setOf(k2), { 'cache-control': 'max-age=3600' });
    await replica().find('k1');
    const { value } = cache.entry();
    const mine = cache.entry().key;
    cache.entries.clear();
    await replica().find('k2', other);
    await cache.poison(value);
    expect(await replica().find('k1', other)).toBe('absent');
    expect(await replica().find('k2', other)).toBe('k2');
    await cache.set(mine, value, seconds(3600));
    const moved = clusterIssuer('edge-7', { keys: { kind: 'jwks', url: 'https://other.example.org/jwks' } });
    expect(await replica().find('k1', moved)).toBe('absent');
    expect(rejected).toEqual(['edge-8: not sealed by a replica for this issuer and key source']);
  });

  test('with a value of a megabyte costs no more than the largest key set, and an alarm', async () => {
    const { cache, rejected, replica } = world();
    await replica().find('k1');
    await cache.poison('x'.repeat(1024 * 1024));
    expect(await replica().find('k1')).toBe('k1');
    expect(rejected).toEqual(['edge-7: too large']);
  });

  test('with an older value of its own does not bring a withdrawn key back, from any state of a process', async () => {
    const { clock, cache, publish, rejected, replica } = world();
    const one = replica();
    await one.find('k1');
    const { value: withdrawn } = cache.entry();
    publish(k2);
    clock.advance(seconds(60));
    expect(await one.find('k2')).toBe('k2');
    await cache.poison(withdrawn);
    clock.advance(seconds(31));
    expect([await one.find('k1'), await one.find('k2')]).toEqual(['absent', 'k2']);
    expect(rejected).toEqual(['edge-7: older than what was there before']);
    // A process that knows nothing believes it for as long as the set may be used unasked, an hour at most (K17).
    await cache.poison(withdrawn);
    clock.advance(seconds(3600));
    expect(await replica().find('k1')).toBe('absent');
    expect(rejected.at(-1)).toBe('edge-7: too old');
  });

  test('does not bring a withdrawn key back within the tolerance for clocks either', async () => {
    const { clock, cache, publish, rejected, replica } = world();
    const one = replica();
    await one.find('k1');
    clock.advance(seconds(30));
    await one.find('ghost');
    const { value: withdrawn } = cache.entry();
    publish(k2);
    clock.advance(seconds(5));
    // Another process has the newer answer, and this one takes it over.
    cache.down = true;
    const two = replica();
    expect(await two.find('k2')).toBe('k2');
    cache.down = false;
    await cache.poison(withdrawn);
    clock.advance(seconds(30));
    expect([await two.find('k1'), await two.find('k2')]).toEqual(['absent', 'k2']);
    expect(rejected.length).toBeLessThanOrEqual(1);
  });

  test('does not bring a withdrawn key back by the answer of a replica whose clock is ahead', async () => {
    const { clock, cache, seal, publish, replica, fetches } = world();
    const one = replica();
    await one.find('k1');
    publish(k2);
    clock.advance(seconds(30));
    expect([await one.find('k2'), fetches()]).toEqual(['k2', 2]);
    const about = ['jwks', 'edge-7', JSON.stringify(['edge-7', issuer.issuer, issuer.keys])];
    await cache.poison(seal.seal(`${clock.now() + seconds(20)} 3600\n${JSON.stringify(setOf(k1))}`, about));
    clock.advance(seconds(30));
    expect([await one.find('k1'), await one.find('k2'), fetches()]).toEqual(['absent', 'k2', 3]);
    // By the word of the source it comes back.
    publish(k1, k2);
    clock.advance(seconds(150));
    expect(await one.find('k1')).toBe('k1');
  });

  test('with a value of its own that was to be forgotten by now is not believed', async () => {
    const { clock, cache, replica, fetches } = world();
    await replica().find('k1');
    const { value } = cache.entry();
    clock.advance(seconds(2699));
    expect([await replica().find('k1'), fetches()]).toEqual(['k1', 1]);
    clock.advance(seconds(1));
    await cache.poison(value);
    expect([await replica().find('k1'), fetches()]).toEqual(['k1', 2]);
  });

  test('with a value from the future is not believed', async () => {
    const { clock, cache, rejected, replica, fetches } = world();
    const ahead = new FakeClock(clock.now() + seconds(31));
    await replica({ clock: ahead }).find('k1');
    expect([await replica().find('k1'), fetches()]).toEqual(['k1', 2]);
    expect(rejected).toEqual(['edge-7: from the future']);
    cache.entries.clear();
  });

  test('with a sealed document that is no key set is not believed: it is read as strictly as an answer', async () => {
    const { cache, seal, clock, rejected, replica } = world();
    await replica().find('k1');
    const about = ['jwks', 'edge-7', JSON.stringify(['edge-7', issuer.issuer, issuer.keys])];
    const bodies = [
      `${clock.now()} 3600\n{"keys":[]}`,
      `${clock.now()} 3600\n{"keys":[],"keys":[]}`,
      `${clock.now()} 3600\n${JSON.stringify({ keys: [{ ...k1.jwk, d: 'AA' }] })}`,
      `soon 3600\n${JSON.stringify(setOf(evil))}`,
      '',
    ];
    for (const body of bodies) {
      await cache.poison(seal.seal(body, about));
      expect(await replica().find('k1')).toBe('k1');
    }
    expect(new Set(rejected)).toEqual(new Set(['edge-7: no key set']));
    expect(rejected).toHaveLength(bodies.length);
  });
});

describe('a cache that cannot be had (R4)', () => {
  test('costs each process its own fetch and nothing else', async () => {
    const { cache, replica, fetches, rejected } = world();
    cache.down = true;
    const replicas = [replica(), replica(), replica()];
    for (const { find } of replicas) expect(await find('k1')).toBe('k1');
    for (const { find } of replicas) expect(await find('k1')).toBe('k1');
    expect([fetches(), rejected]).toEqual([3, []]);
  });

  test('and comes back is used again', async () => {
    const { clock, cache, replica, fetches } = world(60);
    cache.down = true;
    const one = replica();
    await one.find('k1');
    cache.down = false;
    clock.advance(seconds(60));
    await one.find('k1');
    expect([await replica().find('k1'), fetches()]).toEqual(['k1', 2]);
  });
});
