import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { CompactSign, compactVerify } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { OAuthError } from '../../src/core/oauth-error.ts';
import { Secret } from '../../src/core/secret.ts';
import type { SignatureAlgorithm } from '../../src/verifiers/algorithms.ts';
import { type CompactJws, readCompactJws } from '../../src/verifiers/compact-jws.ts';
import { isSignedBy } from '../../src/verifiers/jws-signature.ts';
import { fc } from '../support/properties.ts';

const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
/** One RSA key under six algorithms, so that nothing but the algorithm tells its signatures apart. */
const PAIRS: Readonly<Record<SignatureAlgorithm, { publicKey: KeyObject; privateKey: KeyObject }>> = {
  RS256: RSA,
  RS384: RSA,
  RS512: RSA,
  PS256: RSA,
  PS384: RSA,
  PS512: RSA,
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES512: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  Ed25519: generateKeyPairSync('ed25519'),
};
const ALGORITHMS = Object.keys(PAIRS) as SignatureAlgorithm[];
const algorithm = fc.constantFrom(...ALGORITHMS);

function sign(alg: SignatureAlgorithm, payload: object): Promise<string> {
  const signer = new CompactSign(Buffer.from(JSON.stringify(payload))).setProtectedHeader({ alg, kid: 'k' });
  return signer.sign(PAIRS[alg].privateKey);
}

function read(token: string): CompactJws | undefined {
  try {
    return readCompactJws(new Secret(token));
  } catch (error) {
    if (error instanceof OAuthError) return undefined;
    throw error;
  }
}

interface Verdicts {
  /** Whether the strict reader lets it through to the signature. */
  readonly wellFormed: boolean;
  readonly ours: boolean;
  readonly oracle: boolean;
}

/** What becomes of a token under a key that is bound to one algorithm; whatever else is thrown fails the test. */
async function verdicts(token: string, alg: SignatureAlgorithm): Promise<Verdicts> {
  const key = PAIRS[alg].publicKey;
  const jws = read(token);
  return {
    wellFormed: jws !== undefined,
    ours: jws !== undefined && (await isSignedBy(jws, { alg, key })),
    oracle: await compactVerify(token, key, { algorithms: [alg] }).then(
      () => true,
      () => false,
    ),
  };
}

/** The form is stricter than the oracle's; of what has the form, exactly the same is signed. */
function expectAgreement({ wellFormed, ours, oracle }: Verdicts): void {
  if (wellFormed) expect(ours).toBe(oracle);
  else expect(ours).toBe(false);
}

/** A change of the bytes of a signature: bits, length, both halves. */
const damage = fc.oneof(
  fc.noBias(fc.nat()).map((bit) => (bytes: Buffer) => {
    const at = bit % (bytes.length * 8);
    const copy = Buffer.from(bytes);
    copy[at >> 3] = (copy[at >> 3] ?? 0) ^ (1 << (at & 7));
    return copy;
  }),
  fc.uint8Array({ minLength: 1, maxLength: 4 }).map((more) => (bytes: Buffer) => Buffer.concat([bytes, more])),
  fc.uint8Array({ minLength: 1, maxLength: 4 }).map((more) => (bytes: Buffer) => Buffer.concat([more, bytes])),
  fc.integer({ min: 1, max: 4 }).map((count) => (bytes: Buffer) => bytes.subarray(count)),
  fc.integer({ min: 1, max: 4 }).map((count) => (bytes: Buffer) => bytes.subarray(0, -count)),
  fc.constant((bytes: Buffer) =>
    Buffer.concat([bytes.subarray(bytes.length / 2), bytes.subarray(0, bytes.length / 2)]),
  ),
  fc.constantFrom(0x00, 0xff).map((fill) => (bytes: Buffer) => Buffer.alloc(bytes.length, fill)),
  fc.uint8Array({ minLength: 1, maxLength: 300 }).map((random) => () => Buffer.from(random)),
);

