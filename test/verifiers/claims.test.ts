import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { checkClaims } from '../../src/verifiers/claims.ts';
import { AUDIENCE, clusterIssuer, refusal } from './issuers-under-test.ts';

const NOW = Date.parse('2026-11-22T09:00:00Z');
const now = NOW / 1000;
const HOUR = 3600;
const good = { sub: 'job', aud: AUDIENCE, iat: now - 10, exp: now + HOUR };
const check = (claims: object, changes = {}, rules = {}, at = NOW) =>
  checkClaims(claims as JsonObject, clusterIssuer('edge-7', changes), at, rules);
const keyOf = async (claims: object, changes = {}, rules = {}, at = NOW) =>
  (await refusal(() => check(claims, changes, rules, at))).key;
const without = (name: string) => Object.fromEntries(Object.entries(good).filter(([member]) => member !== name));

describe('claims of every subject token (V8)', () => {
  test('are read as they are', () => {
    expect(check(good)).toEqual({ subject: 'job', issuedAt: now - 10, expiresAt: now + HOUR, jti: undefined });
    expect(check({ ...good, jti: 'j' }).jti).toBe('j');
  });

  test.each(['exp', 'iat', 'sub'])('refuse a token without %s', async (name) => {
    expect(await keyOf(without(name))).toBe('token_claims');
  });

  test.each([7, '', null, ['job'], {}, true])('refuse sub %j', async (sub) => {
    expect(await keyOf({ ...good, sub })).toBe('token_claims');
  });

  test.each([7, '', null, ['j']])('refuse jti %j', async (jti) => {
    expect(await keyOf({ ...good, jti })).toBe('token_claims');
  });

  test.each([
    ['cnf', { jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I' }],
    ['cnf', null],
    ['act', { sub: 'gateway' }],
    ['may_act', { sub: 'gateway' }],
  ])(
    'refuse a token with %s, which is good only with a key or an actor beside it (D2, D5, D13)',
    async (name, value) => {
      expect(await keyOf({ ...good, [name]: value })).toBe('token_claims');
      expect(() => check({ ...good, [`${name}s`]: value, about: { [name]: value } })).not.toThrow();
    },
  );

  test('name the issuer in what they refuse with', async () => {
    expect((await refusal(() => check({ ...good, sub: 7 }))).issuer).toBe('edge-7');
  });
});

describe('aud (V8, K21)', () => {
  test.each([[AUDIENCE], [[AUDIENCE]]])('of %j is accepted', (aud) => {
    expect(() => check({ ...good, aud })).not.toThrow();
  });

  test.each([
    undefined,
    null,
    '',
    [],
    {},
    7,
    [''],
    [null],
    [AUDIENCE, 1, null, {}],
    [[AUDIENCE]],
    `${AUDIENCE}/`,
    AUDIENCE.toUpperCase(),
    AUDIENCE.slice(0, -1),
    `${AUDIENCE} `,
    `${AUDIENCE},https://other.example.org`,
    'https://other.example.org',
    [AUDIENCE, 'https://other.example.org'],
    [AUDIENCE, AUDIENCE],
  ])('of %j is refused', async (aud) => {
    expect(await keyOf({ ...good, aud })).toBe('token_audience');
  });

  test('may name others beside this service only where the issuer allows it, and 16 at most', async () => {
    const allowed = { allowExtraAudiences: true };
    const others = (count: number) => Array.from({ length: count }, (_, index) => `https://o${index}.example`);
    expect(() => check({ ...good, aud: [...others(15), AUDIENCE] }, allowed)).not.toThrow();
    expect(await keyOf({ ...good, aud: [...others(16), AUDIENCE] }, allowed)).toBe('token_audience');
    expect(await keyOf({ ...good, aud: others(2) }, allowed)).toBe('token_audience');
    expect(await keyOf({ ...good, aud: [AUDIENCE, 7] }, allowed)).toBe('token_audience');
  });

  test('is compared with configuration, where several may be listed and one is named', async () => {
    const two = { audiences: [AUDIENCE, 'https://old.example.org'] };
    expect(() => check({ ...good, aud: 'https://old.example.org' }, two)).not.toThrow();
    expect(await keyOf({ ...good, aud: two.audiences }, two)).toBe('token_audience');
  });
});

describe('time (V9)', () => {
  test.each(['exp', 'iat', 'nbf'])('%s must be a number', async (name) => {
    for (const value of [String(now), null, [now], Number.POSITIVE_INFINITY, Number.NaN, true]) {
      expect(await keyOf({ ...good, [name]: value })).toBe('token_claims');
    }
  });

  test('exp is accepted until the skew has passed and not a moment longer', async () => {
    const claims = { ...good, iat: now - HOUR, exp: now };
    expect(() => check(claims, {}, {}, NOW + 29_999)).not.toThrow();
    expect(await keyOf(claims, {}, {}, NOW + 30_000)).toBe('token_expired');
    expect(await keyOf(claims, { clockSkewSeconds: 0 })).toBe('token_expired');
    expect(() => check(claims, { clockSkewSeconds: 0 }, {}, NOW - 1)).not.toThrow();
  });

  test('iat and nbf may lie ahead by the skew and no more', async () => {
    for (const name of ['iat', 'nbf']) {
      expect(() => check({ ...good, [name]: now + 30 })).not.toThrow();
      expect(await keyOf({ ...good, [name]: now + 31 })).toBe('token_not_yet_valid');
      expect(await keyOf({ ...good, [name]: now + 30.5 })).toBe('token_not_yet_valid');
    }
  });

  test('nbf is asked for only where the platform writes it', async () => {
    expect(() => check(good)).not.toThrow();
    expect(await keyOf(good, {}, { nbfRequired: true })).toBe('token_claims');
  });

  test('fractions are legal and round against the token (RFC 7519 section 2)', () => {
    expect(check({ ...good, iat: now - 9.5, exp: now + 99.9 })).toMatchObject({
      issuedAt: now - 10,
      expiresAt: now + 99,
    });
  });

  test('a life of just the most that is accepted passes, a second more does not (K22)', async () => {
    expect(() => check({ ...good, iat: now, exp: now + 86_400 })).not.toThrow();
    expect(await keyOf({ ...good, iat: now, exp: now + 86_401 })).toBe('token_lifetime');
    expect(await keyOf({ ...good, exp: 1e308 })).toBe('token_lifetime');
    expect(await keyOf({ ...good, iat: -1e308 })).toBe('token_lifetime');
  });

  test('a token that ends before it begins is refused', async () => {
    expect(await keyOf({ ...good, iat: now + 10, exp: now + 10 })).toBe('token_claims');
  });

  test('an earlier end than exp counts for life and expiry, a later one does not lengthen (K22)', async () => {
    const year = { ...good, iat: now, exp: now + 31_536_000 };
    expect(await keyOf(year)).toBe('token_lifetime');
    expect(check(year, {}, { endsBy: now + 3607 }).expiresAt).toBe(now + 3607);
    expect(await keyOf(year, {}, { endsBy: now + 3607 }, NOW + 3_637_000)).toBe('token_expired');
    expect(() => check(year, {}, { endsBy: now + 3607 }, NOW + 3_636_999)).not.toThrow();
    expect(check(good, {}, { endsBy: now + 10 * HOUR }).expiresAt).toBe(now + HOUR);
  });
});

describe('what is wrong, for log and audit alone (V16)', () => {
  const others = (count: number) => Array.from({ length: count }, (_, index) => `https://o${index}.example`);

  test.each<[string, object]>([
    ['sub is not a non-empty string', { sub: '' }],
    ['jti is not a non-empty string', { jti: '' }],
    ['aud is missing, empty, or neither text nor array', { aud: [] }],
    ['aud is missing, empty, or neither text nor array', { aud: { 0: AUDIENCE, length: 1 } }],
    ['aud has more than 16 members', { aud: others(17) }],
    ['aud has a member that is not a non-empty string', { aud: [AUDIENCE, ''] }],
    ['no member of aud is an audience of this issuer', { aud: 'https://other.example' }],
    ['aud names more than this service', { aud: [AUDIENCE, 'https://other.example'] }],
    ['exp is not a number', { exp: '1' }],
    ['the token ends before it begins', { exp: good.iat }],
    ['lives 86402 s, longer than 86400 s', { exp: good.iat + 86_401.5 }],
    ['iat is in the future', { iat: now + 31, nbf: now }],
    ['nbf is in the future', { nbf: now + 31 }],
    ['exp has passed', { iat: now - 100, nbf: now - 100, exp: now - 30 }],
  ])('is told as: %s', async (detail, changes) => {
    const error = await refusal(() => check({ ...good, ...changes }));
    expect(error.detail).toBe(detail);
  });

  test('names warnafter where that and not exp has ended the token (K22)', async () => {
    const claims = { ...good, iat: now - 100, nbf: now - 100 };
    const error = await refusal(() => check(claims, {}, { endsBy: now - 30 }));
    expect(error).toMatchObject({ key: 'token_expired', detail: 'warnafter has passed' });
  });

  test('an empty audience is refused also where others beside this service are allowed (V8)', async () => {
    const error = await refusal(() => check({ ...good, aud: [AUDIENCE, ''] }, { allowExtraAudiences: true }));
    expect(error.key).toBe('token_audience');
  });
});
