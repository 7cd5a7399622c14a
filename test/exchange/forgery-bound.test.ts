import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { OAuthError } from '../../src/core/oauth-error.ts';
import { Secret } from '../../src/core/secret.ts';
import { TokenType } from '../../src/core/token-types.ts';
import { ForgeryBound } from '../../src/exchange/forgery-bound.ts';
import { MAX_EXCHANGES_AT_ONCE } from '../../src/routes/admission.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import type { Presented } from '../../src/verifiers/signature-check.ts';
import { createVerifier } from '../../src/verifiers/verify.ts';
import { type FakeKey, newKey, signClaims } from '../fakes/cluster-keys.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { AUDIENCE, ciIssuer, keysUnderTest, staticKeys, trustedIssuers } from '../verifiers/issuers-under-test.ts';

const DIRECT = 512;
const LINE = 512;
const OF_ONE = 5;
const REFUSED = 'rate_limited 429 ci 1s';
const SIGNER = { good: true };

/** A bound, and how many checks it has let run. */
function underTest() {
  const clock = new FakeClock();
  const metrics = createMetrics();
  const bound = new ForgeryBound({ clock, metrics });
  /** Checks of forgeries end once it is opened. */
  const gate = { opened: Promise.resolve() };
  const runs = { good: 0, forged: 0 };
  const presented = (token: string, changes: Partial<Presented> = {}): Presented => ({
    token: new Secret(token),
    iss: 'https://ci.example.org',
    issuer: 'ci',
    subject: `subject of ${token}`,
    keys: [{ alg: 'RS256', thumbprint: 'k1' }],
    ...changes,
  });
  const present = async (token: string, changes: Partial<Presented> = {}): Promise<string> => {
    const good = token.startsWith('good');
    const check = async () => {
      runs[good ? 'good' : 'forged'] += 1;
      await new Promise((done) => setImmediate(done));
      if (!good) await gate.opened;
      return good ? SIGNER : undefined;
    };
    try {
      return (await bound.check(presented(token, changes), check)) === SIGNER ? 'signed' : 'not signed';
    } catch (error) {
      if (error instanceof OAuthError)
        return `${error.key} ${error.status} ${error.issuer} ${error.retryAfterSeconds}s`;
      throw error;
    }
  };
  const many = (count: number, token: (number: number) => string, changes?: (number: number) => Partial<Presented>) =>
    Promise.all(Array.from({ length: count }, (_, number) => present(token(number), changes?.(number))));
  const count = (outcomes: readonly string[]) =>
    Object.fromEntries([...Map.groupBy(outcomes, (one) => one)].map(([name, all]) => [name, all.length]));
  const checks = async () => {
    const { values } = await metrics.signatureChecks.get();
    return Object.fromEntries(values.map(({ labels, value }) => [labels.outcome, value]));
  };
  return { clock, bound, checks, gate, runs, presented, present, many, count };
}

describe('ForgeryBound without forgeries', () => {
  test('runs as many checks at once as the door lets requests in, all at their first sight', async () => {
    const { many, count, runs } = underTest();
    const all = MAX_EXCHANGES_AT_ONCE;
    expect(count(await many(all, (number) => `good ${number}`))).toEqual({ signed: all });
    expect(runs.good).toBe(all);
  });

  test('counts failures only: success after success uses nothing up', async () => {
    const { many, count, runs } = underTest();
    for (let round = 0; round < 5; round += 1) await many(1000, (number) => `good ${round} ${number}`);
    expect(count(await many(1000, (number) => `forged ${number}`))).toEqual({ 'not signed': 1000 });
    expect(runs).toEqual({ good: 5000, forged: 1000 });
  });
});

