import { join } from 'node:path';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readAuditLog } from '../../src/audit/read-log.ts';
import type { Clock } from '../../src/core/clock.ts';
import { AwsSts } from '../fakes/aws-sts.ts';
import { AUDIENCE, exchangeForm, freePort, type RunningCarnet, start } from '../support/running-carnet.ts';
import { ACCOUNT, installOn, POD, podToken, populate, type TrustedCluster } from './carnet-on-clusters.ts';
import { startClusters } from './clusters.ts';

const NAMES = ['edge-7', 'edge-8'] as const;
const role = (name: string) => `arn:aws:iam::123456789012:role/reports-${name}`;

const RESOURCES = NAMES.map(
  (name) => `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: mesh-${name} }
spec:
  owner: platform@example.org
  subject: { issuer: ${name}, namespace: '*', serviceAccount: '*' }
  target: { jwtSvid: { audiences: [ledger] } }
---
apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: reports-${name} }
spec:
  owner: team-payments@example.org
  subject: { issuer: ${name}, namespace: payments, serviceAccount: reporter }
  target: { aws: { roleArn: '${role(name)}', region: eu-west-1 } }
  intents: unrestricted
`,
).join('---\n');

/** Real time, which a test may hurry: the API servers live in real time too. */
class HurriedClock implements Clock {
  #ahead = 0;
  now(): number {
    return Date.now() + this.#ahead;
  }
  hurry(milliseconds: number): void {
    this.#ahead += milliseconds;
  }
}

const clock = new HurriedClock();
const opened = new AsyncDisposableStack();
let seven: TrustedCluster;
let eight: TrustedCluster;
let sts: AwsSts;
let carnet: RunningCarnet;

beforeAll(async () => {
  const clusters = await startClusters(...NAMES.map((name) => ({ name })));
  opened.defer(() => clusters.stop());
  const [first, second] = clusters.servers;
  if (first === undefined || second === undefined) throw new Error('two servers are needed');
  seven = { name: NAMES[0], server: first };
  eight = { name: NAMES[1], server: second };
  for (const { admin } of clusters.servers) await populate(admin);
  const port = await freePort();
  const provider = `http://127.0.0.1:${port}`;
  const trust = { provider, audiences: ['sts.amazonaws.com'], requireRoleAuthorizedByIdp: true };
  sts = await AwsSts.start({
    clock,
    providers: [{ url: provider, clientIds: ['sts.amazonaws.com'] }],
    roles: NAMES.map((name) => ({ arn: role(name), subjects: [`mapping:reports-${name}`], ...trust })),
  });
  opened.defer(() => sts.close());
  carnet = await startCarnet([seven, eight], port);
  opened.defer(() => carnet.remove());
  opened.defer(() => carnet.stop());
});

afterAll(() => opened.disposeAsync());

async function startCarnet(trusted: readonly TrustedCluster[], port: number): Promise<RunningCarnet> {
  const url = `http://127.0.0.1:${port}`;
  const config = `issuer: ${url}
development: true
listen: { host: 127.0.0.1, port: ${port} }
clouds: { aws: { stsEndpoint: '${sts.url}' } }
`;
  const known = new Set(trusted.map(({ name }) => name));
  const documents = RESOURCES.split('---\n').filter((text) => [...known].some((name) => text.includes(name)));
  return start(await installOn({ clusters: trusted, resources: documents.join('---\n'), url, config }), clock);
}

async function svidSubject(token: string, running = carnet): Promise<unknown> {
  const { status, body } = await running.exchange(exchangeForm(token, 'ledger'));
  return status === 200 ? decodeJwt(String(body['access_token'])).sub : [status, body['error']];
}

const subjectIn = (name: string) => `spiffe://example.org/cluster/${name}/ns/payments/sa/reporter`;

async function audited() {
  const directory = join(carnet.folder, 'audit');
  return await Array.fromAsync(readAuditLog({ directory, stream: 'carnet' }));
}

