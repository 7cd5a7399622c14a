import { describe, expect, test } from 'vitest';
import { quotients, spread, sums } from '../../bench/statistics.ts';
import { fc } from '../support/properties.ts';

describe('spread', () => {
  test('takes the middle of an odd number of samples whatever their order', () => {
    expect(spread([30, 1, 200])).toEqual({ median: 30, min: 1, max: 200 });
  });

  test('takes the mean of the two in the middle of an even number of samples', () => {
    expect(spread([4, 1, 100, 2])).toEqual({ median: 3, min: 1, max: 100 });
  });

  test('orders by value and not by text', () => {
    expect(spread([9, 10, 100]).median).toBe(10);
  });

  test('is that one value for one sample', () => {
    expect(spread([7])).toEqual({ median: 7, min: 7, max: 7 });
  });

  test('refuses no samples and samples that are no number', () => {
    expect(() => spread([])).toThrow(RangeError);
    expect(() => spread([1, Number.NaN])).toThrow(RangeError);
    expect(() => spread([1, Number.POSITIVE_INFINITY])).toThrow(RangeError);
  });

  test('has at most half of the samples on either side of the median and changes none of them', () => {
    const samples = fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(samples, (values) => {
        const before = [...values];
        const { median, min, max } = spread(values);
        expect(values).toEqual(before);
        expect(values.filter((value) => value < median).length).toBeLessThanOrEqual(values.length / 2);
        expect(values.filter((value) => value > median).length).toBeLessThanOrEqual(values.length / 2);
        expect([min, max]).toEqual([Math.min(...values), Math.max(...values)]);
      }),
    );
  });
});

describe('quotients and sums', () => {
  test('pair the samples of one round', () => {
    expect(quotients([10, 90], [20, 30])).toEqual([0.5, 3]);
    expect(
      sums([
        [1, 2],
        [10, 20],
        [100, 200],
      ]),
    ).toEqual([111, 222]);
  });

  test('refuse rows of different rounds', () => {
    expect(() => quotients([1, 2], [1])).toThrow(RangeError);
    expect(() => sums([[1, 2], [1]])).toThrow(RangeError);
  });

  test('give no finite quotient for a cost of nothing, so that the spread refuses it', () => {
    expect(() => spread(quotients([1], [0]))).toThrow(RangeError);
  });
});
