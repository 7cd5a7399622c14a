import { describe, expect, test } from 'vitest';
import type { AwsGrant, AzureGrant, GcpGrant, Grant, OauthGrant } from '../../src/core/decision.ts';
import type { VerifiedIdentity } from '../../src/core/identity.ts';
import { TokenType } from '../../src/core/token-types.ts';
import { credentialKey } from '../../src/exchange/credential-key.ts';
import { unboundWorkload, workload } from '../support/policy-builders.ts';
import { fc } from '../support/properties.ts';

const base = {
  mapping: 'reports',
  targetId: 'target',
  ttlSeconds: 3600,
  issuedTokenType: TokenType.accessToken,
  enforcedBy: ['session-policy', 'none'],
  deliver: 'credentials',
} as const;
const aws: AwsGrant = {
  ...base,
  kind: 'aws',
  roleArn: 'arn:aws:iam::123456789012:role/reports',
  region: 'eu-west-1',
  sessionName: 'payments.reporter',
  tags: { 'carnet:namespace': 'payments', team: 'money' },
  transitiveTagKeys: ['carnet:namespace'],
  policy: '{"Version":"2012-10-17"}',
  policyArns: ['arn:aws:iam::aws:policy/ReadOnlyAccess'],
  secondHop: { roleArn: 'arn:aws:iam::210987654321:role/next', externalId: 'ours' },
};
const gcp: GcpGrant = {
  ...base,
  kind: 'gcp',
  provider: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q',
  serviceAccount: 'reports@project.iam.gserviceaccount.com',
  delegates: ['between@project.iam.gserviceaccount.com'],
  scopes: ['https://www.googleapis.com/auth/cloud-platform'],
  idTokenAudience: 'https://service.example.org',
  accessBoundary: '{"accessBoundary":{}}',
};
const azure: AzureGrant = {
  ...base,
  kind: 'azure',
  tenant: 'tenant',
  clientId: 'client',
  scope: 'https://storage.azure.com/.default',
  authority: 'https://login.microsoftonline.com',
  assertionAudience: 'api://AzureADTokenExchange',
  registry: { host: 'acr.example.org', repositories: ['base/image'] },
};
const oauth: OauthGrant = {
  ...base,
  kind: 'oauth',
  issuer: 'https://auth.example.org',
  grantType: 'token-exchange',
  scopes: ['read'],
  audience: 'https://api.example.org',
  resource: 'https://api.example.org/v1',
  clientId: 'carnet',
};
const pod: VerifiedIdentity = workload({ node: { name: 'node-1', uid: 'node-uid' } });
const job: VerifiedIdentity = {
  kind: 'oidc',
  issuer: 'ci',
  subject: 'repo:acme/shop:ref:refs/heads/main',
  issuedAt: 1,
  expiresAt: 2,
  jtiSha256: 'aa',
  hasJti: true,
  claims: { sub: 'repo:acme/shop', run_id: '17', runner: { groups: ['a', 'b'], hosted: true }, jti: 'x', iat: 1 },
};

const grants = fc.constantFrom<Grant>(aws, gcp, azure, oauth);
const identities = fc.constantFrom<VerifiedIdentity>(pod, job, unboundWorkload());

type Path = readonly string[];

/** Where every text, number and flag of a value is. */
function leaves(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, member]) => leaves(member, [...path, name]));
}

/** A copy that differs at one place. */
function changed<T>(value: T, [name, ...rest]: Path, change: (leaf: unknown) => unknown): T {
  if (name === undefined) return change(value) as T;
  const copy = structuredClone(value) as Record<string, unknown>;
  copy[name] = changed(copy[name], rest, change);
  return copy as T;
}

function another(leaf: unknown): unknown {
  if (typeof leaf === 'number') return leaf + 1;
  return typeof leaf === 'boolean' ? !leaf : `${leaf}x`;
}

/** What is decided anew for each request, whoever asks. */
const FREE_OF_IDENTITY = ['issuedAt', 'expiresAt', 'jtiSha256', 'hasJti', 'liveness', 'claims.jti', 'claims.iat'];
const FREE_OF_GRANT = ['ttlSeconds', 'ttlCeilingSeconds'];