describe('ForgeryBound under 10,000 forgeries at once', () => {
  test('checks no more of them than the door lets in, and refuses the others at once with Retry-After', async () => {
    const { many, count, runs } = underTest();
    const outcomes = await many(10_000, (number) => `forged ${number}`);
    expect(count(outcomes)).toEqual({ 'not signed': DIRECT + LINE, [REFUSED]: 10_000 - DIRECT - LINE });
    expect(runs.forged).toBe(DIRECT + LINE);
  });

  test('lets tokens and identities that were good go ahead, and others of the issuer at the first free place', async () => {
    const { many, present, runs } = underTest();
    for (let number = 0; number < 100; number += 1) await present(`good ${number}`, { subject: `pod ${number}` });
    const flood = many(10_000, (number) => `forged ${number}`);
    const same = many(
      50,
      (number) => `good ${number}`,
      (number) => ({ subject: `pod ${number}` }),
    );
    const renewed = many(
      50,
      (number) => `good again ${number}`,
      (number) => ({ subject: `pod ${number}` }),
    );
    expect(new Set([...(await same), ...(await renewed)])).toEqual(new Set(['signed']));
    expect(runs.forged).toBeLessThanOrEqual(DIRECT + LINE);
    await flood;
    expect(await present('good first sight')).toBe('signed');
  });

  test('lets an identity that was good go ahead as often as it is, with every place taken', async () => {
    const { gate, many, present } = underTest();
    await present('good 0', { subject: 'pod' });
    const { promise, resolve } = Promise.withResolvers<void>();
    gate.opened = promise;
    const flood = many(10_000, (number) => `forged ${number}`);
    for (let number = 1; number <= 20; number += 1) {
      expect(await present(`good ${number}`, { subject: 'pod' })).toBe('signed');
    }
    expect(await present('good first sight')).toBe(REFUSED);
    resolve();
    await flood;
    expect(await present('good first sight')).toBe('signed');
  });

  test('gives a crowd under few names one turn among many: another name gets in although all places are taken', async () => {
    const { many, present } = underTest();
    const flood = many(
      10_000,
      (number) => `forged ${number}`,
      (number) => ({ subject: `name ${number % 3}` }),
    );
    expect(await present('good first sight')).toBe('signed');
    expect(await flood).toContain(REFUSED);
  });

  test('lets forgers who name a live identity spend its five and no more, and its good token is still let in', async () => {
    const { many, present, runs } = underTest();
    await present('good 1', { subject: 'pod' });
    await many(DIRECT, (number) => `forged ${number}`);
    const before = runs.forged;
    const flood = many(
      10_000,
      (number) => `forged in its name ${number}`,
      () => ({ subject: 'pod' }),
    );
    const again = present('good 1', { subject: 'pod' });
    expect(runs.forged - before).toBe(OF_ONE + 64);
    expect(await again).toBe('signed');
    await flood;
  });

  test('leaves tokens of another issuer alone', async () => {
    const { many, count } = underTest();
    const flood = many(10_000, (number) => `forged ${number}`);
    const other = await many(
      500,
      (number) => `good ${number}`,
      () => ({ iss: 'https://other.example.org' }),
    );
    expect(count(other)).toEqual({ signed: 500 });
    await flood;
  });

  test('forgets with time: 50 a second are checked as they come again', async () => {
    const { clock, many, runs } = underTest();
    await many(DIRECT, (number) => `forged ${number}`);
    clock.advance(1000);
    const before = runs.forged;
    const flood = many(1000, (number) => `forged later ${number}`);
    expect(runs.forged - before).toBe(50 + 64);
    await flood;
  });
});

describe('carnet_signature_checks_total', () => {
  test('tells outcomes apart, also of what was answered without a check', async () => {
    const { present, many, checks } = underTest();
    await present('good');
    await present('forged');
    await present('forged');
    await many(DIRECT + LINE, (number) => `forged ${number}`);
    expect(await checks()).toEqual({ verified: 1, failed: DIRECT + LINE, repeated: 1, refused: 1 });
  });
});

describe('a token that is shown again and again, as SDKs do', () => {
  test('costs one check and counts once', async () => {
    const { present, runs, many, count } = underTest();
    for (let again = 0; again < 10_000; again += 1) await present('forged');
    expect(runs.forged).toBe(1);
    expect(count(await many(DIRECT + LINE - 1, (number) => `forged ${number}`))).toEqual({ 'not signed': 1023 });
  });

  test('is checked again with another key, under another algorithm, and when it has another signature', async () => {
    const { present, runs } = underTest();
    await present('forged');
    await present('forged', { keys: [{ alg: 'RS256', thumbprint: 'k2' }] });
    await present('forged', { keys: [{ alg: 'PS256', thumbprint: 'k2' }] });
    await present('forged with another signature');
    await present('forged', { iss: 'https://other.example.org' });
    expect(runs.forged).toBe(5);
  });

  test('is one from then on that was good once, when the keys of its issuer no longer verify it', async () => {
    const { bound, presented } = underTest();
    const verified: boolean[] = [];
    const check = (isSigned: boolean) => async () => {
      verified.push(isSigned);
      return isSigned ? SIGNER : undefined;
    };
    const rotated: Partial<Presented> = { keys: [{ alg: 'RS256', thumbprint: 'k2' }] };
    expect(await bound.check(presented('a token'), check(true))).toBe(SIGNER);
    expect(await bound.check(presented('a token', rotated), check(false))).toBeUndefined();
    expect(await bound.check(presented('a token', rotated), check(true))).toBeUndefined();
    expect(verified).toEqual([true, false]);
  });

  test('is a forgery only by the keys of a twin that do not verify it, which costs one check and counts once', async () => {
    const { bound, presented, checks, many, count } = underTest();
    const twin: Partial<Presented> = { keys: [{ alg: 'RS256', thumbprint: 'k2' }] };
    for (let again = 0; again < 1000; again += 1) {
      expect(await bound.check(presented('a token', twin), async () => undefined)).toBeUndefined();
      expect(await bound.check(presented('a token'), async () => SIGNER)).toBe(SIGNER);
    }
    expect(await checks()).toEqual({ failed: 1, repeated: 999, verified: 1000 });
    expect(count(await many(DIRECT + LINE - 1, (number) => `forged ${number}`))).toEqual({ 'not signed': 1023 });
  });

  test('is let through the bound each time when it is good: a good outcome is never remembered as one', async () => {
    const { present, runs } = underTest();
    for (let again = 0; again < 3; again += 1) await present('good');
    expect(runs.good).toBe(3);
  });
});

