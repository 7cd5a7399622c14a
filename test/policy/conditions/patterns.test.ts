import { expect, test } from 'vitest';
import { Patterns } from '../../../src/policy/conditions/patterns.ts';
import { fc } from '../../support/properties.ts';

/** How many of a hundred patterns are kept after all of them were compiled. */
function kept(make: (at: number) => string): number {
  const patterns = new Patterns();
  const all = Array.from({ length: 100 }, (_, at) => make(at));
  for (const pattern of all) expect(patterns.fault(pattern)).toBeUndefined();
  expect(patterns.instructions(all.at(-1) ?? '')).toBeGreaterThan(0);
  return all.filter((pattern) => patterns.instructions(pattern) > 0).length;
}

test('patterns are kept by what they weigh together: of those made of large classes the last alone', () => {
  expect(kept((at) => `^refs/heads/release-[0-9]+/${at}$`)).toBe(100);
  expect(kept((at) => `${'\\p{L}'.repeat(48)}${at}`)).toBe(60);
});

test('a pattern that is not kept any more says the same, and is kept again', () => {
  const patterns = new Patterns();
  const heavy = (at: number) => `${'\\p{L}'.repeat(48)}${at}`;
  patterns.fault(heavy(0));
  for (let at = 1; at < 100; at += 1) patterns.fault(heavy(at));
  expect(patterns.instructions(heavy(0))).toBe(0);
  expect([`${'a'.repeat(48)}0`, 'a0'].map((text) => patterns.test(heavy(0), text))).toEqual([true, false]);
  expect(patterns.instructions(heavy(0))).toBeGreaterThan(0);
});

test('a pattern says the same of any number of texts, however much of them it would have to remember', () => {
  const patterns = new Patterns();
  const pattern = '^(?:.*a.{40}b|.*c.{40}d)$';
  expect(patterns.fault(pattern)).toBeUndefined();
  const seen = { true: 0, false: 0 };
  const text = fc
    .array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 42, maxLength: 60 })
    .map((one) => one.join(''));
  fc.assert(
    fc.property(text, (one) => {
      const answer = patterns.test(pattern, one);
      seen[`${answer}`] += 1;
      expect(answer).toBe(new RegExp(pattern, 'u').test(one));
    }),
    { numRuns: 1000 },
  );
  expect(Math.min(seen.true, seen.false)).toBeGreaterThan(100);
});
