import { createHash, createSecretKey, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  type JSONWebKeySet,
  jwtVerify,
} from 'jose';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Purpose } from '../../src/authority/authority.ts';
import { jwksDocument } from '../../src/authority/discovery.ts';
import { type RingKey, SIGNING_KEYS, sealRing } from '../../src/authority/keyring.ts';
import { createAuthority, type LocalAuthority } from '../../src/authority/local-authority.ts';
import { generateSigningKey } from '../../src/authority/signing-keys.ts';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import { OAuthError } from '../../src/core/oauth-error.ts';
import { Secret } from '../../src/core/secret.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryDocumentStore } from '../support/memory-document-store.ts';
import { fc } from '../support/properties.ts';

const ISSUER = 'https://sts.example.org';
const clock = new FakeClock();
const NOW = clock.now() / 1000;
const encryptionKey = createSecretKey(randomBytes(32));

const SVID: JsonObject = {
  sub: 'spiffe://example.org/ns/pay/sa/api',
  aud: 'orders',
  iat: NOW,
  exp: NOW + 300,
  jti: 'id-1',
};
const CLOUD: JsonObject = {
  sub: 'mapping:deploy',
  aud: 'sts.amazonaws.com',
  iat: NOW,
  nbf: NOW,
  exp: NOW + 300,
  jti: 'id-2',
};
const CLAIMS = { svid: SVID, cloud: CLOUD };
const without = (claims: JsonObject, name: string) =>
  Object.fromEntries(Object.entries(claims).filter(([claim]) => claim !== name));

