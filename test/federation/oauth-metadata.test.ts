import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createOutbound } from '../../src/outbound/guarded-outbound.ts';
import type { Outbound } from '../../src/outbound/outbound.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import type { OAuthFault } from '../fakes/oauth-server.ts';
import { CloudIssuer } from './cloud-issuer.ts';
import { type OauthFixture, oauthFixture, refusalOf } from './oauth-fixture.ts';

const TEN_MINUTES = 600_000;

let carnet: CloudIssuer;
let at: OauthFixture;
beforeAll(async () => {
  carnet = await CloudIssuer.start();
});
afterAll(() => carnet.close());
beforeEach(async () => {
  carnet.signed.length = 0;
  at = await oauthFixture(carnet);
});
afterEach(() => at.close());

const asked = (path: string) => at.server.asked.filter((one) => one === path).length;

function publish(members: Readonly<Record<string, unknown>>): void {
  at.server.documents[at.server.metadataPath] = { ...at.server.metadata(), ...members };
}

describe('the token endpoint of a server', () => {
  test.each(['', '/tenant/a'])(
    'is found by RFC 8414 section 3, whose path stands before the issuer’s (%s)',
    async (path) => {
      await at.close();
      at = await oauthFixture(carnet, { path });
      expect((await at.issue()).tokenType).toBe('Bearer');
      expect(at.server.asked).toEqual([`/.well-known/oauth-authorization-server${path}`, `${path}/token`]);
    },
  );

  test.each(['', '/tenant/a'])('else by OpenID Connect Discovery, whose path stands behind it (%s)', async (path) => {
    await at.close();
    at = await oauthFixture(carnet, { path });
    delete at.server.documents[at.server.metadataPath];
    at.server.documents[at.server.openidPath] = at.server.metadata();
    expect((await at.issue()).tokenType).toBe('Bearer');
    expect(at.server.asked).toEqual([
      `/.well-known/oauth-authorization-server${path}`,
      `${path}/.well-known/openid-configuration`,
      `${path}/token`,
    ]);
  });

  test('is looked for at the second address where the first has a page and no document', async () => {
    const page: OAuthFault = { kind: 'raw', status: 200, body: '<html>', headers: { 'content-type': 'text/html' } };
    at.server.fail(at.server.metadataPath, page);
    at.server.documents[at.server.openidPath] = at.server.metadata();
    expect((await at.issue()).tokenType).toBe('Bearer');
  });

  test('is not to be had where neither address has a document: a 503, and nothing is signed', async () => {
    delete at.server.documents[at.server.metadataPath];
    expect(await refusalOf(at.issue())).toMatchObject({
      key: 'target_unavailable',
      detail: 'OAuth server: unusable answer: no metadata at either well-known address',
    });
    expect(carnet.signed).toEqual([]);
  });

  test.each<readonly [string, OAuthFault, string]>([
    ['an error', { kind: 'raw', status: 503, body: '', headers: { 'retry-after': '7' } }, 'HTTP 503'],
    ['throttling', { kind: 'raw', status: 429, body: '', headers: { 'retry-after': '7' } }, 'HTTP 429'],
    ['a redirect', { kind: 'raw', status: 302, body: '', headers: { location: '/token' } }, 'redirect'],
    ['10 MB', { kind: 'raw', status: 200, body: `"${'x'.repeat(10_000_000)}"` }, 'too_large'],
    ['half an answer', { kind: 'half' }, 'unreachable'],
  ])('is not looked for at the second address after %s at the first: a 503', async (_case, fault, detail) => {
    at.server.documents[at.server.openidPath] = at.server.metadata();
    at.server.fail(at.server.metadataPath, fault);
    const error = await refusalOf(at.issue());
    expect(error).toMatchObject({ key: 'target_unavailable', detail: expect.stringContaining(detail) });
    expect(at.server.asked).toEqual([at.server.metadataPath]);
    expect(carnet.signed).toEqual([]);
  });

  test('is waited for within the one deadline of an issuance', async () => {
    const left: (number | undefined)[] = [];
    const slow: Pick<Outbound, 'request'> = {
      request: (request) => {
        left.push(request.timeoutMs);
        at.clock.advance(1_000);
        return at.outbound.request(request);
      },
    };
    delete at.server.documents[at.server.metadataPath];
    at.server.documents[at.server.openidPath] = at.server.metadata();
    await at.issue({}, at.targetOf({ outbound: { ...slow, close: async () => {} } }));
    expect(left).toEqual([5_000, 4_000, 3_000]);
  });

  test('is waited for no longer than that', async () => {
    at.server.fail(at.server.metadataPath, { kind: 'hang' });
    expect(await refusalOf(at.issue({}, at.targetOf({ timeoutMs: 100 })))).toMatchObject({
      key: 'target_unavailable',
      detail: expect.stringMatching(/^OAuth server: timeout/),
    });
  });
});

