import { expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { isSignature } from '../../src/verifiers/jws-signature.ts';
import { KeySetError, readKeySet } from '../../src/verifiers/key-set.ts';
import { describeCorpus } from './corpora.ts';

interface Vector {
  readonly tcId: number;
  readonly msg: string;
  readonly sig: string;
  readonly result: 'valid' | 'invalid' | 'acceptable';
}
interface Group {
  readonly publicKey?: { readonly uncompressed?: string };
  readonly publicKeyJwk?: JsonObject;
  readonly keyJwk?: JsonObject;
  readonly tests: readonly Vector[];
}
interface Primitive {
  readonly alg: string;
  readonly file: string;
  readonly cases: number;
  /** By id: vectors that end otherwise than their label, and how. */
  readonly exceptions: Readonly<Record<number, string>>;
}

/** The check of signatures and the runtime below it: a regression of Node or OpenSSL shows here too. */
const PRIMITIVES: readonly Primitive[] = [
  {
    alg: 'ES256',
    file: 'ecdsa_secp256r1_sha256_p1363_test.json',
    cases: 262,
    exceptions: {},
  },
  {
    alg: 'Ed25519',
    file: 'ed25519_test.json',
    cases: 151,
    exceptions: {},
  },
  {
    alg: 'RS256',
    file: 'rsa_signature_2048_sha256_test.json',
    cases: 259,
    // 8 lacks the NULL of its digest identifier; 258 and 259 have keys with the exponent 3.
    exceptions: { 8: 'acceptable: refused', 258: 'valid: no usable key', 259: 'valid: no usable key' },
  },
];

function outcomes({ alg }: Primitive, { tests, ...group }: Group) {
  const held = readOne(alg, group);
  return Promise.all(
    tests.map(async ({ tcId, msg, sig, result }) => {
      if (held === undefined) return { tcId, result, outcome: 'no usable key' };
      const good = await isSignature(Buffer.from(sig, 'hex'), Buffer.from(msg, 'hex'), held);
      return { tcId, result, outcome: good ? 'accepted' : 'refused' };
    }),
  );
}

function readOne(alg: string, { publicKey, publicKeyJwk, keyJwk }: Omit<Group, 'tests'>) {
  const jwk = publicKeyJwk ?? keyJwk ?? onCurve(publicKey?.uncompressed ?? '');
  try {
    return readKeySet({ keys: [{ ...jwk, kid: 'vector', alg }] }).byKid.get('vector');
  } catch (error) {
    if (error instanceof KeySetError && error.message === 'there is no usable key') return undefined;
    throw error;
  }
}

function onCurve(uncompressed: string): JsonObject {
  const point = Buffer.from(uncompressed, 'hex');
  const x = point.subarray(1, 33).toString('base64url');
  return { kty: 'EC', crv: 'P-256', x, y: point.subarray(33).toString('base64url') };
}

describeCorpus('Wycheproof primitives', (read) => {
  test.each(PRIMITIVES)(
    'of $alg: $cases vectors end as labelled but for the named ones (V2, V11)',
    async (primitive) => {
      const { testGroups } = read<{ testGroups: readonly Group[] }>(`wycheproof/${primitive.file}`);
      const all = (await Promise.all(testGroups.map((group) => outcomes(primitive, group)))).flat();
      expect(all).toHaveLength(primitive.cases);
      const otherwise = all.filter(({ result, outcome }) => outcome !== (result === 'valid' ? 'accepted' : 'refused'));
      const acceptable = all.filter(({ result }) => result === 'acceptable');
      const named = new Set(
        [...otherwise, ...acceptable].map(({ tcId, result, outcome }) => `${tcId} ${result}: ${outcome}`),
      );
      expect([...named].sort()).toEqual(
        Object.entries(primitive.exceptions)
          .map(([id, how]) => `${id} ${how}`)
          .sort(),
      );
    },
  );
});