/** A change of the text of a token anywhere in it. */
const edit = fc.record({
  at: fc.noBias(fc.nat()),
  remove: fc.nat(2),
  insert: fc.constantFrom('', 'A', 'B', '_', '-', '=', '.', '+', '/', ' ', '\n', '\0', 'é'),
});

describe('signatures beside jose', () => {
  let pool: readonly { readonly alg: SignatureAlgorithm; readonly token: string }[];
  const one = fc.noBias(fc.nat()).map((index) => pool[index % pool.length] ?? { alg: 'RS256' as const, token: '' });

  beforeAll(async () => {
    const each = ALGORITHMS.flatMap((alg) => [1, 2, 3].map(async (id) => ({ alg, token: await sign(alg, { id }) })));
    pool = await Promise.all(each);
  });

  test('holds signed what jose signs and verifies, with every algorithm and any claims (V2)', async () => {
    const claims = fc.dictionary(
      fc.stringMatching(/^[a-z]{1,8}$/),
      fc.oneof(fc.integer(), fc.boolean(), fc.stringMatching(/^[ -~]*$/)),
    );
    await fc.assert(
      fc.asyncProperty(algorithm, claims, async (alg, payload) => {
        expect(await verdicts(await sign(alg, payload), alg)).toEqual({ wellFormed: true, ours: true, oracle: true });
      }),
      { numRuns: 200 },
    );
  });

  test('agrees with jose about every pair of a token and a bound key (V2, V11)', async () => {
    for (const { alg, token } of pool) {
      for (const bound of ALGORITHMS) {
        const found = await verdicts(token, bound);
        expect(found, `${alg} under ${bound}`).toEqual({
          wellFormed: true,
          ours: bound === alg,
          oracle: bound === alg,
        });
      }
    }
  });

  test('agrees with jose about damaged signatures', async () => {
    let signed = 0;
    await fc.assert(
      fc.asyncProperty(one, damage, async ({ alg, token }, change) => {
        const end = token.lastIndexOf('.') + 1;
        const signature = change(Buffer.from(token.slice(end), 'base64url'));
        fc.pre(signature.length > 0);
        const found = await verdicts(token.slice(0, end) + signature.toString('base64url'), alg);
        expect(found.wellFormed).toBe(true);
        expectAgreement(found);
        if (found.ours) signed += 1;
      }),
      { numRuns: 1500 },
    );
    expect(signed).toBe(0);
  });

  test('agrees with jose about headers, payloads and signatures put together anew', async () => {
    const seen = { signed: 0, unsigned: 0 };
    await fc.assert(
      fc.asyncProperty(one, one, algorithm, fc.nat(7), async (first, second, bound, mix) => {
        const parts = [0, 1, 2].map((part) => ((mix >> part) & 1 ? second : first).token.split('.')[part]);
        const found = await verdicts(parts.join('.'), mix === 0 ? first.alg : bound);
        expectAgreement(found);
        seen[found.ours ? 'signed' : 'unsigned'] += 1;
      }),
      { numRuns: 1500 },
    );
    expect(seen.signed).toBeGreaterThan(100);
    expect(seen.unsigned).toBeGreaterThan(500);
  });

  test('holds nothing signed that jose refuses, whatever is changed in the text of a token', async () => {
    const seen = { wellFormed: 0, signed: 0 };
    await fc.assert(
      fc.asyncProperty(one, edit, async ({ alg, token }, { at, remove, insert }) => {
        const index = at % token.length;
        const found = await verdicts(token.slice(0, index) + insert + token.slice(index + remove), alg);
        expectAgreement(found);
        if (found.wellFormed) seen.wellFormed += 1;
        if (found.ours) seen.signed += 1;
      }),
      { numRuns: 3000 },
    );
    expect(seen.wellFormed).toBeGreaterThan(200);
    // What changes nothing: nothing removed, nothing put in, or the same letter again.
    expect(seen.signed).toBeGreaterThan(10);
  });
});
