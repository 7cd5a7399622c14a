import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { identityAttributes } from '../../src/audit/identity-attributes.ts';
import type { KubernetesIdentity } from '../../src/core/identity.ts';
import { Secret } from '../../src/core/secret.ts';
import { TokenType } from '../../src/core/token-types.ts';
import { createOutbound } from '../../src/outbound/guarded-outbound.ts';
import { OutboundError } from '../../src/outbound/outbound.ts';
import type { ApiServerSource, TokenReview, TrustedIssuer } from '../../src/resources/issuers.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { createTokenReview } from '../../src/verifiers/token-review.ts';
import { createVerifier } from '../../src/verifiers/verify.ts';
import { type ClusterOptions, FakeCluster } from '../fakes/cluster.ts';
import { signClaims } from '../fakes/cluster-keys.ts';
import { REVIEW_PATH } from '../fakes/cluster-reviews.ts';
import { FakeClock } from '../support/fake-clock.ts';
import {
  AUDIENCE,
  clusterIssuer,
  keysUnderTest,
  refusal,
  ScriptedOutbound,
  staticKeys,
  trustedIssuers,
} from './issuers-under-test.ts';

const POD = { audiences: [AUDIENCE], boundTo: { kind: 'pod', name: 'reporter-7d9f' } } as const;
const CAPACITY = 16;
const PLACES = 48;

let clock: FakeClock;
let folder: string;
let closers: (() => Promise<void>)[] = [];
beforeEach(async () => {
  clock = new FakeClock();
  folder = await mkdtemp(join(tmpdir(), 'carnet-review-'));
});
afterEach(async () => {
  await Promise.all(closers.map((close) => close()));
  closers = [];
  await rm(folder, { recursive: true });
});

async function startCluster(options: ClusterOptions = {}): Promise<FakeCluster> {
  const cluster = await FakeCluster.start({ algorithm: 'ES256', now: () => clock.now(), ...options });
  closers.push(() => cluster.close());
  return cluster;
}

interface Setting {
  readonly mode?: TokenReview['mode'];
  readonly server?: Partial<ApiServerSource>;
  readonly allowOrigins?: readonly string[];
  readonly issuer?: Partial<TrustedIssuer>;
}

/** A verifier of one cluster's tokens that knows its keys already, so that every request seen is a review. */
async function verifierOf(cluster: FakeCluster, { mode = 'require', server = {}, allowOrigins, issuer }: Setting = {}) {
  const [caFile, bearerTokenFile] = [join(folder, 'ca.pem'), join(folder, 'token')];
  await writeFile(caFile, cluster.ca);
  await writeFile(bearerTokenFile, cluster.apiToken());
  const metrics = createMetrics();
  const outbound = createOutbound({
    allowOrigins: allowOrigins ?? [cluster.url],
    allowLoopbackHttp: true,
    metrics,
    clock,
  });
  closers.push(() => outbound.close());
  const tokenReview = { mode, server: { kind: 'address', url: cluster.url, caFile, bearerTokenFile, ...server } };
  const trusted = clusterIssuer('edge-7', { issuer: cluster.issuer, keys: staticKeys(cluster.signingKey), ...issuer });
  const profile = { ...trusted.profile, tokenReview } as TrustedIssuer['profile'];
  const review = createTokenReview({ outbound, clock, metrics });
  const verify = createVerifier({ keys: keysUnderTest(clock).keys, clock, review });
  const issuers = trustedIssuers({ ...trusted, profile });
  const counted = async (outcome: string) =>
    (await metrics.tokenReviews.get()).values.find(({ labels }) => labels.outcome === outcome)?.value ?? 0;
  return { verify: (token: string) => verify(new Secret(token), TokenType.jwt, issuers), counted };
}

function gate(): { readonly held: Promise<void>; open(): void } {
  let open = () => {};
  const held = new Promise<void>((done) => {
    open = done;
  });
  return { held, open: () => open() };
}

