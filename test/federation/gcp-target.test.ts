import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CloudIssuer } from './cloud-issuer.ts';
import {
  AUDIENCE,
  BRIDGE,
  CLOUD_PLATFORM,
  direct,
  GcpBench,
  grant,
  PROVIDER,
  provider,
  REPORTER,
  SUBJECT,
} from './gcp-fixture.ts';

const STORAGE = 'https://www.googleapis.com/auth/devstorage.read_only';
const BOUNDARY = JSON.stringify({
  accessBoundary: {
    accessBoundaryRules: [
      {
        availableResource: '//storage.googleapis.com/projects/_/buckets/reports',
        availablePermissions: ['inRole:roles/storage.objectViewer'],
      },
    ],
  },
});

let issuer: CloudIssuer;
let bench: GcpBench;

beforeAll(async () => {
  issuer = await CloudIssuer.start();
});
afterAll(() => issuer.close());
beforeEach(async () => {
  issuer.signed.length = 0;
  bench = await GcpBench.start(issuer);
});
afterEach(() => bench.close());

async function withGcp(...change: Parameters<typeof GcpBench.start> extends [unknown, ...infer Rest] ? Rest : never) {
  await bench.close();
  bench = await GcpBench.start(issuer, ...change);
}

describe('a token of a service account', () => {
  test('is a bearer token that ends when Google says', async () => {
    const credential = await bench.issue();
    expect(credential).toMatchObject({
      scope: grant.scopes.join(' '),
      issuedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
      tokenType: 'Bearer',
      expiresAt: Date.parse('2026-11-22T09:30:00Z') / 1000,
      id: 'jti-1',
    });
    expect(credential.accessToken.reveal()).toMatch(/^ya29\./);
    expect(JSON.stringify(credential)).not.toContain('ya29');
  });

  test('is asked for with exactly what the grant says, in two calls', async () => {
    await bench.issue({ ...grant, scopes: [STORAGE] });
    expect(bench.gcp.calls).toHaveLength(2);
    const [exchange, impersonation] = bench.gcp.calls;
    expect(exchange).toMatchObject({
      service: 'sts',
      method: 'POST',
      parameters: {
        grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
        audience: PROVIDER,
        scope: CLOUD_PLATFORM,
        requestedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
        subjectTokenType: 'urn:ietf:params:oauth:token-type:jwt',
      },
      claims: { iss: issuer.url, sub: 'mapping:payments-reports', aud: PROVIDER },
      outcome: 'answered',
    });
    expect(impersonation).toMatchObject({
      method: 'POST',
      path: `/v1/projects/-/serviceAccounts/${REPORTER}:generateAccessToken`,
      outcome: 'answered',
    });
    expect(impersonation?.parameters).toEqual({ scope: [STORAGE], lifetime: '1800s' });
  });

  test('is asked for without a word about the process that asks', async () => {
    await bench.issue();
    for (const { headers } of bench.gcp.calls) {
      expect(headers['user-agent']).toBe('carnet');
      expect(Object.keys(headers).filter((name) => name.startsWith('x-goog'))).toEqual([]);
    }
  });

  test('is for everything that the account may do, where the grant names no scopes', async () => {
    await bench.issue();
    expect(bench.gcp.calls[1]?.parameters['scope']).toEqual([CLOUD_PLATFORM]);
  });

  test('goes through the delegates in order', async () => {
    await withGcp({
      serviceAccounts: [
        { email: REPORTER, actors: [`serviceAccount:${BRIDGE}`] },
        { email: BRIDGE, actors: [SUBJECT] },
      ],
    });
    expect(await bench.refusal()).toMatchObject({ key: 'target_denied', reason: 'cloud_trust_missing' });
    expect((await bench.issue({ ...grant, delegates: [BRIDGE] })).tokenType).toBe('Bearer');
    expect(bench.gcp.calls.at(-1)?.parameters['delegates']).toEqual([`projects/-/serviceAccounts/${BRIDGE}`]);
  });

  test('may live longer than an hour only where the organisation lets it', async () => {
    const long = { ...grant, ttlSeconds: 7200 };
    expect(await bench.refusal(long)).toMatchObject({
      key: 'target_denied',
      detail: 'IAM Credentials: INVALID_ARGUMENT, HTTP 400',
    });
    await withGcp({ serviceAccounts: [{ email: REPORTER, actors: [SUBJECT], maxLifetimeSeconds: 43_200 }] });
    expect((await bench.issue(long)).expiresAt).toBe(Date.parse('2026-11-22T11:00:00Z') / 1000);
  });
});

