import { createSecretKey, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { PURPOSES, type Purpose } from '../../src/authority/authority.ts';
import {
  authorizationServerMetadata,
  discoveryDocument,
  jwksDocument,
  spiffeBundle,
  wellKnownPaths,
} from '../../src/authority/discovery.ts';
import { createAuthority, type LocalAuthority } from '../../src/authority/local-authority.ts';
import type { AwsGrant, AzureGrant, GcpGrant, JwtSvidGrant } from '../../src/core/decision.ts';
import type { KubernetesIdentity, OidcIdentity, VerifiedIdentity } from '../../src/core/identity.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { Secret } from '../../src/core/secret.ts';
import { TokenType } from '../../src/core/token-types.ts';
import { awsAssertion } from '../../src/federation/aws/assertion.ts';
import { azureAssertion } from '../../src/federation/azure/assertion.ts';
import { gcpAssertion } from '../../src/federation/gcp/assertion.ts';
import { createJwtSvidTarget } from '../../src/federation/jwt-svid/jwt-svid-target.ts';
import { awsSession } from '../../src/resources/targets/aws.ts';
import { AZURE_CLOUDS } from '../../src/resources/targets/azure.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryDocumentStore } from '../support/memory-document-store.ts';

/**
 * Everybody who trusts Carnet has written conditions against these bytes: trust policies of roles, attribute conditions,
 * verifiers' configurations. The file is never updated to make this test pass: a difference is a major release, with a
 * way to move for those who depend on the old form.
 */
const GOLDEN: JsonObject = JSON.parse(
  readFileSync(join(import.meta.dirname, '../fixtures/golden/what-clouds-see.json'), 'utf8'),
);
const clock = new FakeClock('2026-11-22T09:00:00.000Z');
const issuance = { id: '01990b5e-2f00-7c4e-8a11-5d0c6b7a8f90', issuedAt: clock.now() / 1000, traceId: 'trace' };
const WORKLOAD_URL = 'https://sts.internal.example.org';

const identity: KubernetesIdentity = {
  kind: 'kubernetes',
  issuer: 'prod-eu',
  subject: 'system:serviceaccount:payments:api',
  spiffeId: 'spiffe://example.org/cluster/prod-eu/ns/payments/sa/api',
  issuedAt: issuance.issuedAt - 60,
  expiresAt: issuance.issuedAt + 3540,
  jtiSha256: '0'.repeat(64),
  cluster: 'prod-eu',
  namespace: 'payments',
  serviceAccount: 'api',
  serviceAccountUid: '7a1f7f0e-52a9-4c7e-9f0a-1d2f3b4c5d6e',
  binding: 'pod',
  liveness: 'not_asked',
  pod: { name: 'api-0', uid: '0b0d3a52-1d2c-4a69-8f0a-6d1f6f6f7a11' },
};

const job: OidcIdentity = {
  kind: 'oidc',
  issuer: 'ci',
  subject: 'repo:example/reports:ref:refs/heads/main',
  issuedAt: issuance.issuedAt - 60,
  expiresAt: issuance.issuedAt + 540,
  jtiSha256: '0'.repeat(64),
  claims: { ref: 'refs/heads/main' },
};

const AWS_TARGET = {
  roleArn: 'arn:aws:iam::123456789012:role/team/payments-reports',
  region: 'eu-central-1',
  tags: { team: 'payments' },
};

/** The grant as policy makes it out for an identity: session name and tags come from there. */
function awsGrant(workload: VerifiedIdentity, deliver: AwsGrant['deliver'] = 'credentials'): AwsGrant {
  const result = awsSession(AWS_TARGET, { identity: workload, mapping: 'payments-reports' });
  if (!result.ok) throw new Error(result.detail);
  return {
    kind: 'aws',
    mapping: 'payments-reports',
    targetId: AWS_TARGET.roleArn,
    ttlSeconds: 3600,
    issuedTokenType: TokenType.awsCredentials,
    enforcedBy: [],
    deliver,
    roleArn: AWS_TARGET.roleArn,
    region: AWS_TARGET.region,
    ...result.session,
  };
}

const azureGrant: AzureGrant = {
  kind: 'azure',
  mapping: 'edge-blob',
  targetId: '99999999-8888-7777-6666-555555555555',
  ttlSeconds: 3600,
  issuedTokenType: TokenType.accessToken,
  enforcedBy: [],
  deliver: 'credentials',
  tenant: '11111111-2222-3333-4444-555555555555',
  clientId: '99999999-8888-7777-6666-555555555555',
  scope: 'https://storage.azure.com/.default',
  authority: AZURE_CLOUDS.public.authority,
  assertionAudience: AZURE_CLOUDS.public.audience,
};

function gcpGrant(deliver: GcpGrant['deliver'] = 'credentials'): GcpGrant {
  const provider =
    '//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/carnet/providers/sts-example';
  return {
    kind: 'gcp',
    mapping: 'payments-reports',
    targetId: provider,
    ttlSeconds: 3600,
    issuedTokenType: TokenType.accessToken,
    enforcedBy: [],
    deliver,
    provider,
    delegates: [],
    scopes: [],
  };
}

const svidGrant: JwtSvidGrant = {
  kind: 'jwtSvid',
  mapping: 'mesh',
  targetId: 'orders',
  ttlSeconds: 300,
  issuedTokenType: TokenType.jwtSvid,
  enforcedBy: [],
  deliver: 'credentials',
  audience: 'orders',
  spiffeId: identity.spiffeId ?? '',
};

/** Keys are made per test, so of a key only its members are pinned, and of a header that `kid` names the key. */
const MADE_PER_TEST = new Set(['kid', 'n', 'x', 'y']);

describe('what clouds see', () => {
  let authority: LocalAuthority;

  beforeAll(async () => {
    const encryptionKey = createSecretKey(randomBytes(32));
    const store = new MemoryDocumentStore();
    authority = await createAuthority({ issuer: 'https://sts.example.org', store, encryptionKey, clock });
  });

  function seen(token: Secret, purpose: Purpose): JsonObject {
    const { kid, ...header } = decodeProtectedHeader(token.reveal());
    expect(kid).toBe(authority.publicKeys(purpose)[0]?.kid);
    return { header: { ...header, kid: 'thumbprint of the key' }, payload: decodeJwt(token.reveal()) as JsonObject };
  }

  function withoutKeyMaterial(document: JsonObject): JsonObject {
    const keys = document['keys'] as readonly Record<string, string>[];
    const members = keys.map((key) =>
      Object.fromEntries(Object.entries(key).map(([name, value]) => [name, MADE_PER_TEST.has(name) ? name : value])),
    );
    return { ...document, keys: members };
  }

  test.each<[string, VerifiedIdentity, string]>([
    ['a workload of a cluster', identity, 'awsAssertion'],
    ['a workload with long names', { ...identity, serviceAccount: 'a'.repeat(63) }, 'awsAssertionLongNames'],
    ['a CI job', job, 'awsAssertionOidc'],
  ])('an assertion for AWS is what trust policies were written against, for %s', async (_, workload, row) => {
    const token = await authority.sign('cloud', awsAssertion(awsGrant(workload), issuance));
    expect(seen(token, 'cloud')).toStrictEqual(GOLDEN[row]);
  });

  test('an assertion for AWS that goes to the workload differs in its end alone', async () => {
    const token = await authority.sign('cloud', awsAssertion(awsGrant(identity, 'assertion'), issuance));
    const expected = GOLDEN['awsAssertion'] as { payload: { exp: number; iat: number } };
    const payload = { ...expected.payload, exp: expected.payload.iat + 60 };
    expect(seen(token, 'cloud')).toStrictEqual({ ...expected, payload });
  });

  test.each(Object.values(AZURE_CLOUDS))('an assertion for Entra at $authority has its audience', async (cloud) => {
    const grant = { ...azureGrant, ...cloud, assertionAudience: cloud.audience };
    const token = await authority.sign('cloud', azureAssertion(grant, issuance));
    const expected = GOLDEN['azureAssertion'] as { payload: JsonObject };
    const payload = { ...expected.payload, aud: cloud.audience };
    expect(seen(token, 'cloud')).toStrictEqual({ ...expected, payload });
  });

  test.each<[string, VerifiedIdentity, string]>([
    ['a workload of a cluster', identity, 'gcpAssertion'],
    ['a CI job', job, 'gcpAssertionOidc'],
  ])(
    'an assertion for Google Cloud is what attribute mappings were written against, for %s',
    async (_, workload, row) => {
      const token = await authority.sign('cloud', gcpAssertion(gcpGrant(), workload, issuance));
      expect(seen(token, 'cloud')).toStrictEqual(GOLDEN[row]);
    },
  );

  test('an assertion for Google Cloud that goes to the workload differs in its end alone', async () => {
    const token = await authority.sign('cloud', gcpAssertion(gcpGrant('assertion'), identity, issuance));
    const expected = GOLDEN['gcpAssertion'] as { payload: { exp: number; iat: number } };
    const payload = { ...expected.payload, exp: expected.payload.iat + 60 };
    expect(seen(token, 'cloud')).toStrictEqual({ ...expected, payload });
  });

  test('a JWT-SVID is what its verifiers were configured for', async () => {
    const { accessToken } = await createJwtSvidTarget({ authority }).issue(svidGrant, identity, issuance);
    expect(seen(accessToken, 'svid')).toStrictEqual(GOLDEN['jwtSvid']);
  });

  test.each(PURPOSES)('the documents of the %s issuer are at the same paths with the same content', (purpose) => {
    const issuer = authority.issuer(purpose);
    const publication = { purpose, issuer, workloadUrl: WORKLOAD_URL };
    const paths = wellKnownPaths(issuer);
    const documents = {
      [paths.configuration]: discoveryDocument(publication),
      [paths.metadata]: authorizationServerMetadata(publication),
      [paths.jwks]: withoutKeyMaterial(jwksDocument(authority.publicKeys(purpose))),
    };
    expect(documents).toStrictEqual((GOLDEN['documents'] as JsonObject)[purpose]);
  });

  test('the SPIFFE bundle has the same members', () => {
    const bundle = spiffeBundle(authority.publicKeys('svid'), authority.keysChangedAt('svid'));
    expect(withoutKeyMaterial(bundle)).toStrictEqual(GOLDEN['spiffeBundle']);
  });
});
