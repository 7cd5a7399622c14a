import { inspect } from 'node:util';
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AzureGrant } from '../../src/core/decision.ts';
import { AzureRegistry, type RegistryFault } from '../fakes/azure-registry.ts';
import { AzureWorld, CLIENT, refusalOf, TENANT } from './azure-world.ts';
import { CloudIssuer } from './cloud-issuer.ts';

const HOST = 'reports.azurecr.io';
const EXCHANGE = '/oauth2/exchange';
const TOKEN = '/oauth2/token';
const REPOSITORIES = ['team/api', 'team/jobs'];
const registryGrant: Partial<AzureGrant> = {
  scope: 'https://management.azure.com/.default',
  registry: { host: HOST, repositories: REPOSITORIES },
};

let issuer: CloudIssuer;
let world: AzureWorld;
let registry: AzureRegistry;

beforeAll(async () => {
  issuer = await CloudIssuer.start();
});
afterAll(() => issuer.close());
beforeEach(async () => {
  world = await AzureWorld.start(issuer);
  registry = await AzureRegistry.start({
    host: HOST,
    entra: world.entra.url,
    resource: 'https://management.azure.com',
    pulls: { [CLIENT]: [...REPOSITORIES, 'team/secret'] },
    clock: world.clock,
  });
});
afterEach(async () => {
  expect(world.entra.strayed).toEqual([]);
  await world.close();
  await registry.close();
});

function issue(change: Partial<AzureGrant> = {}, timeoutMs = 5_000) {
  const outbound = world.outbound({ [`https://${HOST}`]: registry.url });
  return world.issue({ ...registryGrant, ...change }, { outbound, timeoutMs });
}

function failWith(path: string, fault: RegistryFault) {
  registry.fail(path, fault);
  return refusalOf(issue());
}

async function pull(repository: string, token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  return (await fetch(`${registry.url}/v2/${repository}/manifests/latest`, { headers })).status;
}

describe('a token of a registry', () => {
  test('pulls the granted repositories and nothing else, not even what the application may', async () => {
    const { accessToken } = await issue();
    expect(await pull('team/api', accessToken.reveal())).toBe(200);
    expect(await pull('team/jobs', accessToken.reveal())).toBe(200);
    expect(await pull('team/secret', accessToken.reveal())).toBe(401);
    expect(await pull('team/api', world.entra.issued[0] ?? '')).toBe(401);
  });

  test('ends when the registry says, and is recorded under the request id of Entra', async () => {
    const credential = await issue();
    expect(credential).toMatchObject({
      tokenType: 'Bearer',
      expiresAt: decodeJwt(credential.accessToken.reveal()).exp,
      id: 'jti-1',
      upstreamRequestId: world.entra.calls[0]?.requestId,
    });
  });

  test('is asked for in two steps, with the tenant, for pulling alone', async () => {
    await issue();
    expect(registry.calls).toEqual([
      { path: EXCHANGE, parameters: { grant_type: 'access_token', service: HOST, tenant: TENANT } },
      {
        path: TOKEN,
        parameters: {
          grant_type: 'refresh_token',
          service: HOST,
          scope: 'repository:team/api:pull repository:team/jobs:pull',
        },
      },
    ]);
  });

  test('is held to the ceiling of the guardrails, where the token of Entra in between is not', async () => {
    world.entra.fail({ kind: 'answer', change: (answer) => ({ ...answer, expires_in: 5_400 }) });
    const expiresAt = world.clock.now() / 1000 + 4_500;
    expect(await issue({ ttlCeilingSeconds: 4_500 })).toMatchObject({ expiresAt });
    expect(await refusalOf(issue({ ttlCeilingSeconds: 4_499 }))).toMatchObject({ reason: 'guardrail' });
  });

  test.each([
    'evil.example',
    'reports.azurecr.io.evil.example',
    'azurecr.io',
    'a/b.azurecr.io',
    'reports.azurecr.io:8443',
  ])('is asked for at no other host than one of Azure: %s', async (host) => {
    const error = await refusalOf(issue({ registry: { host, repositories: REPOSITORIES } }));
    expect(error).toMatchObject({ key: 'internal' });
    expect(registry.calls).toEqual([]);
  });

  test.each(['team/api:pull,push', 'team/api repository:team/secret', '*', '', 'Team/api', 'team//api/'])(
    'is asked for no repository whose name says more: %j',
    async (name) => {
      const error = await refusalOf(issue({ registry: { host: HOST, repositories: [name] } }));
      expect(error).toMatchObject({ key: 'internal' });
      expect(registry.calls).toEqual([]);
    },
  );
});

