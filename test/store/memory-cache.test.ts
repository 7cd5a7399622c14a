import { describe, expect, test } from 'vitest';
import { MemoryCache } from '../../src/store/memory-cache.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { cacheContract } from './cache-contract.ts';

cacheContract('memory', async () => {
  const clock = new FakeClock();
  const cache = new MemoryCache({ clock });
  return { open: () => cache, pass: async (milliseconds) => clock.advance(milliseconds) };
});

describe('MemoryCache, bounded', () => {
  test('forgets the value used least when there are too many', async () => {
    const cache = new MemoryCache({ clock: new FakeClock(), maxEntries: 2 });
    await cache.set('a', 'a', 1000);
    await cache.set('b', 'b', 1000);
    await cache.get('a', 10);
    await cache.set('c', 'c', 1000);
    expect((await cache.get('a', 10)).outcome).toBe('hit');
    expect((await cache.get('b', 10)).outcome).toBe('miss');
  });

  test('forgets values when they are too large together', async () => {
    const cache = new MemoryCache({ clock: new FakeClock(), maxSize: 1000 });
    for (let index = 0; index < 100; index += 1) await cache.set(`k${index}`, 'x'.repeat(90), 1000);
    const kept = await Promise.all(Array.from({ length: 100 }, (_, index) => cache.get(`k${index}`, 100)));
    expect(kept.filter(({ outcome }) => outcome === 'hit').length).toBeLessThan(11);
    expect(kept.at(-1)?.outcome).toBe('hit');
  });

  test('never forgets what was stored once only: full, it refuses, until the time of one is over (R4)', async () => {
    const clock = new FakeClock();
    const cache = new MemoryCache({ clock, maxEntries: 3 });
    for (const [key, ttl] of [
      ['a', 1000],
      ['b', 2000],
      ['c', 3000],
    ] as const) {
      expect(await cache.setIfAbsent(key, 'x', ttl)).toBe('stored');
    }
    for (let index = 0; index < 10; index += 1) await cache.set(`v${index}`, 'x', 1000);
    expect(await cache.setIfAbsent('d', 'x', 1000)).toBe('unavailable');
    expect(await cache.setIfAbsent('a', 'x', 1000)).toBe('present');
    clock.advance(1000);
    expect(await cache.setIfAbsent('d', 'x', 1000)).toBe('stored');
    expect(await cache.setIfAbsent('e', 'x', 1000)).toBe('unavailable');
    expect(await cache.setIfAbsent('b', 'x', 1000)).toBe('present');
  });

  test('is empty once it is closed', async () => {
    const cache = new MemoryCache({ clock: new FakeClock() });
    await cache.set('a', 'a', 1000);
    await cache.close();
    expect([await cache.get('a', 10), cache.state()]).toEqual([{ outcome: 'miss' }, { ok: true }]);
  });
});
