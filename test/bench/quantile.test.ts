import { describe, expect, test } from 'vitest';
import { quantile } from '../../bench/quantile.ts';

describe('quantile', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1);

  test('is the least sample with so many of them at or below it', () => {
    expect(quantile(hundred, 0.5)).toBe(50);
    expect(quantile(hundred, 0.99)).toBe(99);
    expect(quantile(hundred, 1)).toBe(100);
    expect(quantile([1, 2, 3], 0.5)).toBe(2);
  });

  test('is the one sample that there is', () => {
    expect(quantile([7], 0.01)).toBe(7);
    expect(quantile([7], 0.99)).toBe(7);
  });

  test('refuses no samples: a latency of nothing must not look like one', () => {
    expect(() => quantile([], 0.99)).toThrow(RangeError);
  });
});