describe('a refusal by the registry', () => {
  test.each([EXCHANGE, TOKEN])('at %s is target_denied, or not_found, by its status', async (path) => {
    const body = '{"errors":[{"code":"UNAUTHORIZED","message":"SENTINEL"}]}';
    const denied = await failWith(path, { kind: 'raw', status: 401, body });
    expect(denied).toMatchObject({ key: 'target_denied', reason: 'cloud_trust_missing', failure: 'denied' });
    expect(await failWith(path, { kind: 'raw', status: 404, body })).toMatchObject({ failure: 'not_found' });
    expect(inspect(denied, { depth: 9 })).not.toContain('SENTINEL');
  });

  test("of a tenant that is not the registry's is the one that the double finds by itself", async () => {
    registry.fail(EXCHANGE, { kind: 'raw', status: 200, body: '{"refresh_token":"forged"}' });
    expect(await refusalOf(issue())).toMatchObject({ failure: 'denied', detail: 'registry: token, HTTP 401' });
  });

  test('of every repository is target_denied: a token that is good for nothing is not handed out', async () => {
    const repositories = ['other/one'];
    expect(await refusalOf(issue({ registry: { host: HOST, repositories } }))).toMatchObject({ failure: 'denied' });
  });
});

describe('a registry that is down, busy or broken', () => {
  const steps = [EXCHANGE, TOKEN];

  test.each(steps)('is a 503 at %s: outage, page, wrong type, half an answer, 10 MB, redirect', async (path) => {
    const faults: RegistryFault[] = [
      { kind: 'raw', status: 503, body: '{}' },
      { kind: 'raw', status: 403, body: '<html></html>' },
      { kind: 'raw', status: 200, body: '<html></html>' },
      { kind: 'raw', status: 200, body: '{"refresh_token":1,"access_token":1}' },
      { kind: 'raw', status: 200, body: '{"refresh_token":"a b","access_token":"a b"}' },
      { kind: 'raw', status: 200, body: `{"a":"${'x'.repeat(10_000_000)}"}` },
      { kind: 'raw', status: 307, body: '', headers: { location: 'https://evil.example' } },
      { kind: 'half' },
    ];
    for (const fault of faults) {
      const error = await failWith(path, fault);
      expect(error, JSON.stringify(fault).slice(0, 90)).toMatchObject({ status: 503, failure: 'transient' });
    }
  });

  test.each(steps)('that throttles at %s says when to come back', async (path) => {
    const error = await failWith(path, { kind: 'raw', status: 429, body: '', headers: { 'retry-after': '21' } });
    expect(error).toMatchObject({ failure: 'throttled', retryAfterSeconds: 21 });
  });

  test.each(steps)('that is silent at %s ends with the deadline of all calls together', async (path) => {
    registry.fail(path, { kind: 'hang' });
    const error = await refusalOf(issue({}, 300));
    expect(error).toMatchObject({ failure: 'transient', detail: expect.stringMatching(/^registry: timeout: /) });
  });
});

describe('a registry token that is not what was asked for', () => {
  const now = 1_795_338_000;
  const entry = (change: object) => ({
    access: [{ type: 'repository', name: 'team/api', actions: ['pull'], ...change }],
  });
  const cases: readonly (readonly [string, Record<string, unknown>])[] = [
    ['for another registry', { aud: 'other.azurecr.io' }],
    ['for another repository', entry({ name: 'team/secret' })],
    ['for pushing too', entry({ actions: ['pull', 'push'] })],
    ['for all actions', entry({ actions: ['*'] })],
    ['for the whole registry', entry({ type: 'registry', name: 'catalog' })],
    ['without actions', entry({ actions: undefined })],
    ['with an entry of text', { access: ['repository:team/api:pull'] }],
    ['without an end', { exp: undefined }],
    ['with an end of text', { exp: 'soon' }],
    ['that has ended before it began', { exp: now - 1 }],
    ['without a beginning', { iat: undefined }],
    ['that lives for longer than any token of Entra', { iat: now, exp: now + 172_801 }],
    ['that never ends', { iat: 0, exp: Number.MAX_SAFE_INTEGER }],
    ['whose list is none', { access: { type: 'repository', name: 'team/secret', actions: ['*'] } }],
    ['of a registry whose clock is hours behind', { iat: now - 9_000, exp: now - 4_500 }],
  ];

  test.each(cases)('is a 503: one %s', async (_case, claims) => {
    expect(await failWith(TOKEN, { kind: 'claims', claims })).toMatchObject({ status: 503, failure: 'transient' });
  });

  test('is told from one in small letters, and from one without a list', async () => {
    registry.fail(TOKEN, { kind: 'claims', claims: entry({}) });
    expect((await issue()).tokenType).toBe('Bearer');
    registry.fail(TOKEN, { kind: 'claims', claims: { access: undefined } });
    expect((await issue()).tokenType).toBe('Bearer');
  });

  test('never says that it ends later than its own lifetime from now, where the clock of the registry is ahead', async () => {
    registry.fail(TOKEN, { kind: 'claims', claims: { iat: now + 600, exp: now + 5_100 } });
    expect((await issue()).expiresAt).toBe(now + 4_500);
  });
});

describe('secrets', () => {
  test('no token of Entra or of the registry is in what can be printed of a credential or an error', async () => {
    const printed = [inspect(await issue(), { depth: 9, showHidden: true })];
    for (const claims of [{ exp: undefined }, { aud: 'other' }]) {
      printed.push(inspect(await failWith(TOKEN, { kind: 'claims', claims }), { depth: 9, showHidden: true }));
    }
    const secrets = [...world.entra.issued, ...registry.issued];
    expect(secrets).toHaveLength(9);
    for (const secret of secrets) expect(printed.join('\n')).not.toContain(secret);
  });
});
