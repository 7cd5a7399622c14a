import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { TokenType } from '../../src/core/token-types.ts';
import { createOutbound } from '../../src/outbound/guarded-outbound.ts';
import type { Outbound } from '../../src/outbound/outbound.ts';
import type { TrustedIssuer } from '../../src/resources/issuers.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { createIssuerKeys } from '../../src/verifiers/issuer-keys.ts';
import { memoryKeyOwnership } from '../../src/verifiers/key-ownership.ts';
import { createVerifier } from '../../src/verifiers/verify.ts';
import { type ClusterOptions, DISCOVERY_PATH, FakeCluster, JWKS_PATH } from '../fakes/cluster.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { AUDIENCE, ciIssuer, clusterIssuer, refusal, trustedIssuers } from './issuers-under-test.ts';

const clock = new FakeClock();
const now = () => clock.now();
const POD = { audiences: [AUDIENCE], boundTo: { kind: 'pod', name: 'reporter-7d9f' } } as const;

let folder: string;
let closers: (() => Promise<void>)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'carnet-cluster-'));
});
afterEach(async () => {
  await Promise.all(closers.map((close) => close()));
  closers = [];
  await rm(folder, { recursive: true });
});

async function startCluster(options: ClusterOptions = {}): Promise<FakeCluster> {
  const cluster = await FakeCluster.start({ algorithm: 'ES256', now, ...options });
  closers.push(() => cluster.close());
  return cluster;
}

/** The TrustedIssuer an admin would write for a private cluster: its CA and a token for its API. */
async function trusting(cluster: FakeCluster, source: object = {}): Promise<TrustedIssuer> {
  const [caFile, bearerTokenFile] = [join(folder, 'ca.pem'), join(folder, 'token')];
  await writeFile(caFile, cluster.ca);
  await writeFile(bearerTokenFile, cluster.apiToken());
  const keys = { kind: 'discovery', url: cluster.discoveryUrl, caFile, bearerTokenFile, ...source } as const;
  return clusterIssuer('edge-7', { issuer: cluster.issuer, keys });
}

function verifier(allowOrigins: readonly string[], ...issuers: readonly TrustedIssuer[]) {
  const metrics = createMetrics();
  const outbound: Outbound = createOutbound({ allowOrigins, allowLoopbackHttp: true, metrics, clock });
  closers.push(() => outbound.close());
  const keys = createIssuerKeys({ outbound, clock, metrics, ownership: memoryKeyOwnership(() => {}), random: () => 1 });
  const verify = createVerifier({ keys, clock });
  return (token: string) => verify(new Secret(token), TokenType.jwt, trustedIssuers(...issuers));
}

async function trusted(cluster: FakeCluster, source: object = {}) {
  return verifier([cluster.url], await trusting(cluster, source));
}

