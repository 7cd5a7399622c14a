import { describe, expect, test } from 'vitest';
import { NearestNames } from '../../src/resources/nearest-name.ts';

describe('NearestNames', () => {
  const known = Array.from({ length: 1_000 }, (_, at) => `mapping-${at}`);

  test('finds what was meant, and nothing for a name of its own', () => {
    const nearest = new NearestNames(new Set(['prod-eu', 'github']));
    expect(nearest.of('prod-ue')).toBe('prod-eu');
    expect(nearest.of('something-else')).toBeUndefined();
  });

  test('gives up when the names of one revision have cost too much, and keeps what it has found', () => {
    const nearest = new NearestNames(new Set(known));
    const found = Array.from({ length: 200 }, (_, at) => nearest.of(`napping-${at}`));
    expect(found.slice(0, 100)).toEqual(known.slice(0, 100));
    expect(found.slice(100)).toEqual(Array(100).fill(undefined));
    expect(nearest.of('napping-7')).toBe('mapping-7');
  });

  test('spends nothing on a name that it was asked for before', () => {
    const nearest = new NearestNames(new Set(known));
    for (let time = 0; time < 1_000; time += 1) expect(nearest.of('napping-7')).toBe('mapping-7');
    expect(nearest.of('napping-8')).toBe('mapping-8');
  });
});
