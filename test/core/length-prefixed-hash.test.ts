import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { lengthPrefixedHash, lengthPrefixedKey } from '../../src/core/length-prefixed-hash.ts';
import { fc } from '../support/properties.ts';

test('is SHA-256 over each text behind its length in bytes', () => {
  const expected = createHash('sha256').update('2:ab0:3:€').digest('base64url');
  expect(lengthPrefixedHash('ab', '', '€')).toBe(expected);
});

test.each([
  ['hash', lengthPrefixedHash],
  ['key', lengthPrefixedKey],
])('%s differs for every two lists of texts, however they are joined (R2)', (_, of) => {
  const text = fc.string({ unit: fc.constantFrom('a', '1', ':', '\0'), maxLength: 4 });
  const texts = fc.array(text, { maxLength: 4 });
  fc.assert(
    fc.property(texts, texts, (one, other) => {
      const same = JSON.stringify(one) === JSON.stringify(other);
      expect(of(...one) === of(...other)).toBe(same);
    }),
  );
});

test('a key is the texts where they are short, and never longer than 160 characters', () => {
  expect(lengthPrefixedKey('prod-eu', 'pod')).toBe('7:prod-eu3:pod');
  const fitting = 'x'.repeat(154);
  expect(lengthPrefixedKey('', fitting)).toBe(`0:154:${fitting}`);
  expect(lengthPrefixedKey('', `${fitting}x`)).toBe(lengthPrefixedHash('', `${fitting}x`));
});