describe('createAuthority', () => {
  let authority: LocalAuthority;
  const keySet = (purpose: Purpose) =>
    createLocalJWKSet(jwksDocument(authority.publicKeys(purpose)) as unknown as JSONWebKeySet);

  beforeAll(async () => {
    authority = await createAuthority({ issuer: ISSUER, store: new MemoryDocumentStore(), encryptionKey, clock });
  });

  test('has two issuers, the second under the first', () => {
    expect(authority.issuer('cloud')).toBe('https://sts.example.org');
    expect(authority.issuer('svid')).toBe('https://sts.example.org/svid');
  });

  test.each([
    ['cloud', 'RS256'],
    ['svid', 'ES256'],
  ] as const)('signs for %s what jose verifies with the published keys alone', async (purpose, alg) => {
    const token = await authority.sign(purpose, CLAIMS[purpose]);
    expect(token).toBeInstanceOf(Secret);
    const { payload, protectedHeader } = await jwtVerify(token.reveal(), keySet(purpose), {
      issuer: authority.issuer(purpose),
      audience: String(CLAIMS[purpose]['aud']),
      algorithms: [alg],
      currentDate: new Date(clock.now()),
      requiredClaims: ['iss', 'sub', 'aud', 'iat', 'exp', 'jti'],
    });
    expect(payload).toEqual({ iss: authority.issuer(purpose), ...CLAIMS[purpose] });
    expect(protectedHeader).toEqual({ alg, kid: authority.publicKeys(purpose)[0]?.kid, typ: 'JWT' });
  });

  test.each([
    ['cloud', 'svid'],
    ['svid', 'cloud'],
  ] as const)('signs for %s with no key of %s', async (purpose, other) => {
    const token = (await authority.sign(purpose, CLAIMS[purpose])).reveal();
    await expect(jwtVerify(token, keySet(other), { currentDate: new Date(clock.now()) })).rejects.toThrow();
    const kids = authority.publicKeys(other).map((key) => key.kid);
    expect(kids).not.toContain(decodeProtectedHeader(token).kid);
  });

  test('refuses to sign for one purpose what belongs to the other', async () => {
    await expect(authority.sign('svid', CLOUD)).rejects.toThrow(/refused to sign/);
    await expect(authority.sign('svid', without(CLOUD, 'nbf'))).rejects.toThrow(/SPIFFE ID/);
    await expect(authority.sign('cloud', SVID)).rejects.toThrow(/refused to sign/);
    await expect(authority.sign('cloud', { ...SVID, nbf: NOW })).rejects.toThrow(/names a mapping/);
  });

  describe.each(['cloud', 'svid'] as const)('what %s may sign', (purpose) => {
    const claims = CLAIMS[purpose];
    const sign = async (change: JsonObject) => authority.sign(purpose, { ...claims, ...change });

    test.each<[string, JsonObject]>([
      ['a list of one audience', { aud: ['orders'] }],
      ['an empty audience', { aud: '' }],
      ['an empty subject', { sub: '' }],
      ['an empty jti', { jti: '' }],
      ['a fraction in iat', { iat: NOW + 0.5 }],
      ['a fraction in exp', { exp: NOW + 60.5 }],
      ['a time in milliseconds beyond exactness', { exp: 2 ** 53 }],
      ['a time as text', { exp: String(NOW + 60) }],
      ['exp equal to iat', { exp: NOW }],
      ['exp before iat', { exp: NOW - 1 }],
      ['iat zero', { iat: 0 }],
      ['no exp because it was not a number', { exp: Number.NaN }],
      ['the issuer of the other purpose', { iss: purpose === 'cloud' ? `${ISSUER}/svid` : ISSUER }],
      ['a null subject', { sub: null }],
    ])('is not: %s', async (_, change) => {
      await expect(sign(change)).rejects.toThrow(/^refused to sign: the rule/);
    });

    test.each(['sub', 'aud', 'iat', 'exp', 'jti'])('is not: claims without %s', async (name) => {
      await expect(authority.sign(purpose, without(claims, name))).rejects.toThrow(/refused to sign/);
    });

    test('says which rule, and nothing of the claims', async () => {
      const error: unknown = await sign({ sub: 'very\u0000private', jti: 'also-private' }).catch((thrown) => thrown);
      expect(inspect(error)).not.toContain('private');
    });
  });

  test.each<[string, JsonObject]>([
    ['nbf', { nbf: NOW }],
    ['a further claim', { 'https://aws.amazon.com/roles': ['arn:aws:iam::123456789012:role/pay'] }],
    ['a sub without path', { sub: 'spiffe://example.org' }],
    ['an upper-case trust domain', { sub: 'spiffe://Example.org/a' }],
    ['a dot segment', { sub: 'spiffe://example.org/a/../b' }],
    ['a query', { sub: 'spiffe://example.org/a?b' }],
    ['a sub that is no SPIFFE ID', { sub: 'mapping:deploy' }],
  ])('refuses a JWT-SVID with %s (spiffe.md clauses 1 to 3, 12; DESIGN section 8)', async (_, change) => {
    await expect(authority.sign('svid', { ...SVID, ...change })).rejects.toThrow(/refused to sign/);
  });

  test('signs a JWT-SVID of a day and not of a second more: retired keys are published for no longer', async () => {
    await authority.sign('svid', { ...SVID, iat: NOW, exp: NOW + 86_400 });
    const longer = authority.sign('svid', { ...SVID, iat: NOW, exp: NOW + 86_401 });
    await expect(longer).rejects.toThrow('an SVID lives at most a day');
  });

  test.each<[string, JsonObject, boolean]>([
    ['a sub of 127 bytes', { sub: `mapping:${'a'.repeat(119)}` }, true],
    ['a sub of 128 bytes', { sub: `mapping:${'a'.repeat(120)}` }, false],
    ['a namespaced mapping', { sub: 'mapping:team.deploy' }, true],
    ['a mapping without name', { sub: 'mapping:' }, false],
    ['a sub with a line end', { sub: 'mapping:deploy\n' }, false],
    ['a sub with capitals', { sub: 'mapping:Deploy' }, false],
    ['300 seconds', { exp: NOW + 300 }, true],
    ['301 seconds', { exp: NOW + 301 }, false],
    ['nbf after iat', { nbf: NOW + 1 }, false],
    ['nbf as a fraction', { nbf: NOW - 0.5 }, false],
    ['a further claim', { 'https://aws.amazon.com/roles': ['arn:aws:iam::123456789012:role/pay'] }, true],
  ])('holds an assertion to its limits: %s (clouds.md rule 3)', async (_, change, allowed) => {
    const signed = authority.sign('cloud', { ...CLOUD, ...change });
    if (allowed) expect(decodeJwt((await signed).reveal())).toMatchObject(change);
    else await expect(signed).rejects.toThrow(/refused to sign/);
  });

  test('refuses an assertion without nbf', async () => {
    await expect(authority.sign('cloud', without(CLOUD, 'nbf'))).rejects.toThrow(/nbf/);
  });

  test('signs whatever text stands in an audience, and a verifier reads the same', async () => {
    const audience = fc.string({ minLength: 1, unit: 'binary' }).filter((text) => text.isWellFormed());
    await fc.assert(
      fc.asyncProperty(audience, async (aud) => {
        const token = (await authority.sign('svid', { ...SVID, aud })).reveal();
        expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
        const { payload } = await jwtVerify(token, keySet('svid'), { currentDate: new Date(clock.now()) });
        expect(payload.aud).toBe(aud);
      }),
      { numRuns: 50 },
    );
  });

  test('publishes exactly the members that clouds take, with the RFC 7638 thumbprint as kid (clouds.md rule 1)', async () => {
    const [cloud] = authority.publicKeys('cloud');
    const [svid] = authority.publicKeys('svid');
    if (!cloud || !svid) throw new Error('no keys');
    expect(Object.keys(cloud).toSorted()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use']);
    expect(Object.keys(svid).toSorted()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    for (const key of [cloud, svid]) {
      expect(key).toMatchObject({ use: 'sig' });
      expect(key.kid).toBe(await calculateJwkThumbprint(key));
    }
    const input = JSON.stringify({ e: cloud['e'], kty: 'RSA', n: cloud['n'] });
    expect(cloud.kid).toBe(createHash('sha256').update(input).digest('base64url'));
  });

  test('prints no private key, however it is looked at', async () => {
    const shown = `${inspect(authority, { depth: 12, showHidden: true })}${JSON.stringify(authority)}`;
    for (const name of ['"d"', "'d'", ' d:', 'PRIVATE', 'qi']) expect(shown).not.toContain(name);
    for (const purpose of ['cloud', 'svid'] as const)
      for (const key of authority.publicKeys(purpose))
        for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth']) expect(key).not.toHaveProperty(member);
  });
});

describe('an authority whose keys rotate', () => {
  const DAY = 86_400_000;
  const start = Date.parse('2026-11-22T09:00:00Z');
  const moving = new FakeClock(start);
  let authority: LocalAuthority;
  let ring: readonly RingKey[];

  beforeEach(async () => {
    moving.set(start);
    ring = [
      {
        key: await generateSigningKey('svid'),
        publishedAt: start,
        activeAt: start,
        retiredAt: start + 2 * DAY,
        goneAt: start + 10 * DAY,
      },
      {
        key: await generateSigningKey('svid'),
        publishedAt: start + 1,
        activeAt: start + 2 * DAY,
        retiredAt: start + 20 * DAY,
        goneAt: start + 22 * DAY,
      },
    ];
    const store = new MemoryDocumentStore();
    await store.put(SIGNING_KEYS, 'svid', sealRing(encryptionKey, 'svid', ring), 0);
    authority = await createAuthority({ issuer: ISSUER, store, encryptionKey, clock: moving });
  });

  const signer = async () => decodeProtectedHeader((await authority.sign('svid', SVID)).reveal()).kid;
  const published = () => authority.publicKeys('svid').map((key) => key.kid);

  test('signs with the key whose time it is, published before and after (M3)', async () => {
    const [old, next] = ring.map(({ key }) => key.kid);
    expect([await signer(), published(), authority.keysChangedAt('svid')]).toEqual([old, [old, next], start + 1]);
    moving.set(start + 2 * DAY);
    expect([await signer(), published(), authority.keysChangedAt('svid')]).toEqual([next, [old, next], start + 1]);
    moving.set(start + 10 * DAY);
    expect([await signer(), published(), authority.keysChangedAt('svid')]).toEqual([next, [next], start + 10 * DAY]);
  });

  test('signs with keys of a copy of the store for a day from when it was taken, however often it is read (DESIGN 11)', async () => {
    const store = new MemoryDocumentStore();
    await store.put(SIGNING_KEYS, 'svid', sealRing(encryptionKey, 'svid', ring), 0);
    const copied = Object.assign(store, { asOf: () => start });
    moving.set(start + DAY - 1);
    const away = await createAuthority({ issuer: ISSUER, store: copied, encryptionKey, clock: moving });
    expect(away.readAt()).toBe(start);
    moving.set(start + DAY);
    await away.refresh();
    expect((await away.sign('svid', SVID)).reveal()).toContain('.');
    moving.set(start + DAY + 1);
    await away.refresh();
    store.get = () => Promise.reject(new Error('away'));
    await expect(away.sign('svid', SVID)).rejects.toMatchObject({ key: 'signing_unavailable', status: 503 });
  });

  test('refuses to sign when no key is active, as a 503 with Retry-After: the token presented was good', async () => {
    moving.set(start + 20 * DAY);
    const refusal: unknown = await signer().catch((thrown) => thrown);
    expect(refusal).toBeInstanceOf(OAuthError);
    expect(refusal).toMatchObject({
      key: 'signing_unavailable',
      status: 503,
      retryAfterSeconds: 5,
      detail: 'no key for svid is active',
    });
    expect(published()).toEqual([ring[1]?.key.kid]);
    moving.set(start + 22 * DAY);
    expect(published()).toEqual([]);
  });
});

describe('two authorities over one store', () => {
  test('publish one key set and verify each other, also when they start together', async () => {
    const store = new MemoryDocumentStore();
    const deps = { issuer: ISSUER, store, encryptionKey, clock };
    const [one, two] = await Promise.all([createAuthority(deps), createAuthority(deps)]);
    for (const purpose of ['cloud', 'svid'] as const) {
      expect(one.publicKeys(purpose)).toEqual(two.publicKeys(purpose));
      expect(one.keysChangedAt(purpose)).toBe(two.keysChangedAt(purpose));
      const keys = createLocalJWKSet({ keys: [...two.publicKeys(purpose)] });
      await jwtVerify((await one.sign(purpose, CLAIMS[purpose])).reveal(), keys, {
        currentDate: new Date(clock.now()),
      });
    }
    const documents = await store.list(SIGNING_KEYS);
    expect(documents.map(({ name, version }) => [name, version])).toEqual([
      ['cloud', 1],
      ['svid', 1],
    ]);
    const keysIn = (value: JsonValue) => (value as { keys: unknown[] }).keys.length;
    expect(documents.map(({ value }) => keysIn(value))).toEqual([1, 1]);
  });

  test('work also where the clock of the one that came second is behind', async () => {
    const store = new MemoryDocumentStore();
    await createAuthority({ issuer: ISSUER, store, encryptionKey, clock });
    const behind = new FakeClock(clock.now() - 90_000);
    const second = await createAuthority({ issuer: ISSUER, store, encryptionKey, clock: behind });
    expect(second.publicKeys('svid')).toHaveLength(1);
    await second.sign('svid', SVID);
  });
});