describe('a token whose cluster is asked (K32, K33)', () => {
  test('is an identity that the cluster has confirmed, and the audit attributes say so', async () => {
    const cluster = await startCluster();
    const { verify, counted } = await verifierOf(cluster);
    const identity = await verify(cluster.token(POD));
    expect(identity).toMatchObject({ liveness: 'reviewed', pod: { name: 'reporter-7d9f' } });
    expect(identityAttributes(identity)).toMatchObject({ liveness: 'reviewed' });
    expect(await counted('valid')).toBe(1);
  });

  test('is not asked about where the issuer does not want it', async () => {
    const cluster = await startCluster();
    const profile = clusterIssuer('edge-7').profile;
    const plain = clusterIssuer('edge-7', { issuer: cluster.issuer, keys: staticKeys(cluster.signingKey), profile });
    const verify = createVerifier({ keys: keysUnderTest(clock).keys, clock });
    const identity = await verify(new Secret(cluster.token(POD)), TokenType.jwt, trustedIssuers(plain));
    expect(identity).toMatchObject({ liveness: 'not_asked' });
    expect(cluster.requests(REVIEW_PATH)).toBe(0);
  });

  test('is asked about for the one audience of ours that it carries', async () => {
    const cluster = await startCluster();
    const issuer = { audiences: ['https://first.example.org', AUDIENCE], allowExtraAudiences: true };
    const { verify } = await verifierOf(cluster, { issuer });
    const token = cluster.token({ ...POD, audiences: ['https://vault.example.org', AUDIENCE] });
    expect(await verify(token)).toMatchObject({ liveness: 'reviewed' });
  });

  test.each(['unbound', 'secret', 'node'] as const)('may be %s', async (kind) => {
    const cluster = await startCluster();
    const { verify } = await verifierOf(cluster);
    const bound = kind === 'unbound' ? {} : { boundTo: { kind, name: 'thing' } as const };
    expect(await verify(cluster.token({ audiences: [AUDIENCE], ...bound }))).toMatchObject({ liveness: 'reviewed' });
  });

  test('is refused by a verifier that has nobody to ask', async () => {
    const cluster = await startCluster();
    const server = { kind: 'address', url: cluster.url } as const;
    const profile = { ...clusterIssuer('edge-7').profile, tokenReview: { mode: 'prefer', server } } as const;
    const issuer = { issuer: cluster.issuer, keys: staticKeys(cluster.signingKey) };
    const verify = createVerifier({ keys: keysUnderTest(clock).keys, clock });
    const issuers = trustedIssuers({ ...clusterIssuer('edge-7', issuer), profile } as TrustedIssuer);
    const error = await refusal(verify(new Secret(cluster.token(POD)), TokenType.jwt, issuers));
    expect(error.key).toBe('review_unavailable');
  });
});

