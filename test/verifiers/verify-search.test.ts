import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { OAuthError } from '../../src/core/oauth-error.ts';
import { Secret } from '../../src/core/secret.ts';
import { TokenType } from '../../src/core/token-types.ts';
import { ForgeryBound } from '../../src/exchange/forgery-bound.ts';
import type { TrustedIssuer } from '../../src/resources/issuers.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import type { Effort, KeyLookup } from '../../src/verifiers/held-keys.ts';
import { readKeySet } from '../../src/verifiers/key-set.ts';
import { createVerifier } from '../../src/verifiers/verify.ts';
import { type FakeKey, newKey, signClaims } from '../fakes/cluster-keys.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { AUDIENCE, ciIssuer, refusal, staticKeys, trustedIssuers } from './issuers-under-test.ts';

const clock = new FakeClock();
const seconds = clock.now() / 1000;
const right = newKey('ES256', 'k');
const ISS = 'https://ci.example.org';
const claims = { iss: ISS, aud: AUDIENCE, sub: 'job', iat: seconds, exp: seconds + 300 };
const token = signClaims(right, claims);

const ABSENT: KeyLookup = { found: 'absent' };
const DOWN: KeyLookup = { found: 'unavailable', reason: 'unreachable', retryAfterSeconds: 7 };
function holds(key: FakeKey): KeyLookup {
  const read = readKeySet({ keys: [key.jwk] }).byKid.get(key.kid);
  if (read === undefined) throw new Error('the key is not usable');
  return { found: 'key', key: read };
}
const wrong = () => holds(newKey('ES256', 'k'));

/** What each issuer answers in memory and, where asked further, from its source. */
interface Answers {
  readonly held: KeyLookup;
  readonly sought?: KeyLookup;
}

/** The verifier over issuers that share an `iss`, their answers fixed, each question written down. */
async function search(...answers: readonly Answers[]) {
  const asked: string[] = [];
  const find = async ({ name }: TrustedIssuer, kid: string, effort: Effort): Promise<KeyLookup> => {
    asked.push(`${name} ${kid} ${effort}`);
    const one = answers[Number(name.slice(1))] ?? { held: ABSENT };
    return effort === 'seek' ? (one.sought ?? one.held) : one.held;
  };
  const issuers = answers.map((_, index) => ciIssuer(`i${index}`));
  const verify = createVerifier({ keys: { find }, clock });
  const outcome = await verify(new Secret(token), TokenType.jwt, trustedIssuers(...issuers)).then(
    ({ issuer }) => issuer,
    (error: unknown) => {
      if (!(error instanceof OAuthError)) throw error;
      return { key: error.key, detail: error.detail, issuer: error.issuer };
    },
  );
  return { outcome, asked };
}

const forged = (detail: string, issuer?: string) => ({ key: 'token_signature', detail, issuer });
const NOT_SIGNED = 'the signature does not verify';
const NO_KEY = 'the issuer has no key with this kid';
const TOO_MANY = 'more than 4 issuers hold this kid';

describe('the search for the signer (K3, V13)', () => {
  test('asks a single issuer once, and further at once', async () => {
    expect(await search({ held: ABSENT, sought: holds(right) })).toEqual({ outcome: 'i0', asked: ['i0 k seek'] });
    expect(await search({ held: ABSENT })).toEqual({ outcome: forged(NO_KEY, 'i0'), asked: ['i0 k seek'] });
    expect(await search({ held: wrong() })).toEqual({ outcome: forged(NOT_SIGNED, 'i0'), asked: ['i0 k seek'] });
  });

  test('asks twins in memory first, and ends there when one has signed', async () => {
    const { outcome, asked } = await search({ held: ABSENT }, { held: holds(right) });
    expect([outcome, asked]).toEqual(['i1', ['i0 k ready', 'i1 k ready']]);
  });

  test('asks further only those that have no key in memory, whatever the others have', async () => {
    const { outcome, asked } = await search({ held: wrong() }, { held: ABSENT, sought: holds(right) });
    expect([outcome, asked]).toEqual(['i1', ['i0 k ready', 'i1 k ready', 'i1 k held', 'i1 k seek']]);
  });

  test('names no issuer where several might be meant, and tells a wrong key from a missing one', async () => {
    expect((await search({ held: wrong() }, { held: ABSENT })).outcome).toEqual(forged(NOT_SIGNED));
    expect((await search({ held: ABSENT }, { held: ABSENT })).outcome).toEqual(forged(NO_KEY));
  });

  test('does not call a token forged while a twin cannot be asked', async () => {
    const { outcome } = await search({ held: wrong() }, { held: DOWN });
    expect(outcome).toEqual({ key: 'keys_unavailable', detail: 'unreachable', issuer: 'i1' });
  });

  test('refuses a token that keys of two issuers verify', async () => {
    const { outcome } = await search({ held: holds(right) }, { held: holds(right) });
    expect(outcome).toEqual(forged('keys of several issuers verify it'));
  });

  test('counts the keys of memory and of sources together: four are tried, a fifth refuses', async () => {
    const far = (lookup: KeyLookup): Answers => ({ held: ABSENT, sought: lookup });
    const three = [{ held: wrong() }, { held: wrong() }, { held: wrong() }];
    expect((await search(...three, far(holds(right)))).outcome).toBe('i3');
    expect((await search(...three, far(holds(right)), far(ABSENT))).outcome).toBe('i3');
    expect((await search(...three, far(holds(right)), far(wrong()))).outcome).toEqual(forged(TOO_MANY));
    expect((await search(...three, { held: wrong() }, { held: holds(right) })).outcome).toEqual(forged(TOO_MANY));
  });
});