describe('callers share a credential (DESIGN section 11)', () => {
  test('never when anything of what they are granted differs', () => {
    const cases = fc
      .tuple(grants, identities)
      .chain(([grant, identity]) =>
        fc.tuple(fc.constant(grant), fc.constant(identity), fc.constantFrom(...leaves(grant))),
      );
    fc.assert(
      fc.property(cases, ([grant, identity, path]) => {
        fc.pre(!FREE_OF_GRANT.includes(path.join('.')));
        // `kind` is changed as well: two kinds of target never meet.
        return credentialKey(changed(grant, path, another), identity) !== credentialKey(grant, identity);
      }),
      { numRuns: 1000 },
    );
  });

  test('never when anything of who they are differs', () => {
    const cases = fc
      .tuple(grants, identities)
      .chain(([grant, identity]) =>
        fc.tuple(fc.constant(grant), fc.constant(identity), fc.constantFrom(...leaves(identity))),
      );
    fc.assert(
      fc.property(cases, ([grant, identity, path]) => {
        fc.pre(!FREE_OF_IDENTITY.includes(path.join('.')) && path.join('.') !== 'kind');
        return credentialKey(grant, changed(identity, path, another)) !== credentialKey(grant, identity);
      }),
      { numRuns: 1000 },
    );
  });

  test('never when one has what the other has not, whatever it is called', () => {
    fc.assert(
      fc.property(grants, fc.string({ minLength: 1 }), fc.string(), (grant, name, value) => {
        fc.pre(!(name in grant) && !FREE_OF_GRANT.includes(name) && name !== '__proto__');
        return credentialKey({ ...grant, [name]: value }, pod) !== credentialKey(grant, pod);
      }),
    );
  });

  test('never by texts that look the same once they stand next to each other', () => {
    const texts = fc.array(fc.string(), { maxLength: 4 });
    fc.assert(
      fc.property(texts, texts, (left, right) => {
        fc.pre(JSON.stringify(left) !== JSON.stringify(right));
        const key = (scopes: string[]) => credentialKey({ ...gcp, scopes }, pod);
        return key(left) !== key(right);
      }),
    );
    const keyOf = (tags: Record<string, string>) => credentialKey({ ...aws, tags }, pod);
    expect(keyOf({ a: 'b', c: 'd' })).not.toBe(keyOf({ a: 'b:c', d: '' }));
    const claimsOf = (claims: object) => credentialKey(aws, { ...job, claims: { ...claims } });
    expect(claimsOf({ id: 1 })).not.toBe(claimsOf({ id: '1' }));
    expect(claimsOf({ id: null })).not.toBe(claimsOf({ id: 'null' }));
    expect(claimsOf({ id: [] })).not.toBe(claimsOf({ id: {} }));
  });

  test.each(FREE_OF_IDENTITY)('though one token has another %s than the other', (name) => {
    const identity = name.startsWith('claims.') ? job : pod;
    const set = (value: unknown) => changed(identity, name.split('.'), () => value);
    expect(credentialKey(aws, set('one'))).toBe(credentialKey(aws, set('other')));
  });

  test('though the members stand in another order', () => {
    const turned = Object.fromEntries(Object.entries(aws).reverse()) as unknown as AwsGrant;
    expect(credentialKey(turned, pod)).toBe(credentialKey(aws, pod));
  });

  test('where their ttls have one power of two, so that a long wish does not get what is left of a short one', () => {
    const key = (ttlSeconds: number) => credentialKey({ ...aws, ttlSeconds }, pod);
    expect(key(2048)).toBe(key(4095));
    expect(key(2047)).not.toBe(key(2048));
    expect(key(900)).not.toBe(key(3600));
  });
});

describe('pods of one ServiceAccount', () => {
  const other = workload({ pod: { name: 'reporter-1', uid: 'another' }, node: { name: 'node-2' } });
  const shared: AwsGrant = { ...aws, shareAcrossPods: true };

  test('share nothing', () => {
    expect(credentialKey(aws, pod)).not.toBe(credentialKey(aws, other));
  });

  test('share where the mapping says so, and with those pods only', () => {
    expect(credentialKey(shared, pod)).toBe(credentialKey(shared, other));
    const stranger = workload({ serviceAccountUid: 'recreated' });
    expect(credentialKey(shared, pod)).not.toBe(credentialKey(shared, stranger));
  });

  test('never share with a mapping that says nothing, nor by tokens that no pod holds', () => {
    expect(credentialKey(shared, pod)).not.toBe(credentialKey(aws, pod));
    const loose = (jtiSha256: string) => credentialKey(aws, unboundWorkload({ jtiSha256, binding: 'none' }));
    expect(loose('one')).toBe(loose('one'));
    expect(loose('one')).not.toBe(loose('other'));
  });
});