describe('what is gone from the cluster (K35)', () => {
  test('a pod that is deleted is refused once what was remembered is 10 s old, and not before', async () => {
    const cluster = await startCluster();
    const { verify } = await verifierOf(cluster);
    const token = cluster.token(POD);
    await verify(token);
    cluster.delete('pod', { name: 'reporter-7d9f' });
    clock.advance(9_999);
    expect(await verify(token)).toMatchObject({ liveness: 'reviewed' });
    expect(cluster.requests(REVIEW_PATH)).toBe(1);
    clock.advance(1);
    const error = await refusal(verify(token));
    expect([error.key, error.status, error.issuer]).toEqual(['token_revoked', 400, 'edge-7']);
    expect(cluster.requests(REVIEW_PATH)).toBe(2);
  });

  test('a pod that is deleted at any moment is refused within 20 s, the cache of the API server added to ours', async () => {
    const cluster = await startCluster();
    const { verify } = await verifierOf(cluster);
    const token = cluster.token(POD);
    await verify(token);
    clock.advance(9_000);
    cluster.delete('pod', { name: 'reporter-7d9f' });
    let refusedAfter = 0;
    for (; refusedAfter < 60; refusedAfter += 1) {
      clock.advance(1000);
      if ((await verify(token).catch(() => undefined)) === undefined) break;
    }
    expect(refusedAfter).toBeLessThan(20);
  });

  test.each([
    ['pod', { name: 'reporter-7d9f' }],
    ['sa', { name: 'reporter' }],
  ] as const)('a %s of the same name that came later does not count as the former one (K31)', async (kind, which) => {
    const cluster = await startCluster();
    const { verify } = await verifierOf(cluster);
    const former = cluster.token(POD);
    cluster.delete(kind, which);
    const later = cluster.token(POD);
    expect((await refusal(verify(former))).key).toBe('token_revoked');
    expect(await verify(later)).toMatchObject({ liveness: 'reviewed' });
  });

  test('a refusal is remembered for 2 s', async () => {
    const cluster = await startCluster();
    const { verify, counted } = await verifierOf(cluster);
    const token = cluster.token(POD);
    cluster.delete('pod', { name: 'reporter-7d9f' });
    for (const [wait, asked] of [
      [0, 1],
      [1_999, 1],
      [1, 2],
    ] as const) {
      clock.advance(wait);
      expect((await refusal(verify(token))).key).toBe('token_revoked');
      expect(cluster.requests(REVIEW_PATH)).toBe(asked);
    }
    expect(await counted('revoked')).toBe(3);
  });

  test('a clock that is set back makes nothing live longer', async () => {
    const cluster = await startCluster();
    const { verify } = await verifierOf(cluster);
    const token = cluster.token({ ...POD, expirationSeconds: 600 });
    clock.advance(20_000);
    await verify(token);
    clock.advance(-1);
    await verify(token);
    expect(cluster.requests(REVIEW_PATH)).toBe(2);
  });
});

describe('what the cluster is spared', () => {
  test('100 exchanges of one token at once, and 100 more within 10 s, are one review (K34)', async () => {
    const cluster = await startCluster();
    const { verify } = await verifierOf(cluster);
    const token = cluster.token(POD);
    await Promise.all(Array.from({ length: 100 }, () => verify(token)));
    clock.advance(9_999);
    await Promise.all(Array.from({ length: 100 }, () => verify(token)));
    expect(cluster.requests(REVIEW_PATH)).toBe(1);
  });

  test('another token of the same pod is another review', async () => {
    const cluster = await startCluster();
    const { verify } = await verifierOf(cluster);
    await verify(cluster.token(POD));
    await verify(cluster.token(POD));
    expect(cluster.requests(REVIEW_PATH)).toBe(2);
  });

  test.each([
    ['signed by another key', (cluster: FakeCluster) => cluster.token(POD).slice(0, -8).concat('AAAAAAAA')],
    ['for another audience', (cluster: FakeCluster) => cluster.token({ ...POD, audiences: ['https://other.example'] })],
    ['without uid', (cluster: FakeCluster) => signClaims(cluster.signingKey, withoutUid(cluster.claims(POD)))],
  ])('a token %s is refused without a review (K32)', async (_, forge) => {
    const cluster = await startCluster();
    const { verify } = await verifierOf(cluster);
    const forged = forge(cluster);
    for (let i = 0; i < 10; i += 1) await refusal(verify(forged));
    expect(cluster.requests(REVIEW_PATH)).toBe(0);
  });

  test('an expired token is refused without a review', async () => {
    const cluster = await startCluster();
    const { verify } = await verifierOf(cluster);
    const token = cluster.token({ ...POD, expirationSeconds: 600 });
    clock.advance(631_000);
    expect((await refusal(verify(token))).key).toBe('token_expired');
    expect(cluster.requests(REVIEW_PATH)).toBe(0);
  });
});

function withoutUid(claims: Record<string, unknown>): object {
  const about = claims['kubernetes.io'] as Record<string, unknown>;
  return { ...claims, 'kubernetes.io': { ...about, serviceaccount: { name: 'reporter' } } };
}

