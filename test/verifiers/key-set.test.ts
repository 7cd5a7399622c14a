import { generateKeyPairSync } from 'node:crypto';
import { calculateJwkThumbprint } from 'jose';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { KeySetError, readKeySet } from '../../src/verifiers/key-set.ts';
import { newKey } from '../fakes/cluster-keys.ts';

const rsa = newKey('RS256', 'rsa').jwk;
const ec = newKey('ES256', 'ec').jwk;
const read = (...keys: readonly unknown[]) => readKeySet({ keys } as JsonObject);
/** Whether a key is skipped; a good one beside it keeps the set alive. */
const skipped = (jwk: unknown) => read(jwk, { ...rsa, kid: 'good' }).skipped === 1;
const algOf = (jwk: Record<string, unknown>) => read(jwk).byKid.get(String(jwk['kid']))?.alg;
const without = (jwk: Record<string, unknown>, name: string) =>
  Object.fromEntries(Object.entries(jwk).filter(([member]) => member !== name));
const weak = (bits: number, publicExponent = 65_537) => ({
  ...generateKeyPairSync('rsa', { modulusLength: bits, publicExponent }).publicKey.export({ format: 'jwk' }),
  kid: 'weak',
});

describe('a key set as a whole', () => {
  test.each([
    ['no keys member', {}],
    ['keys that are no array', { keys: {} }],
    ['no key', { keys: [] }],
    ['no usable key', { keys: [{ kty: 'AKP', alg: 'ML-DSA-65', kid: 'a', pub: 'AA' }] }],
    ['65 keys', { keys: Array.from({ length: 65 }, (_, index) => ({ ...rsa, kid: `k${index}` })) }],
  ])('is refused with %s (K16)', (_, document) => {
    expect(() => readKeySet(document as JsonObject)).toThrow(KeySetError);
  });

  test('is read with 64 keys (K16)', () => {
    expect(read(...Array.from({ length: 64 }, (_, index) => ({ ...rsa, kid: `k${index}` }))).byKid.size).toBe(64);
  });

  test.each(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv', 'seed'])(
    'is refused when any key has the private member %s, even one that is skipped (V11)',
    (member) => {
      expect(() => read(rsa, { kty: 'what', kid: 'x', [member]: 'AAAA' })).toThrow('private members');
    },
  );

  test('is refused with a symmetric key in it (V11, CVE-2015-9235)', () => {
    expect(() => read(rsa, { kty: 'oct', kid: 'x', k: 'AAAA' })).toThrow('private members');
  });

  test('is refused with one kid twice, even where one of the two is skipped (V11)', () => {
    expect(() => read(rsa, { ...ec, kid: rsa['kid'] })).toThrow('a kid appears twice');
    expect(() => read(rsa, { kty: 'AKP', kid: rsa['kid'] })).toThrow('a kid appears twice');
    expect(read(rsa, ec).byKid.size).toBe(2);
  });

  test('keeps what it understands and counts the rest (K16)', () => {
    const set = read(rsa, { kty: 'AKP', alg: 'ML-DSA-65', kid: 'pq', pub: 'AA' }, 'text', null, ec, weak(1024));
    expect([[...set.byKid.keys()], set.skipped]).toEqual([['rsa', 'ec'], 4]);
  });
});

