import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { BrokenSeal, type Sealed, seal, unseal, WrongEncryptionKey } from '../../src/authority/key-encryption.ts';
import { fc } from '../support/properties.ts';

const newKey = () => createSecretKey(randomBytes(32));
const CONTENT = Buffer.from('a private key, or so we say');
const BOUND = ['signing-key', 'cloud', 'kid-1', 1000, 1000, null];

/** The same text with one bit of its decoded bytes turned. */
function flipped(base64url: string, bit: number): string {
  const bytes = Buffer.from(base64url, 'base64url');
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return bytes.toString('base64url');
}

describe('seal and unseal', () => {
  const key = newKey();
  const sealed = seal(key, CONTENT, BOUND);

  test('gives back the bytes under the same key and binding', () => {
    expect(unseal(key, sealed, [...BOUND])).toEqual(CONTENT);
  });

  test('opens with an equal key that was loaded anew', () => {
    expect(unseal(createSecretKey(key.export()), sealed, BOUND)).toEqual(CONTENT);
  });

  test('refuses every single bit flipped in ciphertext, tag and nonce', () => {
    for (const part of ['ciphertext', 'tag', 'nonce'] as const) {
      const bits = Buffer.from(sealed[part], 'base64url').length * 8;
      for (let bit = 0; bit < bits; bit++)
        expect(() => unseal(key, { ...sealed, [part]: flipped(sealed[part], bit) }, BOUND), `${part} ${bit}`).toThrow(
          BrokenSeal,
        );
    }
  });

  test.each([
    ['a shortened tag', { tag: Buffer.from(sealed.tag, 'base64url').subarray(0, 12).toString('base64url') }],
    ['no tag', { tag: '' }],
    ['a longer nonce', { nonce: randomBytes(16).toString('base64url') }],
    ['no nonce', { nonce: '' }],
    ['a cut ciphertext', { ciphertext: sealed.ciphertext.slice(0, -4) }],
    ['no ciphertext', { ciphertext: '' }],
  ] satisfies [string, Partial<Sealed>][])('refuses %s', (_, change) => {
    expect(() => unseal(key, { ...sealed, ...change }, BOUND)).toThrow(BrokenSeal);
  });

  test.each([
    ['another purpose', ['signing-key', 'svid', 'kid-1', 1000, 1000, null]],
    ['another kid', ['signing-key', 'cloud', 'kid-2', 1000, 1000, null]],
    ['another instant', ['signing-key', 'cloud', 'kid-1', 1000, 1001, null]],
    ['a number as text', ['signing-key', 'cloud', 'kid-1', '1000', 1000, null]],
    ['parts joined', ['signing-key', 'cloudkid-1', 1000, 1000, null]],
    ['one part less', ['signing-key', 'cloud', 'kid-1', 1000, 1000]],
  ])('refuses a binding with %s', (_, boundTo) => {
    expect(() => unseal(key, sealed, boundTo)).toThrow(BrokenSeal);
  });

  test('tells a wrong key from a changed row', () => {
    expect(() => unseal(newKey(), sealed, BOUND)).toThrow(WrongEncryptionKey);
  });

  test('refuses a wrong key also when the row claims to be sealed under it', () => {
    const other = newKey();
    const claimed = { ...sealed, under: seal(other, CONTENT, BOUND).under };
    expect(() => unseal(other, claimed, BOUND)).toThrow(BrokenSeal);
  });

  test('takes a fresh nonce each time, so equal bytes never look equal', () => {
    const many = Array.from({ length: 200 }, () => seal(key, CONTENT, BOUND));
    expect(new Set(many.map((one) => one.nonce)).size).toBe(200);
    expect(new Set(many.map((one) => one.ciphertext)).size).toBe(200);
    expect(new Set(many.map((one) => one.under)).size).toBe(1);
  });

  test('shows neither content nor key in what is stored', () => {
    const stored = Buffer.concat(Object.values(sealed).map((part) => Buffer.from(part, 'base64url')));
    expect(stored.includes(CONTENT)).toBe(false);
    expect(stored.includes(key.export().subarray(0, 8))).toBe(false);
  });

  test('gives back any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), fc.array(fc.string()), (bytes, boundTo) => {
        expect(unseal(key, seal(key, bytes, boundTo), boundTo)).toEqual(Buffer.from(bytes));
      }),
      { numRuns: 50 },
    );
  });
});
