import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { TokenType } from '../../src/core/token-types.ts';
import { createOutbound } from '../../src/outbound/guarded-outbound.ts';
import type { TrustedIssuer } from '../../src/resources/issuers.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { createIssuerKeys } from '../../src/verifiers/issuer-keys.ts';
import { memoryKeyOwnership } from '../../src/verifiers/key-ownership.ts';
import { createTokenReview } from '../../src/verifiers/token-review.ts';
import { createVerifier } from '../../src/verifiers/verify.ts';
import { FakeCluster, JWKS_PATH } from '../fakes/cluster.ts';
import { REVIEW_PATH } from '../fakes/cluster-reviews.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { AUDIENCE, clusterIssuer, refusal, trustedIssuers } from './issuers-under-test.ts';

const clock = new FakeClock();
const POD = { audiences: [AUDIENCE], boundTo: { kind: 'pod', name: 'reporter-7d9f' } } as const;

let folder: string;
let file: string;
let cluster: FakeCluster;
let closers: (() => Promise<void>)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'carnet-kubeconfig-'));
  file = join(folder, 'kubeconfig');
  cluster = await FakeCluster.start({ algorithm: 'ES256', now: () => clock.now() });
  // Only nodes reach what the API server advertises.
  cluster.jwksUri = 'https://10.0.0.7:6443/openid/v1/jwks';
  closers = [() => cluster.close()];
});
afterEach(async () => {
  await Promise.all(closers.map((close) => close()));
  await rm(folder, { recursive: true });
});

function kubeconfig(about: object, user: object): Promise<void> {
  const config = {
    kind: 'Config',
    'current-context': 'elsewhere',
    contexts: [{ name: 'edge-7', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: cluster.url, ...about } }],
    users: [{ name: 'u', user }],
  };
  return writeFile(file, JSON.stringify(config));
}

function verifier(mode?: 'require') {
  const metrics = createMetrics();
  const outbound = createOutbound({ allowOrigins: [cluster.url], allowLoopbackHttp: false, metrics, clock });
  closers.push(() => outbound.close());
  const source = { kind: 'kubeconfig', file, context: 'edge-7' } as const;
  const plain = clusterIssuer('edge-7', { keys: source });
  const issuer: TrustedIssuer =
    mode === undefined || plain.profile.kind !== 'kubernetes'
      ? plain
      : { ...plain, profile: { ...plain.profile, tokenReview: { mode, server: source } } };
  const keys = createIssuerKeys({ outbound, clock, metrics, ownership: memoryKeyOwnership(() => {}), random: () => 1 });
  const verify = createVerifier({ keys, clock, review: createTokenReview({ outbound, clock, metrics }) });
  return (token: string) => verify(new Secret(token), TokenType.jwt, trustedIssuers(issuer));
}

const CA = () => ({ 'certificate-authority-data': Buffer.from(cluster.ca).toString('base64') });

describe('an issuer by kubeconfig', () => {
  test('has its keys at the address of the context, whatever jwks_uri says, and its reviews too (K10, K12)', async () => {
    await kubeconfig(CA(), { token: cluster.apiToken() });
    expect(await verifier('require')(cluster.token(POD))).toMatchObject({ issuer: 'edge-7', liveness: 'reviewed' });
    expect([cluster.requests(JWKS_PATH), cluster.requests(REVIEW_PATH)]).toEqual([1, 1]);
  });

  test('may name files, which are found beside the kubeconfig and read again at each fetch (K10)', async () => {
    await writeFile(join(folder, 'ca.pem'), cluster.ca);
    await writeFile(join(folder, 'token'), 'outdated');
    await kubeconfig({ 'certificate-authority': './ca.pem' }, { tokenFile: 'token' });
    const verify = verifier();
    expect((await refusal(verify(cluster.token(POD)))).detail).toContain('401');
    await writeFile(join(folder, 'token'), cluster.apiToken());
    clock.advance(60_000);
    expect(await verify(cluster.token(POD))).toMatchObject({ issuer: 'edge-7', liveness: 'not_asked' });
  });

  test.each([
    ['a plugin', { exec: { command: 'aws' } }, 'kubeconfig: user u: exec is not supported; use a token or a tokenFile'],
    ['a client certificate', { 'client-certificate': 'c' }, 'kubeconfig: user u: client-certificate is not supported'],
  ])('with %s is a 503 that says so, and nothing is asked', async (_, user, detail) => {
    await kubeconfig(CA(), user);
    const error = await refusal(verifier()(cluster.token(POD)));
    expect([error.key, error.detail?.startsWith(detail)]).toEqual(['keys_unavailable', true]);
    expect(cluster.requests(JWKS_PATH)).toBe(0);
  });

  test('without the CA of a private cluster is a 503, and is not verified by none', async () => {
    await kubeconfig({}, { token: cluster.apiToken() });
    expect((await refusal(verifier()(cluster.token(POD)))).detail).toMatch(/^untrusted/);
  });

  test('that has nobody to ask as gets no review', async () => {
    cluster = await FakeCluster.start({ algorithm: 'ES256', now: () => clock.now(), anonymousDiscovery: true });
    closers.push(() => cluster.close());
    await kubeconfig(CA(), {});
    const error = await refusal(verifier('require')(cluster.token(POD)));
    expect([error.key, error.detail]).toEqual(['review_unavailable', 'there is no bearer token to ask with']);
    expect(cluster.requests(REVIEW_PATH)).toBe(0);
  });

  test('that is gone is a 503 without its path', async () => {
    const error = await refusal(verifier()(cluster.token(POD)));
    expect(error.detail).toBe('kubeconfig cannot be read (ENOENT)');
  });
});