describe('a cluster that gives no verdict', () => {
  test('that cannot be reached lets `prefer` go on unreviewed and refuses `require` with 503', async () => {
    for (const mode of ['prefer', 'require'] as const) {
      const cluster = await startCluster();
      const { verify, counted } = await verifierOf(cluster, { mode });
      const token = cluster.token(POD);
      cluster.faults[REVIEW_PATH] = { hangUp: true };
      if (mode === 'prefer') expect(await verify(token)).toMatchObject({ liveness: 'unreachable' });
      else expect(await refusal(verify(token))).toMatchObject({ key: 'review_unavailable', status: 503 });
      expect(await counted('unreachable')).toBe(1);
      delete cluster.faults[REVIEW_PATH];
      expect(await verify(token)).toMatchObject({ liveness: 'reviewed' });
    }
  });

  test.each(['prefer', 'require'] as const)('says 403, 401, 500, nonsense: 503 under `%s`, and heals', async (mode) => {
    const cluster = await startCluster();
    const { verify } = await verifierOf(cluster, { mode });
    const details: (string | undefined)[] = [];
    for (const faults of [
      { status: 401 },
      { status: 403 },
      { status: 404 },
      { status: 429 },
      { status: 500 },
      { status: 503 },
      { redirectTo: 'https://127.0.0.1:1/' },
      { paddingBytes: 70_000 },
      { contentType: 'text/html' },
      { body: '{"kind":"TokenReview"' },
      { body: '{"kind":"Status","apiVersion":"v1","status":{"authenticated":true}}' },
      { body: '{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1"}' },
      { body: '{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","status":{"authenticated":"true"}}' },
      { body: '{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","status":{"authenticated":true}}' },
    ]) {
      cluster.faults[REVIEW_PATH] = faults;
      const error = await refusal(verify(cluster.token(POD)));
      expect([error.key, error.status]).toEqual(['review_unavailable', 503]);
      details.push(error.detail);
    }
    expect(details[0]).toContain("the API server's own audience");
    expect(details[1]).toContain('system:auth-delegator');
    delete cluster.faults[REVIEW_PATH];
    expect(await verify(cluster.token(POD))).toMatchObject({ liveness: 'reviewed' });
  });

  test('without the role for reviews is a 503 that names the role', async () => {
    const cluster = await startCluster({ reviewBound: false });
    const { verify } = await verifierOf(cluster, { mode: 'prefer' });
    expect((await refusal(verify(cluster.token(POD)))).detail).toContain('bind the ClusterRole system:auth-delegator');
  });

  test('at an origin that is not allowed, or without CA or bearer, is never a yes', async () => {
    const cluster = await startCluster();
    const token = cluster.token(POD);
    const blocked = await verifierOf(cluster, { mode: 'prefer', allowOrigins: [] });
    expect((await refusal(blocked.verify(token))).detail).toMatch(/^blocked/);
    for (const field of ['bearerTokenFile', 'caFile'] as const) {
      const lacking = await verifierOf(cluster, { mode: 'prefer', server: { [field]: join(folder, 'nothing') } });
      expect((await refusal(lacking.verify(token))).detail).toBe(`${field} cannot be read (ENOENT)`);
    }
    expect(cluster.requests(REVIEW_PATH)).toBe(0);
  });

  test('whose certificate is not believed, or that does not speak TLS, has answered: a 503 under `prefer` too', async () => {
    const [cluster, stranger] = [await startCluster(), await startCluster()];
    const caFile = join(folder, 'stranger.pem');
    await writeFile(caFile, stranger.ca);
    const plain = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1');
    closers.push(async () => void plain.close());
    await once(plain, 'listening');
    const noTls = `https://127.0.0.1:${(plain.address() as AddressInfo).port}`;
    for (const server of [{ caFile }, { url: noTls }]) {
      const { verify } = await verifierOf(cluster, { mode: 'prefer', server, allowOrigins: [cluster.url, noTls] });
      const error = await refusal(verify(cluster.token(POD)));
      expect([error.key, error.detail?.split(':')[0]]).toEqual(['review_unavailable', 'untrusted']);
    }
    const { verify } = await verifierOf(cluster, { mode: 'prefer' });
    expect(await verify(cluster.token(POD))).toMatchObject({ liveness: 'reviewed' });
  });

  test('that is another cluster with other keys does not accept the token', async () => {
    const [mine, other] = [await startCluster(), await startCluster()];
    const [caFile, bearerTokenFile] = [join(folder, 'other-ca.pem'), join(folder, 'other-token')];
    await writeFile(caFile, other.ca);
    await writeFile(bearerTokenFile, other.apiToken());
    const server = { url: other.url, caFile, bearerTokenFile };
    const { verify } = await verifierOf(mine, { server, allowOrigins: [other.url] });
    expect((await refusal(verify(mine.token(POD)))).key).toBe('token_revoked');
  });
});