describe('the keys of a private cluster, over TLS and the guarded way out', () => {
  test('are had with its CA and a token for its API, in one fetch of each document (K10)', async () => {
    const cluster = await startCluster();
    const verify = await trusted(cluster);
    const identities = await Promise.all(Array.from({ length: 20 }, () => verify(cluster.token(POD))));
    expect(identities[0]).toMatchObject({ issuer: 'edge-7', binding: 'pod', pod: { name: 'reporter-7d9f' } });
    expect([cluster.requests(DISCOVERY_PATH), cluster.requests(JWKS_PATH)]).toEqual([1, 1]);
  });

  test.each(['RS256', 'ES256', 'ES384', 'ES512'] as const)('verify its tokens of %s', async (algorithm) => {
    const cluster = await startCluster({ algorithm });
    const issuer = { ...(await trusting(cluster)), algorithms: ['RS256', 'ES256', 'ES384', 'ES512'] };
    expect(await verifier([cluster.url], issuer)(cluster.token(POD))).toMatchObject({ issuer: 'edge-7' });
  });

  test.each([
    [27, false, false],
    [29, true, false],
    [36, true, true],
  ])('verify the claims of Kubernetes 1.%i (K26, K30)', async (minor, hasJti, hasNode) => {
    const cluster = await startCluster({ minor });
    const request = { ...POD, node: { name: 'n1', uid: 'u1' } };
    expect('jti' in cluster.claims(request)).toBe(hasJti);
    const identity = await (await trusted(cluster))(cluster.token(request));
    expect('node' in identity).toBe(hasNode);
  });

  test('are refused to a stranger: without the CA, the bearer, its audience or the role it is a 503 that says why', async () => {
    const cluster = await startCluster();
    const [anonymous, wrong] = [await trusting(cluster), join(folder, 'wrong')];
    const { bearerTokenFile: _, ...noBearer } = anonymous.keys as Extract<TrustedIssuer['keys'], { kind: 'discovery' }>;
    await writeFile(wrong, cluster.token(POD));
    const { caFile: __, ...noCa } = anonymous.keys as Extract<TrustedIssuer['keys'], { kind: 'discovery' }>;
    const details: (string | undefined)[] = [];
    for (const keys of [noBearer, { ...noBearer, bearerTokenFile: wrong }, noCa]) {
      const error = await refusal(verifier([cluster.url], { ...anonymous, keys })(cluster.token(POD)));
      expect([error.key, error.status]).toEqual(['keys_unavailable', 503]);
      details.push(error.detail);
    }
    cluster.discoveryBound = false;
    details.push((await refusal((await trusted(cluster))(cluster.token(POD)))).detail);
    expect(details).toEqual([
      expect.stringContaining('system:service-account-issuer-discovery'),
      expect.stringContaining("the API server's own audience"),
      expect.stringContaining('untrusted'),
      expect.stringContaining('system:service-account-issuer-discovery'),
    ]);
  });

  test('rotate without a refused token, and a withdrawn key is gone within max-age (K17)', async () => {
    const cluster = await startCluster();
    const verify = await trusted(cluster);
    const before = cluster.token(POD);
    const former = cluster.signingKey;
    await verify(before);
    clock.advance(30_000);
    cluster.rotate();
    expect(await verify(cluster.token(POD))).toMatchObject({ issuer: 'edge-7' });
    expect(await verify(before)).toMatchObject({ issuer: 'edge-7' });
    cluster.withdraw(former.kid);
    clock.advance(3_600_000);
    await writeFile(join(folder, 'token'), cluster.apiToken());
    expect((await refusal(verify(before))).key).toBe('token_signature');
    expect(await verify(cluster.token(POD))).toMatchObject({ issuer: 'edge-7' });
  });

  test.each([
    ['answers 500', { [JWKS_PATH]: { status: 500 } }],
    ['answers 503 to discovery', { [DISCOVERY_PATH]: { status: 503 } }],
    ['hangs up', { [JWKS_PATH]: { hangUp: true } }],
    ['redirects the key set', { [JWKS_PATH]: { redirectTo: 'https://127.0.0.1:1/evil' } }],
    ['redirects discovery', { [DISCOVERY_PATH]: { redirectTo: 'https://127.0.0.1:1/evil' } }],
    ['answers 600 KiB', { [JWKS_PATH]: { paddingBytes: 600 * 1024 } }],
    ['answers HTML', { [JWKS_PATH]: { contentType: 'text/html' } }],
    ['answers nonsense', { [JWKS_PATH]: { body: '{"keys":[' } }],
  ])('that %s is a 503, and heals (F9)', async (_, faults) => {
    const cluster = await startCluster();
    Object.assign(cluster.faults, faults);
    const verify = await trusted(cluster);
    expect(await refusal(verify(cluster.token(POD)))).toMatchObject({ key: 'keys_unavailable', status: 503 });
    for (const path of Object.keys(cluster.faults)) delete cluster.faults[path];
    clock.advance(60_000);
    expect(await verify(cluster.token(POD))).toMatchObject({ issuer: 'edge-7' });
  });

  test('that is slow is asked once, however many wait (F9, V13)', async () => {
    const cluster = await startCluster();
    let open = () => {};
    cluster.faults[JWKS_PATH] = {
      hold: new Promise((done) => {
        open = done;
      }),
    };
    const verify = await trusted(cluster);
    const waiting = Array.from({ length: 200 }, () => verify(cluster.token(POD)));
    while (cluster.requests(JWKS_PATH) === 0) await new Promise((done) => setImmediate(done));
    open();
    expect(new Set((await Promise.all(waiting)).map(({ issuer }) => issuer))).toEqual(new Set(['edge-7']));
    expect(cluster.requests(JWKS_PATH)).toBe(1);
  });

  test('that names another issuer gives no keys (F9, K9)', async () => {
    const cluster = await startCluster();
    cluster.documentIssuer = 'https://evil.example';
    const error = await refusal((await trusted(cluster))(cluster.token(POD)));
    expect(error.detail).toBe('the discovery document names another issuer');
    expect(cluster.requests(JWKS_PATH)).toBe(0);
  });

  test('that advertises a private jwks_uri gives them by the configured one only (F9, K10)', async () => {
    const cluster = await startCluster();
    cluster.jwksUri = 'https://10.0.0.7:6443/openid/v1/jwks';
    expect((await refusal((await trusted(cluster))(cluster.token(POD)))).detail).toContain(
      'jwks_uri is not on the origin',
    );
    const verify = await trusted(cluster, { jwksUri: cluster.jwksUrl });
    expect(await verify(cluster.token(POD))).toMatchObject({ issuer: 'edge-7' });
  });

  test('on an origin that is not allowed are never asked for (V12)', async () => {
    const cluster = await startCluster();
    const error = await refusal(verifier([], await trusting(cluster))(cluster.token(POD)));
    expect([error.key, error.detail?.startsWith('blocked')]).toEqual(['keys_unavailable', true]);
    expect(cluster.requests(DISCOVERY_PATH)).toBe(0);
  });

  test('serve through an outage while the token is of a known key (V13)', async () => {
    const cluster = await startCluster();
    const verify = await trusted(cluster);
    await verify(cluster.token(POD));
    await cluster.close();
    clock.advance(2 * 3_600_000);
    expect(await verify(cluster.token(POD))).toMatchObject({ issuer: 'edge-7' });
    cluster.rotate();
    expect((await refusal(verify(cluster.token(POD)))).key).toBe('keys_unavailable');
  });
});

