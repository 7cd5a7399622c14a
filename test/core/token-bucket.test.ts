import { describe, expect, test } from 'vitest';
import { TokenBucket } from '../../src/core/token-bucket.ts';

const RATE = { perSecond: 10, burst: 5 };
const take = (bucket: TokenBucket, times: number, now: number) =>
  Array.from({ length: times }, () => bucket.take(now)).filter((taken) => taken).length;

describe('TokenBucket', () => {
  test('gives its burst at once and not one more', () => {
    expect(take(new TokenBucket(RATE, 0), 9, 0)).toBe(5);
  });

  test('fills by time, in fractions, and never above its burst', () => {
    const bucket = new TokenBucket(RATE, 0);
    take(bucket, 5, 0);
    expect([bucket.take(99), bucket.take(100), bucket.take(100)]).toEqual([false, true, false]);
    expect(take(bucket, 9, 3_600_000)).toBe(5);
  });

  test('is neither filled nor emptied by a clock that goes back', () => {
    const bucket = new TokenBucket(RATE, 10_000);
    take(bucket, 3, 10_000);
    expect(bucket.left(0)).toBe(2);
    expect(bucket.left(0)).toBe(2);
  });

  test('says in whole seconds when one more is free, and at least one', () => {
    const slow = new TokenBucket({ perSecond: 0.2, burst: 1 }, 0);
    expect(slow.secondsUntilOne(0)).toBe(1);
    slow.take(0);
    expect(slow.secondsUntilOne(0)).toBe(5);
    expect([slow.take(4999), slow.take(5000)]).toEqual([false, true]);
  });

  test('goes into debt by what was spent elsewhere, one burst deep and not deeper', () => {
    const bucket = new TokenBucket(RATE, 0);
    bucket.spend(1_000_000, 0);
    expect([bucket.left(0), bucket.secondsUntilOne(0)]).toEqual([-5, 1]);
    expect([bucket.take(599), bucket.take(600)]).toEqual([false, true]);
  });

  test('takes back what was not used, up to its burst', () => {
    const bucket = new TokenBucket(RATE, 0);
    take(bucket, 2, 0);
    bucket.giveBack(1);
    expect(bucket.left(0)).toBe(4);
    bucket.giveBack(100);
    expect(bucket.left(0)).toBe(5);
  });
});
