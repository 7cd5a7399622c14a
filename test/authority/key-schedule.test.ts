import { describe, expect, test } from 'vitest';
import {
  activeKey,
  CLOCK_DIFFERENCE_MS,
  LEAD_MS,
  lastChangeAt,
  MAX_UNREAD_MS,
  MIN_ROTATION_MS,
  PUBLISHED_BEFORE_USE_MS,
  publishedKeys,
  RETENTION_MS,
  stateOf,
} from '../../src/authority/key-schedule.ts';
import type { Keyring, KeyTimes, RingKey } from '../../src/authority/keyring.ts';
import { generateSigningKey } from '../../src/authority/signing-keys.ts';
import { SVID_TTL } from '../../src/resources/targets/jwt-svid.ts';
import { KEYS_SECONDS, METADATA_SECONDS } from '../../src/routes/discovery.ts';

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
    { publishedAt: 10 * DAY, activeAt: 10 * DAY, retiredAt: 40 * DAY, goneAt: 42 * DAY },
    { publishedAt: 39 * DAY, activeAt: 40 * DAY },
  );

  test.each([
    ['before the next key is active', 40 * DAY - 1, 0, [0, 1], ['active', 'prepared']],
    ['from the instant the next key is active', 40 * DAY, 1, [0, 1], ['retired', 'active']],
    ['while the old key is still published', 42 * DAY - 1, 1, [0, 1], ['retired', 'active']],
    ['from the instant the old key is gone', 42 * DAY, 1, [1], ['gone', 'active']],
  ])('sign with and publish the right keys %s', (_, now, active, published, states) => {
    expect(index(activeKey(rotation, now))).toBe(active);
    expect(indexes(publishedKeys(rotation, now))).toEqual(published);
    expect(rotation.map((key) => stateOf(rotation, key, now))).toEqual(states);
  });

  test('use an only key however far ahead the clock was that it was made by', () => {
    const first = ring({ publishedAt: 400 * DAY, activeAt: 400 * DAY });
    for (const now of [DAY, 400 * DAY - CLOCK_DIFFERENCE_MS - 1, 400 * DAY]) {
      expect(index(activeKey(first, now))).toBe(0);
      expect(indexes(publishedKeys(first, now))).toEqual([0]);
      expect(stateOf(first, first[0], now)).toBe('active');
    }
  });

  test('use the first of two keys where the clock is behind by what is tolerated, and not by more', () => {
    const two = ring({ publishedAt: 9 * DAY, activeAt: 10 * DAY }, { publishedAt: 9 * DAY, activeAt: 20 * DAY });
    expect(index(activeKey(two, 10 * DAY - CLOCK_DIFFERENCE_MS))).toBe(0);
    expect(activeKey(two, 10 * DAY - CLOCK_DIFFERENCE_MS - 1)).toBeUndefined();
  });

  test('use the next key where a clock that was ahead has erased the one before it, as gone, and no later key', () => {
    const left = (removalAt: number) =>
      ring(
        { publishedAt: 9 * DAY, activeAt: 10 * DAY, retiredAt: 375 * DAY, goneAt: 377 * DAY, removalAt },
        { publishedAt: 374 * DAY, activeAt: 375 * DAY },
      );
    for (const now of [DAY, 9 * DAY, 10 * DAY]) expect(index(activeKey(left(12 * DAY), now))).toBe(0);
    expect(activeKey(left(10 * DAY - 1), 9 * DAY)).toBeUndefined();
    expect(index(activeKey(left(12 * DAY), 375 * DAY))).toBe(1);
  });

  test('do not use a later key before its time, not even within the tolerated difference (M3)', () => {
    const prepared = ring(
      { publishedAt: 1, activeAt: 1, retiredAt: DAY, goneAt: 3 * DAY },
      { publishedAt: 2, activeAt: DAY },
    );
    expect(index(activeKey(prepared, DAY - 1))).toBe(0);
  });

  test('never sign with a retired key, even when no other is left and it is still published', () => {
    const retired = ring({ publishedAt: 1, activeAt: 1, retiredAt: 50, goneAt: 90 });
    expect(index(activeKey(retired, 49))).toBe(0);
    expect(activeKey(retired, 50)).toBeUndefined();
    expect(indexes(publishedKeys(retired, 89))).toEqual([0]);
    expect(publishedKeys(retired, 90)).toEqual([]);
  });

  test('do not fall back from a retired key to one that is only prepared', () => {
    const gap = ring({ publishedAt: 1, activeAt: 1, retiredAt: 50, goneAt: 60 }, { publishedAt: 2, activeAt: DAY });
    expect(activeKey(gap, DAY / 2)).toBeUndefined();
    expect(index(activeKey(gap, DAY))).toBe(1);
  });

  test('do not go back to a retired key where a new one had to sign at once and the clock is behind', () => {
    const hurried = ring(
      { publishedAt: 1, activeAt: 1, retiredAt: 9 * DAY, goneAt: 11 * DAY },
      { publishedAt: 10 * DAY, activeAt: 10 * DAY },
    );
    expect(index(activeKey(hurried, 10 * DAY - 60_000))).toBe(1);
  });
});

describe('lastChangeAt', () => {
  const rotation = ring(
    { publishedAt: 10, activeAt: 10, retiredAt: 40, goneAt: 60 },
    { publishedAt: 30, activeAt: 40, retiredAt: 80, goneAt: 90 },
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

  test('does not count an end that is yet to come', () => {
    expect(lastChangeAt(ring({ publishedAt: 10, activeAt: 10, retiredAt: 50, goneAt: 1000 }), 999)).toBe(10);
  });

  test('remembers keys that the ring no longer holds', () => {
    expect(lastChangeAt(ring({ publishedAt: 10, activeAt: 10, removalAt: 70 }), 100)).toBe(70);
  });
});

describe('the bounds of the schedule', () => {
  test('leave a day before first use, and room for clocks that differ', () => {
    expect(PUBLISHED_BEFORE_USE_MS).toBe(DAY);
    expect(LEAD_MS - PUBLISHED_BEFORE_USE_MS).toBeGreaterThan(2 * CLOCK_DIFFERENCE_MS);
  });

  test('are longer than any max-age that Carnet answers with', () => {
    for (const seconds of [KEYS_SECONDS, METADATA_SECONDS])
      expect(PUBLISHED_BEFORE_USE_MS).toBeGreaterThan(2 * seconds * 1000);
  });

  test('keep a retired key until the longest token that any mapping can ask for has ended', () => {
    const longestMs = Math.max(SVID_TTL.maxSeconds, 300) * 1000;
    const cachedMs = 3_600_000;
    expect(RETENTION_MS).toBeGreaterThanOrEqual(longestMs + MAX_UNREAD_MS + cachedMs + CLOCK_DIFFERENCE_MS);
  });

  test('publish three keys at most when keys change as often as they may', () => {
    expect(Math.ceil((LEAD_MS + RETENTION_MS) / MIN_ROTATION_MS)).toBeLessThanOrEqual(2);
  });
});