describe('two clusters of one iss, both with discovery (K3)', () => {
  test('keep their pods apart, and a stolen public key gains nothing', async () => {
    const [one, two] = [await startCluster(), await startCluster()];
    const first = await trusting(one);
    const source = { caFile: join(folder, 'ca-2.pem'), bearerTokenFile: join(folder, 'token-2') };
    await writeFile(source.caFile, two.ca);
    await writeFile(source.bearerTokenFile, two.apiToken());
    const second = clusterIssuer('edge-8', { keys: { kind: 'discovery', url: two.discoveryUrl, ...source } });
    const verify = verifier([one.url, two.url], first, second);
    expect(await verify(one.token(POD))).toMatchObject({ issuer: 'edge-7' });
    expect(await verify(two.token(POD))).toMatchObject({ issuer: 'edge-8' });
    two.publish(one.signingKey);
    clock.advance(3_600_000);
    await writeFile(join(folder, 'token'), one.apiToken());
    await writeFile(source.bearerTokenFile, two.apiToken());
    expect(await verify(two.token(POD))).toMatchObject({ issuer: 'edge-8' });
    expect(two.requests(JWKS_PATH)).toBe(2);
    expect(await verify(one.token(POD))).toMatchObject({ issuer: 'edge-7' });
    expect((await refusal(verify(one.token({ ...POD, audiences: ['https://other.example.org'] })))).key).toBe(
      'token_audience',
    );
  });
});

describe('a CI system over loopback http', () => {
  test('gives its jobs identities, follows its rotation and refuses forged tokens', async () => {
    const issuer = await FakeOidcIssuer.start({ algorithm: 'ES256', now });
    closers.push(() => issuer.close());
    const trustedCi = ciIssuer('ci', {
      issuer: issuer.issuer,
      keys: { kind: 'discovery', url: issuer.discoveryUrl },
      profile: { kind: 'oidc', requireClaims: { repository_owner_id: '1234567' } },
    });
    const verify = verifier([issuer.issuer], trustedCi);
    expect(await verify(issuer.token(AUDIENCE))).toMatchObject({
      issuer: 'ci',
      claims: { repository: 'acme/reports' },
    });
    expect((await refusal(verify(issuer.token(AUDIENCE, { repository_owner_id: '7654321' })))).key).toBe(
      'token_claims',
    );
    clock.advance(30_000);
    issuer.rotate();
    expect(await verify(issuer.token(AUDIENCE))).toMatchObject({ issuer: 'ci' });
  });
});
