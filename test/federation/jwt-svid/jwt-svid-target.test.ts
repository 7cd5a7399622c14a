import { createSecretKey, randomBytes } from 'node:crypto';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { createAuthority, type LocalAuthority } from '../../../src/authority/local-authority.ts';
import type { JwtSvidGrant } from '../../../src/core/decision.ts';
import type { VerifiedIdentity } from '../../../src/core/identity.ts';
import { TokenType } from '../../../src/core/token-types.ts';
import { createJwtSvidTarget } from '../../../src/federation/jwt-svid/jwt-svid-target.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryDocumentStore } from '../../support/memory-document-store.ts';

const clock = new FakeClock();
const NOW = clock.now() / 1000;
const ISSUER = 'https://sts.example.org';

const grant: JwtSvidGrant = {
  kind: 'jwtSvid',
  mapping: 'mesh',
  targetId: 'orders',
  ttlSeconds: 300,
  issuedTokenType: TokenType.jwtSvid,
  enforcedBy: [],
  deliver: 'credentials',
  audience: 'orders',
  spiffeId: 'spiffe://example.org/cluster/prod/ns/pay/sa/api',
};
const identity: VerifiedIdentity = {
  kind: 'oidc',
  issuer: 'ci',
  subject: 'somebody:else',
  spiffeId: 'spiffe://example.org/not/this',
  issuedAt: NOW - 10,
  expiresAt: NOW + 10,
  jtiSha256: '0'.repeat(64),
  claims: {},
};
const issuance = { id: 'drawn-before', issuedAt: NOW, traceId: 'trace' };

describe('createJwtSvidTarget', () => {
  let authority: LocalAuthority;
  const issue = (over: Partial<JwtSvidGrant> = {}) =>
    createJwtSvidTarget({ authority }).issue({ ...grant, ...over }, identity, issuance);

  beforeAll(async () => {
    const encryptionKey = createSecretKey(randomBytes(32));
    authority = await createAuthority({ issuer: ISSUER, store: new MemoryDocumentStore(), encryptionKey, clock });
  });

  test('signs exactly iss sub aud iat exp jti, all from grant and issuance (spiffe.md clauses 12 to 16)', async () => {
    const { accessToken } = await issue();
    const keys = createLocalJWKSet({ keys: [...authority.publicKeys('svid')] });
    const { payload } = await jwtVerify(accessToken.reveal(), keys, { currentDate: new Date(clock.now()) });
    expect(payload).toEqual({
      iss: 'https://sts.example.org/svid',
      sub: 'spiffe://example.org/cluster/prod/ns/pay/sa/api',
      aud: 'orders',
      iat: NOW,
      exp: NOW + 300,
      jti: 'drawn-before',
    });
  });

  test('has no header beside alg kid typ, and alg is ES256 (spiffe.md clauses 8 to 11)', async () => {
    const header = decodeProtectedHeader((await issue()).accessToken.reveal());
    expect(header).toEqual({ alg: 'ES256', kid: authority.publicKeys('svid')[0]?.kid, typ: 'JWT' });
  });

  test.each([TokenType.jwtSvid, TokenType.jwt])(
    'answers with the type that was granted: %s',
    async (issuedTokenType) => {
      expect(await issue({ issuedTokenType })).toMatchObject({
        issuedTokenType,
        tokenType: 'N_A',
        expiresAt: NOW + 300,
        id: 'drawn-before',
      });
    },
  );

  test('lives exactly as long as was granted', async () => {
    expect((await issue({ ttlSeconds: 1 })).expiresAt).toBe(NOW + 1);
    expect((await issue({ ttlSeconds: 86_400 })).expiresAt).toBe(NOW + 86_400);
  });

  test.each([0, -1, 0.5, Number.NaN])('issues nothing for a ttl of %d', async (ttlSeconds) => {
    await expect(issue({ ttlSeconds })).rejects.toThrow(/refused to sign/);
  });

  test.each(['', 'spiffe://example.org', 'mapping:mesh', 'spiffe://example.org/a b'])(
    'issues nothing for the identity %j',
    async (spiffeId) => {
      await expect(issue({ spiffeId })).rejects.toThrow(/refused to sign/);
    },
  );

  test('shows the token nowhere but in its Secret', async () => {
    const credential = await issue();
    const token = credential.accessToken.reveal();
    expect(JSON.stringify(credential)).not.toContain(token.slice(0, 20));
  });
});
