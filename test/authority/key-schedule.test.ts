import { describe, expect, test } from 'vitest';
import { activeKey, lastChangeAt, publishedKeys } from '../../src/authority/key-schedule.ts';
import type { Keyring, KeyTimes, RingKey } from '../../src/authority/keyring.ts';
import { generateSigningKey } from '../../src/authority/signing-keys.ts';

const DAY = 86_400_000;
const keys = await Promise.all(Array.from({ length: 3 }, () => generateSigningKey('svid')));

function ring(...times: [KeyTimes, ...KeyTimes[]]): Keyring {
  const [first, ...rest] = times.map((one, index): RingKey => {
    const key = keys[index];
    if (!key) throw new Error('too many keys');
    return { key, ...one };
  });
  if (!first) throw new Error('no key');
  return [first, ...rest];
}
const index = (key: RingKey | undefined) => (key ? keys.indexOf(key.key) : -1);
const indexes = (published: readonly RingKey[]) => published.map(index);

describe('activeKey and publishedKeys', () => {
  const rotation = ring(
    { publishedAt: 10 * DAY, activeAt: 10 * DAY, retiredAt: 42 * DAY },
    { publishedAt: 39 * DAY, activeAt: 40 * DAY },
  );

  test.each([
    ['before the next key is active', 40 * DAY - 1, 0, [0, 1]],
    ['from the instant the next key is active', 40 * DAY, 1, [0, 1]],
    ['while the old key is still published', 42 * DAY - 1, 1, [0, 1]],
    ['from the instant the old key is retired', 42 * DAY, 1, [1]],
  ])('sign with and publish the right keys %s', (_, now, active, published) => {
    expect(index(activeKey(rotation, now))).toBe(active);
    expect(indexes(publishedKeys(rotation, now))).toEqual(published);
  });

  test('use the first key at once where the clock is behind that of the replica that made it', () => {
    const first = ring({ publishedAt: 10 * DAY, activeAt: 10 * DAY });
    expect(index(activeKey(first, 10 * DAY - 5000))).toBe(0);
    expect(indexes(publishedKeys(first, 10 * DAY - 5000))).toEqual([0]);
  });

  test('do not use a later key before its time, although it is published (M3)', () => {
    const prepared = ring({ publishedAt: 1, activeAt: 1 }, { publishedAt: 2, activeAt: DAY });
    expect(index(activeKey(prepared, DAY - 1))).toBe(0);
  });

  test('never sign with a retired key, even when no other is left', () => {
    const retired = ring({ publishedAt: 1, activeAt: 1, retiredAt: 50 });
    expect(index(activeKey(retired, 49))).toBe(0);
    expect(activeKey(retired, 50)).toBeUndefined();
    expect(publishedKeys(retired, 50)).toEqual([]);
  });

  test('do not fall back from a retired first key to one that is only prepared', () => {
    const gap = ring({ publishedAt: 1, activeAt: 1, retiredAt: 50 }, { publishedAt: 2, activeAt: 100 });
    expect(activeKey(gap, 60)).toBeUndefined();
    expect(index(activeKey(gap, 100))).toBe(1);
  });
});

describe('lastChangeAt', () => {
  const rotation = ring(
    { publishedAt: 10, activeAt: 10, retiredAt: 60 },
    { publishedAt: 30, activeAt: 40, retiredAt: 90 },
    { publishedAt: 70, activeAt: 80 },
  );

  test('grows exactly when the published keys change, and never falls', () => {
    let before = { change: lastChangeAt(rotation, 70), published: indexes(publishedKeys(rotation, 70)).join() };
    for (let now = 71; now <= 120; now++) {
      const after = { change: lastChangeAt(rotation, now), published: indexes(publishedKeys(rotation, now)).join() };
      expect(after.change > before.change).toBe(after.published !== before.published);
      expect(after.change).toBeGreaterThanOrEqual(before.change);
      before = after;
    }
  });

  test('is that of the first key while there is no other, on every replica', () => {
    const first = ring({ publishedAt: 10 * DAY, activeAt: 10 * DAY });
    for (const now of [10 * DAY - 5000, 10 * DAY, 400 * DAY]) expect(lastChangeAt(first, now)).toBe(10 * DAY);
  });

  test('does not count a retirement that is yet to come', () => {
    expect(lastChangeAt(ring({ publishedAt: 10, activeAt: 10, retiredAt: 1000 }), 999)).toBe(10);
  });
});
