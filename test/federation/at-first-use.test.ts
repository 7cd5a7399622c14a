import { describe, expect, test } from 'vitest';
import type { Target } from '../../src/core/credential.ts';
import type { JwtSvidGrant } from '../../src/core/decision.ts';
import type { VerifiedIdentity } from '../../src/core/identity.ts';
import { Secret } from '../../src/core/secret.ts';
import { TokenType } from '../../src/core/token-types.ts';
import { atFirstUse } from '../../src/federation/at-first-use.ts';

const grant: JwtSvidGrant = {
  kind: 'jwtSvid',
  mapping: 'mesh',
  targetId: 'orders',
  ttlSeconds: 300,
  issuedTokenType: TokenType.jwtSvid,
  enforcedBy: [],
  deliver: 'credentials',
  audience: 'orders',
  spiffeId: 'spiffe://example.org/ci',
};
const identity: VerifiedIdentity = {
  kind: 'oidc',
  issuer: 'ci',
  subject: 'job',
  issuedAt: 1,
  expiresAt: 2,
  jtiSha256: '0'.repeat(64),
  claims: {},
};
const issuance = { id: 'drawn-before', issuedAt: 1, traceId: 'trace' };

const target: Target<JwtSvidGrant> = {
  kind: 'jwtSvid',
  issue: async ({ ttlSeconds }, _, { id, issuedAt }) => ({
    issuedTokenType: TokenType.jwtSvid,
    tokenType: 'N_A',
    accessToken: new Secret('token'),
    expiresAt: issuedAt + ttlSeconds,
    id,
  }),
};

describe('a target that is made at its first use', () => {
  test('is made once for all who ask while it is being made, and issues what they ask for', async () => {
    let made = 0;
    const late = atFirstUse('jwtSvid', async () => {
      made += 1;
      await new Promise(setImmediate);
      return target;
    });
    expect(made).toBe(0);
    const issued = await Promise.all([
      late.issue(grant, identity, issuance),
      late.issue(grant, identity, { ...issuance, id: 'another' }),
    ]);
    expect(issued.map(({ id }) => id)).toEqual(['drawn-before', 'another']);
    expect(made).toBe(1);
  });

  test('that cannot be made fails whoever asks by then, and is made for the next', async () => {
    let tries = 0;
    const late = atFirstUse('jwtSvid', async () => {
      tries += 1;
      await new Promise(setImmediate);
      if (tries === 1) throw new Error('EMFILE: too many open files');
      return target;
    });
    const asked = [late.issue(grant, identity, issuance), late.issue(grant, identity, issuance)];
    const failed = await Promise.allSettled(asked);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await late.issue(grant, identity, issuance)).toMatchObject({ id: 'drawn-before' });
    expect(tries).toBe(2);
  });
});
