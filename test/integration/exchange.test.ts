import { join } from 'node:path';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readAuditLog } from '../../src/audit/read-log.ts';
import { verifyAuditLog } from '../../src/audit/verify-log.ts';
import { systemClock } from '../../src/core/clock.ts';
import { AwsSts } from '../fakes/aws-sts.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { FakeClock } from '../support/fake-clock.ts';
import {
  AUDIENCE,
  clusterIssuer,
  exchangeForm,
  freePort,
  install,
  type RunningCarnet,
  start,
} from '../support/running-carnet.ts';

const ROLE = 'arn:aws:iam::123456789012:role/reports';
const POD = { kind: 'pod', name: 'reporter-7d9f' } as const;

const RESOURCES = `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: mesh }
spec:
  owner: platform@example.org
  subject: { issuer: prod-eu, namespace: '*', serviceAccount: '*' }
  target: { jwtSvid: { audiences: [ledger, 'https://vault.example.org'] } }
---
apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: reports }
spec:
  owner: team-payments@example.org
  addresses: [archive]
  subject: { issuer: prod-eu, namespace: payments, serviceAccount: reporter }
  target: { aws: { roleArn: '${ROLE}', region: eu-west-1, tags: { cluster: '{cluster}' } } }
  intents: unrestricted
  ttl: { default: 30m, max: 1h }
---
apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: handed-out }
spec:
  owner: team-payments@example.org
  subject: { issuer: prod-eu, namespace: payments, serviceAccount: deployer }
  target: { aws: { roleArn: 'arn:aws:iam::123456789012:role/deploy', region: eu-west-1 } }
  intents: unrestricted
  deliver: assertion
  residual: { accept: [ttl], reason: the job asks AWS itself }
`;

/** It stands still: how many seconds are left must not hang on when one ends. */
const clock = new FakeClock(systemClock.now());
let cluster: FakeCluster;
let sts: AwsSts;
let carnet: RunningCarnet;

beforeAll(async () => {
  cluster = await FakeCluster.start({ now: () => clock.now() });
  const port = await freePort();
  const provider = `http://127.0.0.1:${port}`;
  sts = await AwsSts.start({
    clock,
    providers: [{ url: provider, clientIds: ['sts.amazonaws.com'] }],
    roles: [
      {
        arn: ROLE,
        provider,
        audiences: ['sts.amazonaws.com'],
        subjects: ['mapping:reports'],
        requireRoleAuthorizedByIdp: true,
      },
    ],
  });
  const resources = clusterIssuer(cluster) + RESOURCES;
  const more = `clouds: { aws: { stsEndpoint: '${sts.url}' } }\n`;
  carnet = await start(await install({ cluster, resources, more, port }), clock);
});

afterAll(async () => {
  await carnet.stop();
  await Promise.all([cluster.close(), sts.close()]);
  await carnet.remove();
});

function podToken(serviceAccount = 'reporter', name: string = POD.name): string {
  return cluster.token({ audiences: [AUDIENCE], serviceAccount, boundTo: { kind: 'pod', name } });
}

async function getJson(url: string): Promise<Record<string, unknown>> {
  const answer = await fetch(url);
  expect(answer.status).toBe(200);
  return (await answer.json()) as Record<string, unknown>;
}

async function records() {
  const directory = join(carnet.folder, 'data/audit');
  return await Array.fromAsync(readAuditLog({ directory, stream: 'carnet' }));
}

describe('A projected token becomes a JWT-SVID', () => {
  test('that verifies by the SVID issuer’s discovery and names the workload (DESIGN section 8, clauses 7 to 16)', async () => {
    const { status, body } = await carnet.exchange(exchangeForm(podToken(), 'ledger'));
    expect(status).toBe(200);
    expect(body).toMatchObject({
      issued_token_type: 'urn:carnet:token-type:jwt-svid',
      token_type: 'N_A',
      expires_in: 300,
    });
    const issuer = `${carnet.url}/svid`;
    const discovery = await getJson(`${issuer}/.well-known/openid-configuration`);
    const jwks = (await getJson(String(discovery['jwks_uri']))) as unknown as JSONWebKeySet;
    const { payload, protectedHeader } = await jwtVerify(String(body['access_token']), createLocalJWKSet(jwks), {
      issuer,
      audience: 'ledger',
      currentDate: new Date(clock.now()),
    });
    expect(payload.sub).toBe('spiffe://example.org/cluster/prod-eu/ns/payments/sa/reporter');
    expect(Object.keys(protectedHeader).sort()).toEqual(['alg', 'kid', 'typ']);
  });

  test('and the cloud issuer’s keys do not verify it: two issuers, two key sets', async () => {
    const { body } = await carnet.exchange(exchangeForm(podToken(), 'ledger'));
    const jwks = (await getJson(`${carnet.url}/.well-known/jwks.json`)) as unknown as JSONWebKeySet;
    await expect(jwtVerify(String(body['access_token']), createLocalJWKSet(jwks))).rejects.toThrow();
  });

  test('under the mapping’s name there is no single audience, so the name is no address (section 9)', async () => {
    const { status, body } = await carnet.exchange(exchangeForm(podToken(), 'mesh'));
    expect([status, body['error'], body['reason']]).toEqual([400, 'invalid_target', undefined]);
  });

  test('and lives no longer than the subject token', async () => {
    const short = cluster.token({ audiences: [AUDIENCE], boundTo: POD, expirationSeconds: 600 });
    const { body } = await carnet.exchange(exchangeForm(short, 'ledger', { requested_expires_in: '3600' }));
    expect(body['expires_in']).toBeLessThanOrEqual(600);
    expect(body['expires_in']).toBeGreaterThan(590);
  });
});