describe('an ID token', () => {
  const idToken = { ...grant, ttlSeconds: 3600, idTokenAudience: AUDIENCE };

  test('is of the service account, for the one audience', async () => {
    const credential = await bench.issue({
      ...idToken,
      issuedTokenType: 'urn:ietf:params:oauth:token-type:id_token',
    });
    expect(credential).toMatchObject({
      issuedTokenType: 'urn:ietf:params:oauth:token-type:id_token',
      expiresAt: Date.parse('2026-11-22T10:00:00Z') / 1000,
    });
    expect(credential).not.toHaveProperty('scope');
    expect(decodeJwt(credential.accessToken.reveal())).toMatchObject({ aud: AUDIENCE, email: REPORTER });
    expect(bench.gcp.calls[1]?.path).toMatch(/:generateIdToken$/);
    expect(bench.gcp.calls[1]?.parameters).toEqual({ audience: AUDIENCE, includeEmail: true });
  });

  test('that outlives the grant is refused, unless the grant leaves the lifetime to Google', async () => {
    expect(await bench.refusal({ ...idToken, ttlSeconds: 3599 })).toMatchObject({ key: 'target_unavailable' });
    const left = { ...idToken, ttlSeconds: 900, ttlCeilingSeconds: Number.POSITIVE_INFINITY };
    expect((await bench.issue(left)).expiresAt).toBe(Date.parse('2026-11-22T10:00:00Z') / 1000);
  });

  test('that outlives the guardrails is dropped', async () => {
    const left = { ...idToken, ttlSeconds: 900 };
    expect((await bench.issue({ ...left, ttlCeilingSeconds: 3600 })).id).toBe('jti-1');
    expect(await bench.refusal({ ...left, ttlCeilingSeconds: 3599 })).toMatchObject({
      key: 'target_denied',
      reason: 'guardrail',
    });
  });

  test('needs a service account and takes no boundary: such a grant calls nobody', async () => {
    expect(await bench.refusal({ ...idToken, accessBoundary: BOUNDARY })).toMatchObject({ key: 'internal' });
    expect(await bench.refusal(direct({ idTokenAudience: AUDIENCE }))).toMatchObject({ key: 'internal' });
    expect(bench.gcp.calls).toEqual([]);
    expect(issuer.signed).toEqual([]);
  });
});

describe('a federated token', () => {
  test('is given out where the grant names no service account, for the scopes of the grant', async () => {
    const credential = await bench.issue(direct({ scopes: [STORAGE, `${STORAGE}.2`] }));
    expect(credential.expiresAt).toBe(Date.parse('2026-11-22T10:00:00Z') / 1000);
    expect(bench.outcomes()).toEqual(['sts answered']);
    expect(bench.gcp.calls[0]?.parameters['scope']).toBe(`${STORAGE} ${STORAGE}.2`);
  });

  test('that lives a second longer than granted is refused: its lifetime cannot be chosen', async () => {
    expect(await bench.refusal(direct({ ttlSeconds: 3599 }))).toMatchObject({ key: 'target_unavailable' });
  });

  test('may outlive the wish under a ceiling, says its own end, and is dropped above it', async () => {
    const wish = { ttlSeconds: 600 };
    const credential = await bench.issue(direct({ ...wish, ttlCeilingSeconds: 3600 }));
    expect(credential.expiresAt).toBe(Date.parse('2026-11-22T10:00:00Z') / 1000);
    expect(await bench.refusal(direct({ ...wish, ttlCeilingSeconds: 3599 }))).toMatchObject({
      key: 'target_denied',
      reason: 'guardrail',
    });
  });
});