describe('A pod’s token of a real API server, whose keys come by private discovery (K10)', () => {
  test('becomes a JWT-SVID that verifies by Carnet’s own discovery', async () => {
    const { body, status } = await carnet.exchange(exchangeForm(await podToken(seven.server), 'ledger'));
    expect(status).toBe(200);
    const issuer = `${carnet.url}/svid`;
    const document = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
    const jwks = await (await fetch((document as { jwks_uri: string }).jwks_uri)).json();
    const keys = createLocalJWKSet(jwks as JSONWebKeySet);
    const { payload } = await jwtVerify(String(body['access_token']), keys, { issuer, audience: 'ledger' });
    expect(payload.sub).toBe(subjectIn('edge-7'));
  });

  test('becomes AWS credentials, and AWS has verified who it is for', async () => {
    const { body, status } = await carnet.exchange(exchangeForm(await podToken(seven.server), 'reports-edge-7'));
    expect(status).toBe(200);
    expect(JSON.parse(String(body['access_token']))).toMatchObject({ Version: 1, AccountId: '123456789012' });
    expect(sts.calls.at(-1)?.claims).toMatchObject({
      sub: 'mapping:reports-edge-7',
      'https://aws.amazon.com/tags': {
        principal_tags: { 'carnet:issuer': ['edge-7'], 'carnet:serviceAccount': ['reporter'] },
      },
    });
  });

  test('is on record with its pod and its node, as the API server named them (K26, K29)', async () => {
    const token = await podToken(seven.server);
    const { pod, node } = decodeJwt<{ 'kubernetes.io': { pod: object; node: object } }>(token)['kubernetes.io'];
    expect(node).toMatchObject({ name: 'node-1' });
    await svidSubject(token);
    const identity = { cluster: 'edge-7', binding: 'pod', pod, node };
    await expect.poll(async () => (await audited()).at(-1)).toMatchObject({ type: 'issued', identity });
  });

  test.each([
    ['is bound to no pod', { audiences: [AUDIENCE] }, 'invalid_target'],
    ['is for the API server', { boundObjectRef: POD }, 'invalid_request'],
    [
      'is for the API server too',
      { audiences: [AUDIENCE, 'https://kubernetes.default.svc'], boundObjectRef: POD },
      'invalid_request',
    ],
    [
      'lives ten years',
      { audiences: [AUDIENCE], expirationSeconds: 315_360_000, boundObjectRef: POD },
      'invalid_request',
    ],
  ])('becomes nothing when it %s (K21, K22, K25)', async (_, spec, error) => {
    const token = await seven.server.admin.token(ACCOUNT.namespace, ACCOUNT.name, spec);
    const { status, body } = await carnet.exchange(exchangeForm(token, 'reports-edge-7'));
    expect([status, body['error']]).toEqual([400, error]);
  });

  test('becomes nothing with one byte of its signature changed', async () => {
    const token = await podToken(seven.server);
    const [header, payload, signature = ''] = token.split('.');
    const changed = `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    expect(await svidSubject(changed)).toEqual([400, 'invalid_request']);
    expect(await svidSubject(token)).toBe(subjectIn('edge-7'));
  });
});

describe('Two clusters with one issuer string, and the same names in both (K1, K3)', () => {
  test('are told apart by their keys: each token is of its own cluster', async () => {
    const [one, two] = await Promise.all([podToken(seven.server), podToken(eight.server)]);
    expect([decodeJwt(one).iss, decodeJwt(one).sub]).toEqual([decodeJwt(two).iss, decodeJwt(two).sub]);
    expect(await Promise.all([svidSubject(one), svidSubject(two)])).toEqual([subjectIn('edge-7'), subjectIn('edge-8')]);
  });

  test('have nothing of each other’s: a mapping of one refuses the other’s token', async () => {
    const ask = async ({ server }: TrustedCluster, mapping: string) =>
      (await carnet.exchange(exchangeForm(await podToken(server), mapping))).status;
    const statuses = [
      await ask(seven, 'reports-edge-7'),
      await ask(seven, 'reports-edge-8'),
      await ask(eight, 'reports-edge-7'),
      await ask(eight, 'reports-edge-8'),
    ];
    expect(statuses).toEqual([200, 400, 400, 200]);
  });

  test('are both needed: where one alone is trusted, the other’s token is worth nothing', async () => {
    const onlySeven = await startCarnet([seven], await freePort());
    try {
      expect(await svidSubject(await podToken(eight.server), onlySeven)).toEqual([400, 'invalid_request']);
      expect(await svidSubject(await podToken(seven.server), onlySeven)).toBe(subjectIn('edge-7'));
    } finally {
      await onlySeven.stop();
      await onlySeven.remove();
    }
  });
});

describe('The keys of an API server are rotated while exchanges run (K15)', () => {
  test('no exchange is refused: tokens of the former key and of the new one go on', async () => {
    const { server } = seven;
    const before = await podToken(server);
    const other = await podToken(eight.server);
    await svidSubject(before);
    const running = { on: true };
    const outcomes = Promise.all([before, other].map((token) => exchangesWhile(running, token)));
    await server.rotate();
    // Carnet looks for a key that it does not know once in thirty seconds at most.
    clock.hurry(30_000);
    const after = await podToken(server);
    expect(decodeProtectedHeader(after).kid).not.toBe(decodeProtectedHeader(before).kid);
    expect(await svidSubject(after)).toBe(subjectIn('edge-7'));
    running.on = false;
    const [mine, twins] = await outcomes;
    expect([...new Set(mine)]).toEqual([subjectIn('edge-7')]);
    expect([...new Set(twins)]).toEqual([subjectIn('edge-8')]);
    expect(mine?.length).toBeGreaterThan(10);
    expect(await svidSubject(before)).toBe(subjectIn('edge-7'));
  });
});

async function exchangesWhile(running: { readonly on: boolean }, token: string): Promise<readonly unknown[]> {
  const subjects: unknown[] = [];
  while (running.on) {
    subjects.push(await svidSubject(token));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return subjects;
}