describe('one key', () => {
  test.each(['RS256', 'ES256', 'ES384', 'ES512'] as const)(
    'of %s has the thumbprint jose gives it (RFC 7638)',
    async (alg) => {
      const { jwk } = newKey(alg, 'k');
      expect(read(jwk).byKid.get('k')?.thumbprint).toBe(
        await calculateJwkThumbprint({ ...jwk, kty: String(jwk['kty']) }),
      );
    },
  );

  test('has one thumbprint however its modulus is written', () => {
    const padded = Buffer.concat([Buffer.of(0), Buffer.from(String(rsa['n']), 'base64url')]).toString('base64url');
    const [plain, longer] = [...read(rsa, { ...rsa, n: padded, kid: 'padded' }).byKid.values()];
    expect(longer?.thumbprint).toBe(plain?.thumbprint);
  });

  test.each(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'])('of type RSA may be bound to %s (V2)', (alg) => {
    expect(algOf({ ...rsa, alg })).toBe(alg);
  });

  test('without alg is bound to the usual algorithm of its type alone (V2)', () => {
    expect(algOf(without(rsa, 'alg'))).toBe('RS256');
    expect(algOf(without(ec, 'alg'))).toBe('ES256');
    expect(algOf(without(newKey('ES384', 'k').jwk, 'alg'))).toBe('ES384');
    expect(algOf(without(newKey('ES512', 'k').jwk, 'alg'))).toBe('ES512');
    const ed = { ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }), kid: 'ed' };
    expect(algOf(ed)).toBe('Ed25519');
  });

  test.each([
    ['an alg of another type', { ...rsa, alg: 'ES256' }],
    ['an alg of another curve', { ...ec, alg: 'ES384' }],
    ['a symmetric alg', { ...rsa, alg: 'HS256' }],
    ['alg none', { ...rsa, alg: 'none' }],
    ['an alg in lower case', { ...rsa, alg: 'rs256' }],
    ['an alg that is no text', { ...rsa, alg: null }],
    ['a curve of another size than its point', { ...ec, crv: 'P-384', alg: 'ES384' }],
    ['the curve secp256k1', { ...ec, crv: 'secp256k1', alg: 'ES256K' }],
    ['use enc', { ...rsa, use: 'enc' }],
    ['a use that is no text', { ...rsa, use: ['sig'] }],
    ['key_ops without verify', { ...rsa, key_ops: ['encrypt'] }],
    ['key_ops that are no array', { ...rsa, key_ops: 'verify' }],
    ['no kid', without(rsa, 'kid')],
    ['an empty kid', { ...rsa, kid: '' }],
    ['a kid of 257 characters', { ...rsa, kid: 'k'.repeat(257) }],
    ['a kid that is a number', { ...rsa, kid: 7 }],
    ['no modulus', without(rsa, 'n')],
    ['a padded modulus', { ...rsa, n: `${rsa['n']}=` }],
    ['an exponent of 3', weak(2048, 3)],
    ['an even exponent', { ...rsa, e: Buffer.of(1, 0, 2).toString('base64url') }],
    ['an exponent of 2^32 + 1', { ...rsa, e: Buffer.of(1, 0, 0, 0, 1).toString('base64url') }],
    ['a modulus of 1024 bits', weak(1024)],
    ['a modulus of 2047 bits', weak(2047)],
    ['a modulus of 8200 bits', { ...rsa, n: Buffer.alloc(1025, 0xff).toString('base64url') }],
    ['a point off the curve', { ...ec, x: ec['y'], y: ec['x'] }],
    [
      'a point at zero',
      { ...ec, x: Buffer.alloc(32).toString('base64url'), y: Buffer.alloc(32).toString('base64url') },
    ],
    ['a short coordinate', { ...ec, x: Buffer.alloc(31, 1).toString('base64url') }],
  ])('with %s is skipped (V11, K16)', (_, jwk) => {
    expect(skipped(jwk)).toBe(true);
  });

  test('of numbers far beyond the limits is skipped unread: the library would compute for a minute (V11, V16)', () => {
    const huge = Buffer.alloc(380_000, 0xff).toString('base64url');
    expect([skipped({ ...rsa, n: huge, e: huge }), skipped({ ...rsa, e: huge }), skipped({ ...rsa, n: huge })]).toEqual(
      [true, true, true],
    );
  });

  test('with use sig or key_ops verify is used, and at the limits of size (V11)', () => {
    expect(skipped({ ...rsa, use: 'sig', key_ops: ['verify'] })).toBe(false);
    expect(skipped(without(rsa, 'use'))).toBe(false);
    expect(skipped({ ...rsa, n: Buffer.alloc(1024, 0xff).toString('base64url') })).toBe(false);
    expect(skipped({ ...rsa, e: Buffer.of(0xff, 0xff, 0xff, 0xff).toString('base64url') })).toBe(false);
  });
});
