import { describe, expect, test } from 'vitest';
import { holds, SHORT } from '../../../src/policy/conditions/holds.ts';
import { fc } from '../../support/properties.ts';

const letters = (minLength: number, maxLength: number) =>
  fc.array(fc.constantFrom('a', 'a', 'a', 'b'), { minLength, maxLength }).map((list) => list.join(''));

describe('whether a text holds another', () => {
  test('is what the language says, where the other is long and repeats itself', () => {
    const seen = { held: 0, not: 0 };
    const repeated = fc
      .tuple(letters(1, 6), fc.integer({ min: SHORT, max: 2 * SHORT }))
      .map(([one, n]) => one.repeat(n));
    const part = fc.tuple(repeated, letters(0, 4)).map(([one, end]) => one + end);
    fc.assert(
      fc.property(part, letters(0, 8), letters(0, 8), fc.boolean(), (wanted, before, after, isThere) => {
        const text = isThere ? before + wanted + after : before + wanted.slice(0, -1) + after + wanted.slice(1);
        seen[text.includes(wanted) ? 'held' : 'not'] += 1;
        expect(holds(text, wanted)).toBe(text.includes(wanted));
      }),
      { numRuns: 2000 },
    );
    expect(Math.min(seen.held, seen.not)).toBeGreaterThan(100);
  });

  test.each([
    ['nothing', 'abc', '', true],
    ['itself', 'é'.repeat(100), 'é'.repeat(100), true],
    ['what is longer', 'é'.repeat(100), 'é'.repeat(101), false],
    ['half of a character', '😀'.repeat(100), `${'😀'.repeat(70)}\ud83d`, true],
  ])('holds for %s as for any text', (_what, text, part, answer) => {
    expect([holds(text, part), text.includes(part)]).toEqual([answer, answer]);
  });
});
