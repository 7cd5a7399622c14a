import { describe, expect, test } from 'vitest';
import type { AwsGrant, AzureGrant, GcpGrant, OauthGrant } from '../../src/core/decision.ts';
import { TokenType } from '../../src/core/token-types.ts';
import { decide } from '../../src/policy/decide.ts';
import {
  ACCOUNT,
  allowed,
  aws,
  azure,
  CLIENT,
  decided,
  gcp,
  mapping,
  oauth,
  PLATFORM,
  PROD,
  PROVIDER,
  STORAGE,
  TENANT,
  TTL,
} from '../support/one-mapping.ts';
import { answer, ask, NOW, ROLE, snapshotOf, workload } from '../support/policy-builders.ts';

describe('what is granted for each cloud', () => {
  const base = { mapping: 'm', ttlSeconds: 3600, deliver: 'credentials', enforcedBy: [] } as const;

  test('is at AWS a session of the role, with managed policies and a second hop where the mapping has them', () => {
    const policyArns = ['arn:aws:iam::aws:policy/ReadOnlyAccess'];
    const secondHop = { roleArn: 'arn:aws:iam::999999999999:role/inner', externalId: 'e-1' };
    const { grant } = allowed({ target: aws({ policyArns, secondHop }), ttl: { default: '2h', max: '12h' } });
    expect(grant).toMatchObject({
      targetId: secondHop.roleArn,
      roleArn: ROLE,
      policyArns,
      secondHop,
      ttlSeconds: 3600,
    } satisfies Partial<AwsGrant>);
    expect(grant).not.toHaveProperty('policy');
  });

  test('is at Google Cloud a token of the account, for every API that IAM lets it use', () => {
    const { grant } = allowed({ target: gcp({ delegates: ['a@acme.iam.gserviceaccount.com'] }) });
    expect(grant).toEqual({
      ...base,
      kind: 'gcp',
      targetId: ACCOUNT,
      provider: PROVIDER,
      serviceAccount: ACCOUNT,
      delegates: ['a@acme.iam.gserviceaccount.com'],
      scopes: [PLATFORM],
      issuedTokenType: TokenType.accessToken,
    } satisfies GcpGrant);
  });

  test('is at Google Cloud an ID token where the mapping names its audience', () => {
    const { grant } = allowed({ target: gcp({ idToken: { audience: 'https://run.example.org' } }), residual: TTL });
    expect(grant).toMatchObject({
      idTokenAudience: 'https://run.example.org',
      scopes: [],
      issuedTokenType: TokenType.idToken,
    });
    expect(
      decided(
        { target: gcp({ idToken: { audience: 'a' } }), residual: TTL },
        { requestedTokenType: TokenType.accessToken },
      ),
    ).toBe('target_denied token_type');
  });

  test.each([
    [undefined, 'https://login.microsoftonline.com', 'api://AzureADTokenExchange'],
    ['usGovernment', 'https://login.microsoftonline.us', 'api://AzureADTokenExchangeUSGov'],
    ['china', 'https://login.partner.microsoftonline.cn', 'api://AzureADTokenExchangeChina'],
  ])('is at Azure a token for the one scope, of the authority of cloud %s', (cloud, authority, assertionAudience) => {
    const { grant } = allowed({ target: azure(cloud === undefined ? {} : { cloud }), residual: TTL });
    expect(grant).toEqual({
      ...base,
      kind: 'azure',
      targetId: CLIENT,
      tenant: TENANT,
      clientId: CLIENT,
      scope: STORAGE,
      authority,
      assertionAudience,
      ttlCeilingSeconds: Number.POSITIVE_INFINITY,
      issuedTokenType: TokenType.accessToken,
    } satisfies AzureGrant);
  });

  test('is at Azure for the scope whose address was asked, and a name that could mean two means none', () => {
    const vault = 'https://vault.azure.net/.default';
    const snapshot = snapshotOf(PROD, mapping({ target: azure({ scopes: [STORAGE, vault] }), residual: TTL }));
    for (const scope of [STORAGE, vault]) {
      const asked = ask(`azure:${TENANT}:${CLIENT}:${scope}`);
      expect(decide(snapshot, workload(), asked, NOW)).toMatchObject({ grant: { scope } });
    }
    for (const address of [
      'm',
      CLIENT,
      `api://${CLIENT}`,
      `azure:${TENANT}:${CLIENT}:https://graph.microsoft.com/.default`,
    ]) {
      expect(answer(snapshot, workload(), ask(address))).toBe('target_refused');
    }
  });

  test('is at an OAuth server what the mapping asks it for', () => {
    const rest = { clientId: 'c', audience: 'a', resource: 'https://api.example.org', scopes: ['read'] };
    expect(allowed({ target: oauth({ ...rest, grantType: 'jwt-bearer' }) }).grant).toEqual({
      ...base,
      kind: 'oauth',
      targetId: 'https://as.example.org',
      issuer: 'https://as.example.org',
      grantType: 'jwt-bearer',
      ...rest,
      issuedTokenType: TokenType.accessToken,
    } satisfies OauthGrant);
    expect(allowed({ target: oauth() }).grant).toMatchObject({ grantType: 'token-exchange', scopes: [] });
  });

  test.each([aws(), gcp(), azure(), oauth()])(
    'is an assertion of 60 seconds for %j where that is delivered',
    (target) => {
      const { grant } = allowed({ target, deliver: 'assertion', residual: TTL });
      expect(grant).toMatchObject({ deliver: 'assertion', ttlSeconds: 60, issuedTokenType: TokenType.jwt });
      expect(grant).not.toHaveProperty('ttlCeilingSeconds');
    },
  );
});