describe('tokens that end alike', () => {
  const END = 'e'.repeat(64);

  test('are told apart by all of their text: a good one is checked after a forgery, and each forgery once', async () => {
    const { present, runs } = underTest();
    for (const token of ['forged 1', 'forged 2', 'good 1', 'forged 1', 'forged 2', 'good 1'])
      await present(token + END);
    expect(runs).toEqual({ good: 2, forged: 2 });
  });

  test('do not go ahead with the one that was good, with every place taken', async () => {
    const { gate, many, present } = underTest();
    await present(`good 1${END}`);
    const { promise, resolve } = Promise.withResolvers<void>();
    gate.opened = promise;
    const flood = many(10_000, (number) => `forged ${number}`);
    expect(await present(`good 2${END}`)).toBe(REFUSED);
    expect(await present(`good 1${END}`)).toBe('signed');
    resolve();
    await flood;
  });
});

describe('10,000 forged tokens of many shapes between 100 real ones, through the verifier', () => {
  const key = newKey('ES256');
  const stranger: FakeKey = { ...newKey('ES256'), kid: key.kid };
  const issuers = trustedIssuers(ciIssuer('ci', { keys: staticKeys(key) }));
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const forged = (claims: object, header: object = {}, signature = randomBytes(64)) =>
    `${part({ alg: 'ES256', kid: key.kid, ...header })}.${part(claims)}.${signature.toString('base64url')}`;

  test.each([
    ['of identities seen before', true],
    ['of identities never seen', false],
  ])('leave all 100 accepted, %s', async (_, seenBefore) => {
    const { keys, clock } = keysUnderTest();
    const verifier = createVerifier({
      keys,
      clock,
      bound: new ForgeryBound({ clock, metrics: createMetrics() }).check,
    });
    const seconds = clock.now() / 1000;
    const claims = (sub: string, number = 0) => {
      const times = { iat: seconds, exp: seconds + 300 };
      return { iss: 'https://ci.example.org', aud: AUDIENCE, sub, jti: `${sub} ${number}`, ...times };
    };
    const verify = (token: string) =>
      verifier(new Secret(token), TokenType.jwt, issuers).then(
        () => 'verified',
        (error: unknown) => (error instanceof OAuthError ? error.key : 'unforeseen'),
      );
    const real = (number: number, again = 0) => signClaims(key, claims(`job ${number}`, again));
    if (seenBefore) for (let number = 0; number < 100; number += 1) await verify(real(number));
    const shapes: readonly ((number: number) => string)[] = [
      (number) => forged(claims(`nobody ${number}`)),
      (number) => forged(claims(`job ${number % 100}`, number)),
      (number) => forged(claims(`job ${number % 100}`, 1)),
      () => forged(claims('job 0', 7), {}, Buffer.alloc(64, 1)),
      (number) => forged(claims(`job ${number % 100}`), { kid: `unknown ${number}` }),
      (number) => forged(claims(`${number}`), { alg: 'RS256' }),
      (number) => forged({ ...claims('x'), sub: { number } }),
      (number) => `${number}.e30.AA`,
      (number) => forged({ ...claims('x', number), iss: 'https://elsewhere.example.org' }),
      (number) => signClaims(stranger, claims(`job ${number % 100}`, 1)),
    ];
    const outcomes = { real: [] as string[], forged: [] as string[] };
    for (let wave = 0; wave < 100; wave += 1) {
      const tokens = Array.from({ length: 100 }, (_, at) => shapes[at % shapes.length]?.(wave * 100 + at) ?? '');
      const before = tokens.slice(0, 50).map(verify);
      const one = verify(real(wave, 1));
      const after = tokens.slice(50).map(verify);
      outcomes.forged.push(...(await Promise.all([...before, ...after])));
      outcomes.real.push(await one);
    }
    expect(outcomes.real).toEqual(Array.from({ length: 100 }, () => 'verified'));
    expect(outcomes.forged).toHaveLength(10_000);
    expect(outcomes.forged).not.toContain('verified');
    expect(outcomes.forged).not.toContain('unforeseen');
  });
});
