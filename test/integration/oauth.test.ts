import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { OAuthServer } from '../fakes/oauth-server.ts';
import { type Exchanging, exchanging, mappingOf } from '../support/exchanging.ts';

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const NAMES = ['exchanged', 'granted'] as const;

function mappings(issuer: string): string {
  const target = (more: string) => `target: { oauth: { issuer: '${issuer}', scopes: [ledger.read], ${more} } }`;
  const rest = [
    'intents: [{ allow: secret.read, resource: { secret: ledger } }]',
    'residual: { accept: [intents, ttl], reason: the server knows scopes of its own }',
  ];
  return [
    mappingOf('exchanged', target('audience: ledger'), ...rest),
    mappingOf('granted', target('grantType: jwt-bearer'), ...rest),
    // The server does not know this one.
    mappingOf('unknown', target('audience: ledger'), ...rest),
  ].join('');
}

let carnet: Exchanging & { readonly clouds: OAuthServer };

beforeEach(async () => {
  const entitlement = { scopes: ['ledger.read', 'ledger.write'], targets: ['ledger'] };
  carnet = await exchanging({
    clouds: ({ issuer, clock }) =>
      OAuthServer.start({
        clock,
        trustedIssuer: issuer,
        subjects: Object.fromEntries(NAMES.map((name) => [`mapping:${name}`, entitlement])),
      }),
    configure: ({ issuer, url }) => ({ mappings: mappings(issuer), allowOrigins: [url] }),
  });
});
afterEach(async () => {
  await carnet.stop();
  await carnet.clouds.close();
});

const typesOf = async (mapping: string) => (await carnet.records(mapping)).map(({ type }) => type);

describe.each([
  ['exchanged', 'RFC 8693', { exchanged: true, targets: ['ledger'] }],
  ['granted', 'RFC 7523', { exchanged: false, targets: [] }],
] as const)('the mapping "%s" for an OAuth server of %s (DESIGN sections 4 and 9)', (name, _, how) => {
  test('gives the token that the server has for the mapping, with its scopes and no more', async () => {
    const { status, body } = await carnet.ask(name);
    expect(status, JSON.stringify(body)).toBe(200);
    const { access_token: token, ...others } = body;
    expect(others).toEqual({ issued_token_type: ACCESS_TOKEN, token_type: 'Bearer', expires_in: 600 });
    const good = { subject: `mapping:${name}`, scopes: ['ledger.read'], ...how };
    expect(carnet.clouds.introspect(String(token))).toEqual(good);
    expect(carnet.clouds.introspect(`${token}x`)).toBeUndefined();
  });

  test('is on record as allowed and issued, with what holds each intent', async () => {
    await carnet.ask(name);
    const grant = { kind: 'oauth', target: carnet.clouds.issuer, enforcedBy: ['none'] };
    expect(await carnet.records(name)).toMatchObject([
      { type: 'allowed', grant },
      { type: 'issued', grant },
    ]);
  });

  test('gives a pod its own token again without a call, on record as reused, and another pod one of its own', async () => {
    const first = await carnet.ask(name);
    expect((await carnet.ask(name)).body).toEqual(first.body);
    expect(carnet.clouds.calls).toHaveLength(1);
    expect(await typesOf(name)).toEqual(['allowed', 'issued', 'allowed', 'reused']);
    const other = await carnet.ask(name, { pod: 'pod-1' });
    expect(other.body['access_token']).not.toBe(first.body['access_token']);
  });

  test('is told when to come back while the server has too many requests, and is answered then', async () => {
    const { clouds: server } = carnet;
    server.fail(server.tokenPath, { kind: 'raw', status: 429, body: '{}', headers: { 'retry-after': '7' } });
    expect(await carnet.ask(name)).toMatchObject({ status: 503, retryAfter: 7 });
    expect(await carnet.ask(name, { pod: 'pod-1' })).toMatchObject({ status: 503, retryAfter: 7 });
    expect(server.asked.filter((path) => path === server.tokenPath)).toHaveLength(1);
    carnet.clock.advance(7000);
    expect((await carnet.ask(name)).status).toBe(200);
  });

  test('is a 503 with Retry-After while the server cannot be reached: nothing is called a refusal', async () => {
    await carnet.clouds.close();
    const { status, retryAfter, body } = await carnet.ask(name);
    expect([status, body['error']]).toEqual([503, 'temporarily_unavailable']);
    expect(retryAfter).toBeGreaterThan(0);
  });
});

test('a mapping that the OAuth server does not know is refused with its reason, and one that it knows is not', async () => {
  const refused = await carnet.ask('unknown');
  expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_target', reason: 'cloud_trust_missing' } });
  await expect.poll(() => typesOf('unknown')).toEqual(['allowed', 'failed']);
  expect((await carnet.ask('exchanged')).status).toBe(200);
});
