import { importJWK, type JWTVerifyOptions, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { TokenType } from '../../src/core/token-types.ts';
import { createVerifier } from '../../src/verifiers/verify.ts';
import { newKey, signText } from '../fakes/cluster-keys.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { fc } from '../support/properties.ts';
import { AUDIENCE, ciIssuer, keysUnderTest, staticKeys, trustedIssuers } from '../verifiers/issuers-under-test.ts';

const clock = new FakeClock();
const seconds = clock.now() / 1000;
const key = newKey('ES256');
const issuer = ciIssuer('ci', { keys: staticKeys(key) });
const verifier = createVerifier({ keys: keysUnderTest(clock).keys, clock });
const imported = importJWK({ ...key.jwk, kty: 'EC' }, 'ES256');
const options: JWTVerifyOptions = {
  algorithms: ['RS256', 'ES256'],
  audience: AUDIENCE,
  issuer: issuer.issuer,
  currentDate: new Date(clock.now()),
  clockTolerance: issuer.clockSkewSeconds,
};

const header = { alg: 'ES256', kid: key.kid };
const claims = { iss: issuer.issuer, aud: AUDIENCE, sub: 'job', iat: seconds, nbf: seconds, exp: seconds + 300 };

async function verdicts(token: string): Promise<{ ours: boolean; oracle: boolean }> {
  const accepted = (attempt: Promise<unknown>) => attempt.then(() => true).catch(() => false);
  return {
    ours: await accepted(verifier(new Secret(token), TokenType.jwt, trustedIssuers(issuer))),
    oracle: await accepted(jwtVerify(token, await imported, options)),
  };
}

/** Values that a claim or header member may take, right and wrong. */
const value = fc.oneof(
  fc.constantFrom<unknown>(
    AUDIENCE,
    issuer.issuer,
    [AUDIENCE],
    [AUDIENCE, 'x'],
    'ES256',
    'none',
    'HS256',
    'JWT',
    key.kid,
  ),
  fc.constantFrom<unknown>(
    seconds,
    seconds + 29,
    seconds + 31,
    seconds - 29,
    seconds - 31,
    seconds + 0.5,
    1e308,
    -1,
    0,
  ),
  fc.constantFrom<unknown>(null, true, '', [], {}, [1], ['exp'], ['b64'], String(seconds)),
  fc.jsonValue({ maxDepth: 2 }),
);
const member = fc.constantFrom(
  'alg',
  'kid',
  'typ',
  'crit',
  'b64',
  'zip',
  'cty',
  'jwk',
  'iss',
  'aud',
  'sub',
  'exp',
  'nbf',
  'iat',
  'jti',
);
/** JSON as hostile writers write it: members changed, gone, twice, or text around them. */
const json = (base: object) =>
  fc
    .record({
      edits: fc.array(fc.tuple(member, fc.option(value)), { maxLength: 2 }),
      twice: fc.option(member, { freq: 8 }),
      around: fc.constantFrom('', '', '', '', ' ', '\n', '\ufeff', '{}'),
    })
    .map(({ edits, twice, around }) => {
      const changed: Record<string, unknown> = { ...base };
      for (const [name, to] of edits) changed[name] = to ?? undefined;
      const text = JSON.stringify(changed);
      const repeated =
        twice === null ? text : text.replace('{', `{${JSON.stringify(twice)}:${JSON.stringify(changed[twice] ?? 1)},`);
      return around === '{}' ? repeated + around : around + repeated;
    });

describe('the verifier beside jose', () => {
  test('accepts no signed token that jose refuses, whatever is in it', async () => {
    const seen = { both: 0, stricter: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(json(header), json(claims), async (head, body) => {
        const { ours, oracle } = await verdicts(signText(key, head, body));
        expect(ours && !oracle).toBe(false);
        seen[ours ? 'both' : oracle ? 'stricter' : 'refused'] += 1;
      }),
      { numRuns: 2500 },
    );
    // The property would hold for a verifier that refuses everything, or for tokens that all are wrong.
    expect(Math.min(seen.both, seen.stricter, seen.refused)).toBeGreaterThan(20);
  });

  test('accepts no changed bytes of a good token that jose refuses, and only the signature may change at all', async () => {
    const good = signText(key, JSON.stringify(header), JSON.stringify(claims));
    expect(await verdicts(good)).toEqual({ ours: true, oracle: true });
    const edit = fc.record({
      at: fc.nat(good.length - 1),
      remove: fc.nat(2),
      insert: fc.oneof(
        fc.constantFrom('', '.', '=', '\n', ' ', '+', '/', '-', '_', 'A', '\0'),
        fc.string({ maxLength: 2 }),
      ),
    });
    await fc.assert(
      fc.asyncProperty(edit, async ({ at, remove, insert }) => {
        const changed = good.slice(0, at) + insert + good.slice(at + remove);
        fc.pre(changed !== good);
        const { ours } = await verdicts(changed);
        expect(ours).toBe(false);
      }),
      { numRuns: 1500 },
    );
  });

  test('refuses a good token with any one bit of its signature flipped', async () => {
    const good = signText(key, JSON.stringify(header), JSON.stringify(claims));
    const [head = '', body = '', signature = ''] = good.split('.');
    const raw = Buffer.from(signature, 'base64url');
    for (let bit = 0; bit < raw.length * 8; bit += 1) {
      const flipped = Buffer.from(raw);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect((await verdicts(`${head}.${body}.${flipped.toString('base64url')}`)).ours).toBe(false);
    }
  });
});
