import { describe, expect, test } from 'vitest';
import { each, type Steps, sorted, whole } from '../../src/core/steps.ts';
import { fc } from '../support/properties.ts';

/** How many steps there are before the end. */
function stepsOf(steps: Steps<unknown>): number {
  let taken = 0;
  while (steps.next().done !== true) taken += 1;
  return taken;
}

describe('each', () => {
  test('visits all of them in their order, so many in one step', () => {
    const visited: number[] = [];
    expect(stepsOf(each([5, 6, 7, 8, 9], 2, (one) => visited.push(one)))).toBe(2);
    expect(visited).toEqual([5, 6, 7, 8, 9]);
  });
});

describe('sorted', () => {
  const byTens = (a: number, b: number) => Math.floor(a / 10) - Math.floor(b / 10);

  test('is what toSorted gives, equal ones in their order, for any list (property)', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 300 }), { minLength: 0, maxLength: 900 }), (list) => {
        expect(whole(sorted(list, byTens))).toEqual(list.toSorted(byTens));
      }),
      { numRuns: 50 },
    );
  });

  test('leaves a list alone that is in order, and no other', () => {
    const list = [11, 15, 12, 20];
    expect(whole(sorted(list, byTens))).toBe(list);
    expect(whole(sorted([...list, 19], byTens))).toEqual([11, 15, 12, 19, 20]);
  });

  test('takes steps that are short, in order or not', () => {
    const many = Array.from({ length: 10_000 }, (_, at) => at);
    expect(stepsOf(sorted(many, byTens))).toBeGreaterThanOrEqual(49);
    expect(stepsOf(sorted(many.toReversed(), byTens))).toBeGreaterThan(300);
  });
});
