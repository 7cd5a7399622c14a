import { CompactSign, importJWK } from 'jose';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { OAuthError } from '../../src/core/oauth-error.ts';
import { Secret } from '../../src/core/secret.ts';
import { TokenType } from '../../src/core/token-types.ts';
import { createVerifier } from '../../src/verifiers/verify.ts';
import { AUDIENCE, ciIssuer, keysUnderTest, refusal, trustedIssuers } from '../verifiers/issuers-under-test.ts';
import { verdict } from './accept-path.ts';
import { describeCorpus, type ReadCorpus } from './corpora.ts';

interface Vector {
  readonly tcId: number;
  readonly comment: string;
  readonly jws: string | object;
  readonly result: 'valid' | 'invalid';
}
interface Group {
  readonly comment: string;
  readonly private?: JsonObject;
  readonly public?: JsonObject;
  readonly tests: readonly Vector[];
}
interface Case {
  readonly name: string;
  readonly token: string;
  readonly result: Vector['result'];
  readonly jwks: JsonObject;
}

/** Vectors labelled valid that Carnet refuses, with the words of the refusal; docs/corpora.md argues each. */
const REFUSED_SIGNATURES: Readonly<Record<string, readonly number[]>> = {
  'header: alg is missing or never accepted': [1, 348, 352, 357, 358, 359, 376, 377],
  'a segment is empty or not base64url': [259, 264, 268, 272, 320, 325, 372, 373],
  'the key is bound to PS256': [346, 350],
  'there is no usable key': [347, 351],
};
/** Labelled invalid, yet canonical and signed with HS256: refused for the algorithm instead of the padding. */
const MISLABELLED = [367, 370];
const REFUSED_KEYS: Readonly<Record<string, readonly number[]>> = {
  'header: alg is missing or never accepted': [2, 13, 14, 15],
};

/** Public members where a group has them; of symmetric groups the key itself, as a server by mistake would show it. */
function cases(read: ReadCorpus, file: string): ReadonlyMap<number, Case> {
  const { testGroups } = read<{ testGroups: readonly Group[] }>(file);
  const all = testGroups.flatMap((group) => {
    const key = group.public ?? group.private ?? {};
    const jwks = 'keys' in key ? key : { keys: [key] };
    return group.tests.map(({ tcId, comment, jws, result }) => {
      const token = typeof jws === 'string' ? jws : JSON.stringify(jws);
      return [tcId, { name: `${group.comment}: ${comment}`, token, result, jwks }] as const;
    });
  });
  return new Map(all);
}

async function verdicts(all: ReadonlyMap<number, Case>): Promise<ReadonlyMap<number, string>> {
  const found = await Promise.all(
    [...all].map(async ([id, { token, jwks }]) => [id, await verdict(token, jwks)] as const),
  );
  return new Map(found);
}

function refusedThoughValid(all: ReadonlyMap<number, Case>, found: ReadonlyMap<number, string>) {
  const reasons: Record<string, number[]> = {};
  for (const [id, { result }] of all) {
    const reason = found.get(id) ?? 'no verdict';
    if (result === 'invalid' || reason === 'accepted') continue;
    reasons[reason] = [...(reasons[reason] ?? []), id];
  }
  return reasons;
}

function acceptedThoughInvalid(all: ReadonlyMap<number, Case>, found: ReadonlyMap<number, string>) {
  return [...all].filter(([id, { result }]) => result === 'invalid' && found.get(id) === 'accepted').map(([id]) => id);
}

const clock = { now: () => 1_900_000_000_000 };
const seconds = clock.now() / 1000;
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'];
const claims = { iss: 'https://ci.example.org', aud: AUDIENCE, sub: 'job', iat: seconds, exp: seconds + 300 };

function verify(token: string, jwks: JsonObject) {
  const issuer = ciIssuer('ci', { algorithms: ALGORITHMS, keys: { kind: 'static', jwks } });
  const verifier = createVerifier({ keys: keysUnderTest().keys, clock });
  return verifier(new Secret(token), TokenType.jwt, trustedIssuers(issuer));
}

describeCorpus('Wycheproof JSON Web Signature', (read) => {
  const all = cases(read, 'wycheproof/json_web_signature_test.json');

  test('has 401 vectors; of 46 valid ones 26 are accepted and 20 refused by rules, of 355 invalid ones none is accepted (V1 to V11)', async () => {
    const found = await verdicts(all);
    expect(all.size).toBe(401);
    expect([...all.values()].filter(({ result }) => result === 'valid')).toHaveLength(46);
    expect(acceptedThoughInvalid(all, found)).toEqual([]);
    expect(refusedThoughValid(all, found)).toEqual(REFUSED_SIGNATURES);
    expect([...found.values()].filter((one) => one === 'accepted')).toHaveLength(26);
    for (const id of MISLABELLED) expect(found.get(id), `${id}`).toBe('header: alg is missing or never accepted');
  });

  test('is refused to the last vector by the verifier itself, with its own error: no payload is claims (V7, V8)', async () => {
    for (const [id, { token, jwks, name }] of all) {
      const error = await refusal(verify(token, jwks));
      expect(error.key, `${id} ${name}`).toBe('token_malformed');
    }
  });

  test('has keys that verify claims of our own where they are of a kind that Carnet accepts, so the refusals above are not the keys’', async () => {
    const { testGroups } = read<{ testGroups: readonly Group[] }>('wycheproof/json_web_signature_test.json');
    const accepted: string[] = [];
    for (const { comment, private: own, public: shown } of testGroups) {
      if (own === undefined || shown === undefined || !ALGORITHMS.includes(String(own['alg']))) continue;
      const alg = String(own['alg']);
      const signer = new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader({
        alg,
        kid: String(own['kid']),
      });
      const token = await signer.sign(await importJWK({ ...own, kty: String(own['kty']), key_ops: ['sign'] }, alg));
      expect((await verify(token, { keys: [shown] })).subject).toBe('job');
      accepted.push(comment);
    }
    expect(accepted).toHaveLength(13);
  });
});

describeCorpus('Wycheproof JSON Web Key', (read) => {
  const all = cases(read, 'wycheproof/json_web_key_test.json');

  test('has 26 vectors; the one valid asymmetric set is accepted, four symmetric ones and all invalid ones are refused (V2, V11)', async () => {
    const found = await verdicts(all);
    expect(all.size).toBe(26);
    expect(acceptedThoughInvalid(all, found)).toEqual([]);
    expect(refusedThoughValid(all, found)).toEqual(REFUSED_KEYS);
    expect([...found].filter(([, one]) => one === 'accepted')).toEqual([[5, 'accepted']]);
  });

  test('is refused to the last vector by the verifier itself, whatever the set', async () => {
    for (const [id, { token, jwks, name }] of all) {
      expect(await refusal(verify(token, jwks)), `${id} ${name}`).toBeInstanceOf(OAuthError);
    }
  });
});

describe('the exceptions', () => {
  test('are 20 vectors of signatures and 4 of keys, as docs/corpora.md says', () => {
    expect(Object.values(REFUSED_SIGNATURES).flat()).toHaveLength(20);
    expect(Object.values(REFUSED_KEYS).flat()).toHaveLength(4);
  });
});
