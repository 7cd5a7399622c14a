import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { readKeySet } from '../../src/verifiers/key-set.ts';
import { isRocaModulus } from '../../src/verifiers/roca.ts';

const PRIMES = [
  2n,
  3n,
  5n,
  7n,
  11n,
  13n,
  17n,
  19n,
  23n,
  29n,
  31n,
  37n,
  41n,
  43n,
  47n,
  53n,
  59n,
  61n,
  67n,
  71n,
  73n,
  79n,
  83n,
  89n,
  97n,
  101n,
  103n,
  107n,
  109n,
  113n,
  127n,
  131n,
  137n,
  139n,
  149n,
  151n,
  157n,
  163n,
  167n,
];
const PRIMORIAL = PRIMES.reduce((product, prime) => product * prime);

/** A number of 2048 bits that the weak generator could have made: a multiple of the primorial and a power of 65537. */
function weakModulus(exponent: bigint): bigint {
  let power = 1n;
  for (let round = 0n; round < exponent; round += 1n) power = (power * 65_537n) % PRIMORIAL;
  return ((1n << 2047n) / PRIMORIAL + 1n) * PRIMORIAL + power;
}

const jwk = (modulus: bigint) => ({
  kty: 'RSA',
  kid: 'k',
  e: 'AQAB',
  n: Buffer.from(modulus.toString(16), 'hex').toString('base64url'),
});

describe('a modulus of the weak generator (ROCA, CVE-2017-15361)', () => {
  test.each([0n, 1n, 2n, 4711n])('is known by its form: exponent %d', (exponent) => {
    expect(isRocaModulus(weakModulus(exponent))).toBe(true);
  });

  test('is no longer one with a single prime’s residue outside the powers, nor when divisible by one', () => {
    const other = PRIMORIAL / 11n;
    // Modulo 11 the powers of 65537 are 1 and 10 alone.
    const residues = [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 10n].map((step) => weakModulus(0n) + step * other);
    expect(residues.filter(isRocaModulus).map((one) => one % 11n)).toEqual([1n, 10n]);
  });

  test('makes its key unusable, and an ordinary key stays usable (V11)', () => {
    expect(() => readKeySet({ keys: [jwk(weakModulus(4711n))] })).toThrow('there is no usable key');
    const { n, e } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
    expect(readKeySet({ keys: [{ kty: 'RSA', kid: 'k', n: n ?? '', e: e ?? '' }] }).skipped).toBe(0);
  });
});