describe('A projected token becomes AWS credentials', () => {
  test('by name, by alias and by role ARN, and AWS has verified every claim of the assertion', async () => {
    for (const address of ['reports', 'archive', ROLE]) {
      const { status, body } = await carnet.exchange(exchangeForm(podToken(), address));
      expect(status).toBe(200);
      expect(body).toMatchObject({ issued_token_type: 'urn:carnet:token-type:aws-credentials', token_type: 'N_A' });
      const document = JSON.parse(String(body['access_token']));
      expect(document).toMatchObject({ Version: 1, AccountId: '123456789012' });
      expect(document.AccessKeyId).toMatch(/^ASIA/);
      expect(document.Expiration).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    }
    const call = sts.calls.at(-1);
    const issued = (await records()).findLast(({ type }) => type === 'issued');
    // AWS’s own base, and Carnet’s tags.
    expect(issued?.upstream).toEqual({ requestId: call?.requestId, packedPolicyPercent: 28 });
    expect(call?.parameters).toMatchObject({ DurationSeconds: '1800', RoleSessionName: 'payments.reporter' });
    expect(call?.claims).toMatchObject({
      sub: 'mapping:reports',
      aud: 'sts.amazonaws.com',
      'https://aws.amazon.com/source_identity': 'payments.reporter',
      'https://aws.amazon.com/roles': [ROLE],
      'https://aws.amazon.com/tags': {
        principal_tags: {
          'carnet:issuer': ['prod-eu'],
          'carnet:namespace': ['payments'],
          'carnet:serviceAccount': ['reporter'],
          'carnet:mapping': ['reports'],
          cluster: ['prod-eu'],
        },
      },
    });
  });

  test('but not for a token that no pod holds: the mapping’s default binding is pod (K25)', async () => {
    const unbound = cluster.token({ audiences: [AUDIENCE] });
    const { status, body } = await carnet.exchange(exchangeForm(unbound, 'reports'));
    expect([status, body['error'], body['reason']]).toEqual([400, 'invalid_target', 'not_bound_to_pod']);
  });

  test('and an AWS that does not trust Carnet is cloud_trust_missing (E4)', async () => {
    sts.fail({ kind: 'error', code: 'AccessDenied', status: 403 });
    const { status, body } = await carnet.exchange(exchangeForm(podToken('reporter', 'denied'), 'reports'));
    expect([status, body['error'], body['reason']]).toEqual([400, 'invalid_target', 'cloud_trust_missing']);
  });

  test('and a throttling AWS is a 503 with Retry-After, never a 400 (E11)', async () => {
    sts.fail({ kind: 'error', code: 'Throttling', status: 400 });
    const { status, body } = await carnet.exchange(exchangeForm(podToken('reporter', 'throttled'), 'reports'));
    expect([status, body['error']]).toEqual([503, 'temporarily_unavailable']);
  });

  test('an assertion mapping hands out Carnet’s own assertion for 60 seconds, and not under /sdk/ (section 9)', async () => {
    const { status, body } = await carnet.exchange(exchangeForm(podToken('deployer'), 'handed-out'));
    expect(status).toBe(200);
    expect(body).toMatchObject({ issued_token_type: 'urn:ietf:params:oauth:token-type:jwt', expires_in: 60 });
    const refused = await fetch(`${carnet.url}/sdk/aws/handed-out`, {
      headers: { authorization: podToken('deployer') },
    });
    expect(refused.status).toBe(403);
  });
});

describe('What a caller learns (DESIGN section 6)', () => {
  test('a stranger gets one and the same body whether or not the address exists (E17)', async () => {
    const stranger = cluster.token({
      audiences: [AUDIENCE],
      namespace: 'elsewhere',
      serviceAccount: 'x',
      boundTo: POD,
    });
    const known = await carnet.exchange(exchangeForm(stranger, 'reports'));
    const unknown = await carnet.exchange(exchangeForm(stranger, 'no-such-thing'));
    expect(known.status).toBe(unknown.status);
    expect({ ...known.body, trace_id: '' }).toEqual({ ...unknown.body, trace_id: '' });
  });
});

describe('Nothing leaves unrecorded', () => {
  test('every credential has its "allowed" before its "issued", and the log verifies', async () => {
    const { body } = await carnet.exchange(exchangeForm(podToken(), 'ledger'));
    const jti = JSON.parse(Buffer.from(String(body['access_token']).split('.')[1] ?? '', 'base64url').toString()).jti;
    await expect.poll(async () => (await records()).filter((one) => one.credential?.id === jti).length).toBe(2);
    const [allowed, issued] = (await records()).filter((one) => one.credential?.id === jti);
    expect([allowed?.type, issued?.type]).toEqual(['allowed', 'issued']);
    const report = await verifyAuditLog({ directory: join(carnet.folder, 'data/audit') });
    expect(report.ok).toBe(true);
  });

  test('no token, key or credential is in the audit log, the process log, an error or a metric', async () => {
    const token = podToken();
    const { body } = await carnet.exchange(exchangeForm(token, 'reports'));
    const { SecretAccessKey, SessionToken } = JSON.parse(String(body['access_token']));
    await carnet.exchange(exchangeForm(`${token.slice(0, -6)}AAAAAA`, 'reports'));
    const metrics = await (await fetch(`${carnet.url}/metrics`)).text();
    const everything = JSON.stringify(await records()) + carnet.log.join('') + metrics;
    for (const secret of [token.split('.')[2] ?? '', token.split('.')[1] ?? '', SecretAccessKey, SessionToken]) {
      expect(secret.length).toBeGreaterThan(10);
      expect(everything.includes(secret)).toBe(false);
    }
  });
});
