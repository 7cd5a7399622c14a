import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lengthPrefixedHash } from '../../src/core/length-prefixed-hash.ts';

test('is SHA-256 over each text behind its length in bytes', () => {
  const expected = createHash('sha256').update('2:ab0:3:€').digest('base64url');
  expect(lengthPrefixedHash('ab', '', '€')).toBe(expected);
});

test('differs for every two lists of texts, however they are joined (R2)', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '1', ':', '\0'), maxLength: 4 });
  const texts = fc.array(text, { maxLength: 4 });
  fc.assert(
    fc.property(texts, texts, (one, other) => {
      const same = JSON.stringify(one) === JSON.stringify(other);
      expect(lengthPrefixedHash(...one) === lengthPrefixedHash(...other)).toBe(same);
    }),
  );
});
