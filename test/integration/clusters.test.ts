import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readAuditLog } from '../../src/audit/read-log.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { signClaims } from '../fakes/cluster-keys.ts';
import { REVIEW_PATH } from '../fakes/cluster-reviews.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { AUDIENCE, exchangeForm, install, type RunningCarnet, start } from '../support/running-carnet.ts';

const POD = { kind: 'pod', name: 'reporter-7d9f' } as const;

let closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.toReversed()) await close();
  closers = [];
});

interface Member {
  readonly name: string;
  readonly cluster: FakeCluster;
  /** Lines of its `spec`. */
  readonly more?: string;
  readonly kubernetes?: string;
  readonly issuer?: string;
}

let clock = new FakeClock();
beforeEach(() => {
  clock = new FakeClock();
});

async function startCluster(issuer?: string): Promise<FakeCluster> {
  const cluster = await FakeCluster.start({
    algorithm: 'ES256',
    now: () => clock.now(),
    ...(issuer !== undefined && { issuer }),
  });
  closers.push(() => cluster.close());
  return cluster;
}

function documentOf({ name, cluster, more = '', kubernetes = '{}', issuer = cluster.issuer }: Member): string {
  return `apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: ${name}, labels: { env: prod } }
spec:
  issuer: ${issuer}
  audiences: ['${AUDIENCE}']
  keys: { discovery: { url: '${cluster.discoveryUrl}', caFile: ./${name}-ca.pem, bearerTokenFile: ./${name}-token } }
  kubernetes: ${kubernetes}
${more}---
`;
}

const MESH = `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: mesh }
spec:
  owner: platform@example.org
  subject: { issuerSelector: { env: prod }, namespace: '*', serviceAccount: '*' }
  target: { jwtSvid: { audiences: [ledger] } }
`;

async function carnetFor(...members: readonly [Member, ...Member[]]): Promise<RunningCarnet> {
  const installation = await install({
    cluster: members[0].cluster,
    resources: members.map(documentOf).join('') + MESH,
    allowOrigins: members.map(({ cluster }) => cluster.url),
  });
  closers.push(() => installation.remove());
  for (const { name, cluster } of members) {
    await installation.writeResource(`${name}-ca.pem`, cluster.ca);
    await installation.writeResource(`${name}-token`, cluster.apiToken());
  }
  const carnet = await start(installation, clock);
  closers.push(() => carnet.stop());
  return carnet;
}

async function svidOf(carnet: RunningCarnet, token: string): Promise<unknown> {
  const { status, body } = await carnet.exchange(exchangeForm(token, 'mesh'));
  return status === 200 ? decodeJwt(String(body['access_token'])).sub : `${status} ${String(body['error'])}`;
}

const podOf = (cluster: FakeCluster) => cluster.token({ audiences: [AUDIENCE], boundTo: POD });
const ID = (cluster: string) => `spiffe://example.org/cluster/${cluster}/ns/payments/sa/reporter`;

describe('several clusters', () => {
  test('of one iss are never mixed: the key tells whose pod it is (K1, K3)', async () => {
    const [one, two, stranger] = [await startCluster(), await startCluster(), await startCluster()];
    const carnet = await carnetFor({ name: 'one', cluster: one }, { name: 'two', cluster: two });
    expect(one.issuer).toBe(two.issuer);
    expect(await svidOf(carnet, podOf(one))).toBe(ID('one'));
    expect(await svidOf(carnet, podOf(two))).toBe(ID('two'));
    expect(await svidOf(carnet, podOf(stranger))).toBe('400 invalid_request');
  });

  test('are one, blue and green, only where both say so (K1)', async () => {
    const blue = await startCluster('https://blue.example.org');
    const green = await startCluster('https://green.example.org');
    const other = await startCluster('https://other.example.org');
    const carnet = await carnetFor(
      { name: 'blue', cluster: blue, kubernetes: '{ cluster: prod }' },
      { name: 'green', cluster: green, kubernetes: '{ cluster: prod }' },
      { name: 'other', cluster: other },
    );
    expect(await svidOf(carnet, podOf(blue))).toBe(ID('prod'));
    expect(await svidOf(carnet, podOf(green))).toBe(ID('prod'));
    expect(await svidOf(carnet, podOf(other))).toBe(ID('other'));
  });

  test('keep a former issuer until its end, and the new one from the first day (K7)', async () => {
    const cluster = await startCluster('https://new.example.org');
    const notAfter = new Date(clock.now() + 600_000).toISOString();
    const more = `  previousIssuers: [{ issuer: https://old.example.org, notAfter: '${notAfter}' }]\n`;
    const carnet = await carnetFor({ name: 'moved', cluster, more });
    const old = (iss: string) =>
      signClaims(cluster.signingKey, { ...cluster.claims({ audiences: [AUDIENCE], boundTo: POD }), iss });
    expect(await svidOf(carnet, podOf(cluster))).toBe(ID('moved'));
    expect(await svidOf(carnet, old('https://old.example.org'))).toBe(ID('moved'));
    expect(await svidOf(carnet, old('https://old.example.org/'))).toBe('400 invalid_request');
    clock.advance(600_000);
    expect(await svidOf(carnet, old('https://old.example.org'))).toBe('400 invalid_request');
    // A record that was being written while the clock jumped looks like a disk that hangs, until it has been written.
    await expect.poll(() => svidOf(carnet, podOf(cluster))).toBe(ID('moved'));
  });
});

describe('a cluster that is asked about its tokens', () => {
  test('is asked once in 10 s, refuses a pod that is gone, and the audit log tells that it was asked (K32 to K35)', async () => {
    const cluster = await startCluster();
    const carnet = await carnetFor({ name: 'edge-7', cluster, kubernetes: '{ tokenReview: { mode: require } }' });
    const token = podOf(cluster);
    const answers = await Promise.all(Array.from({ length: 20 }, () => svidOf(carnet, token)));
    expect([new Set(answers), cluster.requests(REVIEW_PATH)]).toEqual([new Set([ID('edge-7')]), 1]);
    cluster.delete('pod', { name: POD.name });
    clock.advance(10_000);
    const { status, body } = await carnet.exchange(exchangeForm(token, 'mesh'));
    expect([status, body['error'], body['error_description']]).toEqual([
      400,
      'invalid_request',
      'the cluster no longer accepts the subject token: what it was issued to is gone',
    ]);
    cluster.faults[REVIEW_PATH] = { status: 403 };
    clock.advance(2_000);
    expect(await svidOf(carnet, podOf(cluster))).toBe('503 temporarily_unavailable');
    await carnet.stop();
    closers.pop();
    const directory = join(carnet.folder, 'data/audit');
    const records = await Array.fromAsync(readAuditLog({ directory, stream: 'carnet' }));
    const allowed = records.filter(({ type }) => type === 'allowed');
    expect(allowed.length).toBe(20);
    for (const { identity } of allowed) expect(identity).toMatchObject({ liveness: 'reviewed' });
    expect(carnet.log.join('')).not.toContain(token);
  });
});