describe('an answer that confirms something else (K33)', () => {
  const uid = 'sa-uid';
  const extra = (podUid: unknown) => ({ 'authentication.kubernetes.io/pod-uid': podUid });
  const right = {
    authenticated: true,
    audiences: [AUDIENCE],
    user: { username: 'system:serviceaccount:payments:reporter', uid, extra: extra(['pod-uid']) },
  };
  const user = (changes: object) => ({ ...right, user: { ...right.user, ...changes } });

  test.each([
    ['is taken when all is as in the token', right, undefined],
    ['of another audience', { ...right, audiences: ['https://other.example'] }, 'review_unavailable'],
    ['without audiences', { ...right, audiences: undefined }, 'review_unavailable'],
    ['of another account', user({ username: 'system:serviceaccount:payments:admin' }), 'review_unavailable'],
    ['of another account uid', user({ uid: 'sa-uid-2' }), 'review_unavailable'],
    ['of another pod', user({ extra: extra(['pod-uid-2']) }), 'review_unavailable'],
    ['of two pods', user({ extra: extra(['pod-uid', 'pod-uid-2']) }), 'review_unavailable'],
    ['of no pod', user({ extra: undefined }), 'review_unavailable'],
    ['of a pod that is no list', user({ extra: extra('pod-uid') }), 'review_unavailable'],
    ['of nobody', { ...right, user: undefined }, 'review_unavailable'],
    ['is a refusal when authenticated is false', { ...right, authenticated: false }, 'token_revoked'],
    ['is a refusal when authenticated is left out', { ...right, authenticated: undefined }, 'token_revoked'],
    ['is nothing when authenticated is 1', { ...right, authenticated: 1 }, 'review_unavailable'],
  ])('%s', async (_, status, expected) => {
    const cluster = await startCluster();
    const { verify } = await verifierOf(cluster, { mode: 'prefer' });
    cluster.faults[REVIEW_PATH] = {
      body: JSON.stringify({ kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', status }),
    };
    const claims = cluster.claims(POD);
    const about = claims['kubernetes.io'] as object;
    const token = signClaims(cluster.signingKey, {
      ...claims,
      'kubernetes.io': {
        ...about,
        serviceaccount: { name: 'reporter', uid },
        pod: { name: 'reporter-7d9f', uid: 'pod-uid' },
      },
    });
    if (expected === undefined) expect(await verify(token)).toMatchObject({ liveness: 'reviewed' });
    else expect((await refusal(verify(token))).key).toBe(expected);
  });
});

describe('the request for a review', () => {
  const SERVER = { kind: 'address' as const, url: 'https://10.7.0.1:6443' };
  const SUBJECT = 'system:serviceaccount:payments:reporter';

  /** A review without a network: what is sent, and what a failure to send it means. */
  async function scripted(answer: Parameters<ScriptedOutbound['script']['set']>[1], mode: TokenReview['mode']) {
    const bearerTokenFile = join(folder, 'bearer');
    await writeFile(bearerTokenFile, 'bearer-of-carnet\n');
    const outbound = new ScriptedOutbound();
    outbound.script.set(`${SERVER.url}${REVIEW_PATH}`, answer);
    const review = createTokenReview({ outbound, clock, metrics: createMetrics() });
    const identity = {
      issuer: 'edge-7',
      subject: SUBJECT,
      serviceAccountUid: 'u1',
      binding: 'none',
    } as KubernetesIdentity;
    const ask = (
      signingInput = 'header.claims',
      { issuer = 'edge-7', audience = AUDIENCE, url = SERVER.url, subject = SUBJECT } = {},
    ) => {
      const server = { ...SERVER, url, bearerTokenFile };
      const token = { token: new Secret(`${signingInput}.signature`), signingInput, audience };
      return review({ ...token, identity: { ...identity, issuer, subject } }, { mode, server });
    };
    return { ask, outbound };
  }

  const STATUS = { authenticated: true, audiences: [AUDIENCE], user: { username: SUBJECT, uid: 'u1' } };
  const YES = {
    status: 201,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(
      JSON.stringify({
        kind: 'TokenReview',
        apiVersion: 'authentication.k8s.io/v1',
        status: STATUS,
      }),
    ),
  };

  test('names the token and the one audience, as Carnet, with a deadline and a bound (K33, K36)', async () => {
    const { ask, outbound } = await scripted(YES, 'require');
    expect(await ask()).toBe('reviewed');
    const [request] = outbound.requests;
    expect(request).toMatchObject({ method: 'POST', headers: { authorization: 'Bearer bearer-of-carnet' } });
    expect(JSON.parse(String(request?.body))).toEqual({
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token: 'header.claims.signature', audiences: [AUDIENCE] },
    });
    expect(request?.timeoutMs).toBeLessThanOrEqual(5000);
    expect(request?.maxBytes).toBeLessThanOrEqual(512 * 1024);
  });

  test('that gets no answer is unreachable; that Carnet or the server cut short is not (K34)', async () => {
    for (const failure of ['timeout', 'unreachable'] as const) {
      const error = new OutboundError(failure, 'x');
      expect(await (await scripted(error, 'prefer')).ask()).toBe('unreachable');
      expect((await refusal((await scripted(error, 'require')).ask())).key).toBe('review_unavailable');
    }
    for (const failure of ['blocked', 'untrusted', 'too_large', 'redirect', 'overloaded'] as const) {
      const { ask } = await scripted(new OutboundError(failure, 'x'), 'prefer');
      expect((await refusal(ask())).key, failure).toBe('review_unavailable');
    }
  });

  test('is made again after each failure: only verdicts are remembered', async () => {
    const { ask, outbound } = await scripted(new OutboundError('timeout', 'x'), 'prefer');
    await ask();
    outbound.script.set(`${SERVER.url}${REVIEW_PATH}`, YES);
    expect(await ask()).toBe('reviewed');
    expect(await ask()).toBe('reviewed');
    expect(outbound.requests.length).toBe(2);
  });

  test('is one of 16 at once; 48 more wait, further ones are a 503 in either mode (K34)', async () => {
    for (const mode of ['prefer', 'require'] as const) {
      const { ask, outbound } = await scripted(YES, mode);
      const { held, open } = gate();
      outbound.gate = held;
      const waiting = Array.from({ length: CAPACITY + PLACES }, (_, token) => ask(`t${token}`));
      const error = await refusal(ask('one-more'));
      expect([error.key, error.status, error.retryAfterSeconds]).toEqual(['review_unavailable', 503, 2]);
      expect(error.detail).toBe('too many reviews are under way');
      while (outbound.requests.length < CAPACITY) await new Promise((done) => setImmediate(done));
      const sameToken = ask('t0');
      const otherCluster = ask('t0', { issuer: 'edge-8' });
      while (outbound.requests.length < CAPACITY + 1) await new Promise((done) => setImmediate(done));
      expect(outbound.requests.length).toBe(CAPACITY + 1);
      open();
      expect(new Set(await Promise.all([...waiting, sameToken, otherCluster]))).toEqual(new Set(['reviewed']));
      expect(await ask('one-more')).toBe('reviewed');
      expect(outbound.requests.length).toBe(CAPACITY + PLACES + 2);
    }
  });

  test('of an account is not kept out by another that has very many tokens (K34)', async () => {
    const { ask, outbound } = await scripted(YES, 'require');
    const { held, open } = gate();
    outbound.gate = held;
    const crowd = Array.from({ length: CAPACITY + PLACES }, (_, token) => ask(`t${token}`).catch(() => 'refused'));
    const other = ask('other', { subject: 'system:serviceaccount:quiet:one' });
    open();
    // The double says yes to the other account alone.
    expect((await refusal(other)).detail).toBe('the API server names another account or pod');
    const outcomes = await Promise.all(crowd);
    expect(outcomes.filter((outcome) => outcome === 'refused')).toHaveLength(1);
    const order = outbound.requests.map(({ body }) => JSON.parse(String(body)).spec.token);
    expect(order.indexOf('other.signature')).toBeGreaterThanOrEqual(CAPACITY);
    expect(order.indexOf('other.signature')).toBeLessThan(2 * CAPACITY);
  });

  test('that said no once is not outlived under `prefer` by an outage, however long ago it was', async () => {
    const no = { ...YES, body: Buffer.from(JSON.stringify({ ...JSON.parse(String(YES.body)), status: {} })) };
    const { ask, outbound } = await scripted(no, 'prefer');
    expect((await refusal(ask())).key).toBe('token_revoked');
    outbound.script.set(`${SERVER.url}${REVIEW_PATH}`, new OutboundError('timeout', 'x'));
    clock.advance(3_600_000);
    expect((await refusal(ask())).key).toBe('token_revoked');
    expect(outbound.requests.length).toBe(2);
    expect(await ask('another')).toBe('unreachable');
    outbound.script.set(`${SERVER.url}${REVIEW_PATH}`, YES);
    expect(await ask()).toBe('reviewed');
  });

  test('is remembered for this issuer, audience and server alone', async () => {
    const { ask, outbound } = await scripted(YES, 'prefer');
    await ask();
    expect(await ask('header.claims', { issuer: 'edge-8' })).toBe('reviewed');
    const other = await refusal(ask('header.claims', { audience: 'https://other.example.org' }));
    expect(other.key).toBe('review_unavailable');
    expect(await ask('header.claims', { url: 'https://10.7.0.2:6443' })).toBe('unreachable');
    expect(outbound.requests.length).toBe(4);
  });

  test('is remembered from when it was asked for, however long the answer took', async () => {
    const { ask, outbound } = await scripted(YES, 'require');
    const { held, open } = gate();
    outbound.gate = held;
    const slow = ask();
    while (outbound.requests.length === 0) await new Promise((done) => setImmediate(done));
    clock.advance(1_500);
    open();
    await slow;
    clock.advance(8_499);
    await ask();
    expect(outbound.requests.length).toBe(1);
    clock.advance(1);
    await ask();
    expect(outbound.requests.length).toBe(2);
  });

  test.each([
    ['of another version', { apiVersion: 'authentication.k8s.io/v1beta1' }],
    ['of another kind', { kind: 'SelfSubjectReview' }],
    [
      'of a pod, for a token of none,',
      { status: { ...STATUS, user: { ...STATUS.user, extra: { 'authentication.kubernetes.io/pod-uid': ['u'] } } } },
    ],
  ])('answered by one %s is no verdict', async (_, changes) => {
    const body = Buffer.from(JSON.stringify({ ...JSON.parse(String(YES.body)), ...changes }));
    const { ask } = await scripted({ ...YES, body }, 'prefer');
    expect((await refusal(ask())).key).toBe('review_unavailable');
  });

  test('is remembered for the 10,000 latest tokens, so that nobody fills the memory', async () => {
    const { ask, outbound } = await scripted(YES, 'require');
    const others = (from: number, to: number) =>
      Promise.all(
        Array.from({ length: CAPACITY }, async (_, lane) => {
          for (let token = from + lane; token < to; token += CAPACITY) await ask(`t${token}`);
        }),
      );
    await ask('first');
    await others(1, 10_000);
    await ask('t9999');
    expect(outbound.requests.length).toBe(10_000);
    await others(10_000, 10_001);
    await ask('first');
    expect(outbound.requests.length).toBe(10_002);
  });
});