describe('metadata that lies', () => {
  test.each([
    ['another issuer', { issuer: 'https://login.example.org' }],
    ['the issuer with a slash', { issuer: 'ISSUER/' }],
    ['the issuer in a list', { issuer: ['http://127.0.0.1'] }],
    ['no issuer', { issuer: undefined }],
    ['no token endpoint', { token_endpoint: undefined }],
    ['a path alone', { token_endpoint: '/token' }],
    ['a number', { token_endpoint: 7 }],
    ['a file', { token_endpoint: 'file:///token' }],
    ['user information', { token_endpoint: 'USER/token' }],
    ['a fragment', { token_endpoint: 'ISSUER/token#' }],
    ['another host', { token_endpoint: 'https://collector.example.org/token' }],
    ['another port', { token_endpoint: 'http://127.0.0.1:9/token' }],
    ['another scheme', { token_endpoint: 'TLS/token' }],
  ])('is refused before anything is signed: %s', async (_case, members) => {
    const { issuer } = at.server;
    const text = JSON.stringify(members)
      .replace('ISSUER', issuer)
      .replace('TLS', issuer.replace('http', 'https'))
      .replace('USER', issuer.replace('//', '//user@'));
    const unset = Object.entries(members).filter(([, value]) => value === undefined);
    publish({ ...JSON.parse(text), ...Object.fromEntries(unset) });
    const error = await refusalOf(at.issue());
    expect(error).toMatchObject({ key: 'target_unavailable', status: 503 });
    expect(error.detail).toMatch(/^OAuth server: unusable answer: /);
    expect(error.detail).not.toMatch(/example|127/);
    expect(carnet.signed).toEqual([]);
  });

  test('is told from metadata with more than Carnet reads, and an endpoint with a query', async () => {
    publish({ token_endpoint: `${at.server.url}/token?realm=a`, jwks_uri: 'https://collector.example.org/', mtls: {} });
    expect(await refusalOf(at.issue())).toMatchObject({ detail: expect.stringContaining('HTTP 404') });
    expect(at.server.asked.at(-1)).toBe('/token?realm=a');
  });
});

describe('a token endpoint on another origin', () => {
  test('gets the assertion where the operator has listed that origin, and nothing where it is not', async () => {
    const other = await oauthFixture(carnet);
    const outbound = createOutbound({
      allowOrigins: [at.server.url, other.server.url],
      allowLoopbackHttp: true,
      metrics: createMetrics(),
    });
    publish({ token_endpoint: `${other.server.url}${other.server.tokenPath}` });
    const refused = await refusalOf(at.issue({}, at.targetOf({ outbound })));
    expect(refused.detail).toContain('token_endpoint is on another origin than the issuer');
    expect(other.server.calls).toEqual([]);
    // Listed, it is asked, and refuses what is not for itself: the audience holds.
    const listed = at.targetOf({ outbound, allowOrigins: [`${other.server.url}/`] });
    expect(await refusalOf(at.issue({}, listed))).toMatchObject({ key: 'target_denied' });
    expect(other.server.calls.map(({ outcome }) => outcome)).toEqual(['invalid_request']);
    expect(carnet.signed.map(({ aud }) => aud)).toEqual([at.server.issuer]);
    await Promise.all([outbound.close(), other.close()]);
  });
});

describe('metadata in memory', () => {
  test('is asked for once by all who need it at the same time', async () => {
    await Promise.all(Array.from({ length: 20 }, () => at.issue()));
    expect(asked(at.server.metadataPath)).toBe(1);
    expect(at.server.calls).toHaveLength(20);
  });

  test('serves for ten minutes and not a moment longer', async () => {
    await at.issue();
    at.clock.advance(TEN_MINUTES - 1);
    await at.issue();
    expect(asked(at.server.metadataPath)).toBe(1);
    at.clock.advance(1);
    await at.issue();
    expect(asked(at.server.metadataPath)).toBe(2);
  });

  test('is asked for anew when the clock has been set back', async () => {
    await at.issue();
    at.clock.advance(-1);
    await at.issue();
    expect(asked(at.server.metadataPath)).toBe(2);
  });

  test('is not kept when it was broken, nor is a failure', async () => {
    publish({ issuer: 'https://login.example.org' });
    await refusalOf(at.issue());
    publish({});
    at.server.fail(at.server.metadataPath, { kind: 'raw', status: 503, body: '' });
    await refusalOf(at.issue());
    expect((await at.issue()).tokenType).toBe('Bearer');
    expect(asked(at.server.metadataPath)).toBe(3);
  });

  test('is each server’s own', async () => {
    const other = await oauthFixture(carnet);
    const outbound = createOutbound({
      allowOrigins: [at.server.url, other.server.url],
      allowLoopbackHttp: true,
      metrics: createMetrics(),
    });
    const target = at.targetOf({ outbound });
    await at.issue({}, target);
    await at.issue({ issuer: other.server.issuer }, target);
    expect([at.server.calls.length, other.server.calls.length]).toEqual([1, 1]);
    await Promise.all([outbound.close(), other.close()]);
  });
});