describe('an access boundary', () => {
  test('comes last, on the token of the service account, whose end it inherits', async () => {
    const credential = await bench.issue({ ...grant, accessBoundary: BOUNDARY });
    expect(bench.outcomes()).toEqual(['sts answered', 'iamCredentials answered', 'sts answered']);
    expect(bench.gcp.calls[2]?.parameters).toEqual({
      grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
      requestedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
      subjectTokenType: 'urn:ietf:params:oauth:token-type:access_token',
      options: BOUNDARY,
    });
    expect(credential.expiresAt).toBe(Date.parse('2026-11-22T09:30:00Z') / 1000);
  });

  test('that Google cannot read is our own fault and never a wider token', async () => {
    const accessBoundary = BOUNDARY.replace('inRole:', '');
    const enforcedBy = ['credential-access-boundary'] as const;
    expect(await bench.refusal({ ...grant, accessBoundary, enforcedBy })).toMatchObject({ key: 'internal' });
  });

  test('ends sooner than its source where Google says so, and never later', async () => {
    const expires = (seconds: number) => ({
      kind: 'answer' as const,
      change: (answer: object) => ({ ...answer, expires_in: seconds }),
    });
    bench.gcp.fail('sts', expires(3600), expires(60));
    const sooner = await bench.issue({ ...grant, accessBoundary: BOUNDARY });
    expect(sooner.expiresAt).toBe(Date.parse('2026-11-22T09:01:00Z') / 1000);
    bench.gcp.fail('sts', expires(3600), expires(3600));
    const later = await bench.issue({ ...grant, accessBoundary: BOUNDARY });
    expect(later.expiresAt).toBe(Date.parse('2026-11-22T09:30:00Z') / 1000);
    bench.gcp.fail('sts', expires(600), expires(3600));
    const federated = await bench.issue(direct({ accessBoundary: BOUNDARY }));
    expect(federated.expiresAt).toBe(Date.parse('2026-11-22T09:10:00Z') / 1000);
  });

  test('is put on the federated token itself where the grant names no service account', async () => {
    const credential = await bench.issue(direct({ accessBoundary: BOUNDARY }));
    expect(bench.outcomes()).toEqual(['sts answered', 'sts answered']);
    expect(credential.expiresAt).toBe(Date.parse('2026-11-22T10:00:00Z') / 1000);
  });
});

describe('deliver: assertion', () => {
  test('hands out the signed assertion for 60 seconds and calls nobody', async () => {
    const credential = await bench.issue({
      ...grant,
      deliver: 'assertion',
      issuedTokenType: 'urn:ietf:params:oauth:token-type:jwt',
    });
    const issuedAt = bench.clock.now() / 1000;
    expect(credential).toMatchObject({
      issuedTokenType: 'urn:ietf:params:oauth:token-type:jwt',
      tokenType: 'N_A',
      expiresAt: issuedAt + 60,
      id: 'jti-1',
    });
    expect(decodeJwt(credential.accessToken.reveal())).toMatchObject({
      iss: issuer.url,
      sub: 'mapping:payments-reports',
      aud: PROVIDER,
      exp: issuedAt + 60,
      jti: 'jti-1',
    });
    expect(bench.gcp.calls).toHaveLength(0);
  });
});

describe('a refusal by Google, through every step for real', () => {
  test.each([
    ['another pool or provider', { name: `${PROVIDER}-2` }, 'STS: invalid_target, HTTP 400'],
    ['a provider that is disabled', { disabled: true }, 'STS: invalid_target, HTTP 400'],
    ['another audience', { allowedAudiences: ['https://example.org'] }, 'STS: invalid_grant, HTTP 400'],
    ['another issuer', { issuerUri: 'https://sts.example.org' }, 'STS: invalid_grant, HTTP 400'],
    [
      'another cluster',
      { attributeCondition: "assertion.carnet_issuer == 'test'" },
      'STS: unauthorized_client, HTTP 400',
    ],
  ])('that trusts %s is target_denied for missing trust', async (_case, change, detail) => {
    await withGcp({ providers: [provider(issuer.url, change)] });
    expect(await bench.refusal()).toMatchObject({ key: 'target_denied', reason: 'cloud_trust_missing', detail });
  });

  test('whose service account trusts another mapping is target_denied', async () => {
    await withGcp({ serviceAccounts: [{ email: REPORTER, actors: [`${SUBJECT}-2`] }] });
    expect(await bench.refusal()).toMatchObject({
      key: 'target_denied',
      reason: 'cloud_trust_missing',
      detail: 'IAM Credentials: PERMISSION_DENIED, HTTP 403',
    });
  });

  test('whose service account trusts all of a namespace accepts, and another namespace does not', async () => {
    const pool = SUBJECT.replace('principal://', 'principalSet://').replace(/\/subject\/.*/, '');
    await withGcp({ serviceAccounts: [{ email: REPORTER, actors: [`${pool}/attribute.namespace/payments`] }] });
    expect((await bench.issue()).tokenType).toBe('Bearer');
    await withGcp({ serviceAccounts: [{ email: REPORTER, actors: [`${pool}/attribute.namespace/orders`] }] });
    expect((await bench.refusal()).key).toBe('target_denied');
  });
});