describe('a check that fails for another reason than the signature (V16)', () => {
  /** A key that no check can use: every library throws over it, as it does while it fails. */
  const UNUSABLE = createSecretKey(randomBytes(32));
  const broken: KeyLookup = { found: 'key', key: { kid: 'k', alg: 'ES256', key: UNUSABLE, thumbprint: 'broken' } };
  const internal = { key: 'internal', detail: 'a signature could not be checked', issuer: undefined };

  test('is an internal error: nobody is told that the token is forged', async () => {
    expect((await search({ held: broken })).outcome).toEqual({ ...internal, issuer: 'i0' });
    expect((await search({ held: wrong() }, { held: broken })).outcome).toEqual(internal);
  });

  test('keeps no twin from verifying its own token', async () => {
    expect((await search({ held: broken }, { held: holds(right) })).outcome).toBe('i1');
    expect((await search({ held: broken }, { held: ABSENT, sought: holds(right) })).outcome).toBe('i1');
  });

  test('is not remembered, so the token is good as soon as it can be checked', async () => {
    const good = holds(right);
    const failing = good.found === 'key' ? { ...good, key: { ...good.key, key: UNUSABLE } } : good;
    let lookup = failing;
    const bound = new ForgeryBound({ clock, metrics: createMetrics() }).check;
    const verify = createVerifier({ keys: { find: async () => lookup }, clock, bound });
    const attempt = () => verify(new Secret(token), TokenType.jwt, trustedIssuers(ciIssuer('ci')));
    expect(await refusal(attempt())).toMatchObject({ key: 'internal', status: 500 });
    lookup = good;
    expect((await attempt()).issuer).toBe('ci');
  });
});

describe('the choice of issuers before any key is asked for (V2, V3, K7)', () => {
  const past = { issuer: 'https://past.example', notAfter: clock.now() };
  const still = { issuer: 'https://still.example', notAfter: clock.now() + 1 };
  const moved = ciIssuer('moved', { keys: staticKeys(right), previousIssuers: [past, still] });
  const find = async () => holds(right);
  const verify = (issuers: readonly TrustedIssuer[], changes: object = {}, type: TokenType = TokenType.jwt) =>
    createVerifier({ keys: { find }, clock })(
      new Secret(signClaims(right, { ...claims, ...changes })),
      type,
      trustedIssuers(...issuers),
    );
  const told = async (...question: Parameters<typeof verify>) => {
    const { key, detail, issuer } = await refusal(verify(...question));
    return [key, detail, issuer];
  };

  test('holds each former name to its own end, not to that of another', async () => {
    expect((await verify([moved], { iss: still.issuer })).issuer).toBe('moved');
    expect((await verify([moved])).issuer).toBe('moved');
    expect(await told([moved], { iss: past.issuer })).toEqual([
      'token_issuer',
      'a previous issuer after its notAfter',
      'moved',
    ]);
  });

  test('says which rule an issuer fails, and its name where only one is meant', async () => {
    const one = ciIssuer('one');
    const two = ciIssuer('two');
    expect(await told([one], { iss: 7 })).toEqual(['token_issuer', 'iss is missing or not a string', undefined]);
    expect(await told([one], { iss: 'x' })).toEqual([
      'token_issuer',
      'no issuer of this name is configured',
      undefined,
    ]);
    const type = 'only an OIDC issuer writes ID tokens';
    expect(await told([one], {}, TokenType.jwtSvid)).toEqual(['token_type_for_issuer', type, 'one']);
    expect(await told([one, two], {}, TokenType.jwtSvid)).toEqual(['token_type_for_issuer', type, undefined]);
    const rsaOnly = { ...one, algorithms: ['RS256'] };
    expect(await told([rsaOnly])).toEqual(['token_signature', 'ES256 is not accepted from this issuer', 'one']);
  });
});
