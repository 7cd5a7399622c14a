import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AzureRegistry } from '../fakes/azure-registry.ts';
import { AzureVault } from '../fakes/azure-vault.ts';
import { Entra } from '../fakes/entra.ts';
import { type Exchanging, exchanging, mappingOf } from '../support/exchanging.ts';

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const TENANT = '11111111-1111-1111-1111-111111111111';
const CLIENT = '22222222-2222-2222-2222-222222222222';
const STORAGE = 'https://storage.azure.com';
const REGISTRY = 'https://containerregistry.azure.net';
const HOST = 'reports.azurecr.io';
const target = (resource: string) =>
  `target: { azure: { tenant: ${TENANT}, clientId: ${CLIENT}, scopes: ['${resource}/.default'] } }`;

const MAPPINGS = [
  mappingOf(
    'edge-blob',
    target(STORAGE),
    'intents: [{ allow: object.write, resource: { bucket: telemetry } }]',
    'residual: { accept: [intents, ttl], reason: the account holds nothing else }',
  ),
  mappingOf(
    'images',
    target(REGISTRY),
    `intents: [{ allow: image.pull, resource: { repository: ${HOST}/app } }]`,
    'residual: { accept: [ttl], reason: the registry gives 75 minutes }',
  ),
  // Entra has no federated credential for this one.
  mappingOf('unknown', target(STORAGE), 'intents: unrestricted', 'residual: { accept: [ttl], reason: by Entra }'),
];

interface Azure {
  readonly entra: Entra;
  readonly registry: AzureRegistry;
  readonly storage: AzureVault;
}
let carnet: Exchanging & { readonly clouds: Azure };

async function azure({ issuer, clock }: { issuer: string; clock: Exchanging['clock'] }): Promise<Azure> {
  const credentials = ['edge-blob', 'images'].map((name) => ({
    issuer,
    subject: `mapping:${name}`,
    audience: 'api://AzureADTokenExchange',
  }));
  const entra = await Entra.start({
    clock,
    applications: [{ tenant: TENANT, clientId: CLIENT, credentials }],
    resources: [STORAGE, REGISTRY],
  });
  const pulls = { [CLIENT]: ['app', 'secret'] };
  const registry = await AzureRegistry.start({ host: HOST, entra: entra.url, resource: REGISTRY, pulls, clock });
  return { entra, registry, storage: await AzureVault.start(entra, STORAGE) };
}

beforeEach(async () => {
  carnet = await exchanging({
    clouds: azure,
    configure: ({ entra, registry }) => ({
      mappings: MAPPINGS.join(''),
      more: `clouds: { azure: { authorityHost: '${entra.url}' } }\n`,
      allowOrigins: [registry.url],
    }),
    // In the place of name service and TLS: the names of registries are Azure's.
    wayOut: (guarded, { registry }) => ({
      close: () => guarded.close(),
      request: (request) => guarded.request({ ...request, url: request.url.replace(`https://${HOST}`, registry.url) }),
    }),
  });
});
afterEach(async () => {
  await carnet.stop();
  const { entra, registry, storage } = carnet.clouds;
  await Promise.all([entra.close(), registry.close(), storage.close()]);
});

async function pulled(token: unknown, repository: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  return (await fetch(`${carnet.clouds.registry.url}/v2/${repository}/manifests/latest`, { headers })).status;
}

async function read(token: unknown): Promise<string> {
  const answer = await fetch(carnet.clouds.storage.url, { headers: { authorization: `Bearer ${token}` } });
  return await answer.text();
}

const typesOf = async (mapping: string) => (await carnet.records(mapping)).map(({ type }) => type);

describe('a mapping for Azure whose owner accepts what Entra cannot narrow (DESIGN sections 4, 7 and 9)', () => {
  test('gives a bearer token for its one resource, for as long as Entra says', async () => {
    const { status, body } = await carnet.ask('edge-blob');
    expect(status, JSON.stringify(body)).toBe(200);
    const { access_token: token, expires_in: seconds, ...others } = body;
    expect(others).toEqual({ issued_token_type: ACCESS_TOKEN, token_type: 'Bearer' });
    expect(seconds).toBeGreaterThanOrEqual(3600);
    expect(seconds).toBeLessThanOrEqual(5400);
    expect(await read(token)).toBe(carnet.clouds.storage.secret);
    expect(await read((await carnet.ask('images')).body['access_token'])).toBe('refused');
  });

  test('says on record that nothing enforces the intent', async () => {
    await carnet.ask('edge-blob');
    const grant = { kind: 'azure', target: CLIENT, enforcedBy: ['none'] };
    const [{ requestId = '' } = {}] = carnet.clouds.entra.calls;
    expect(await carnet.records('edge-blob')).toMatchObject([
      { type: 'allowed', grant },
      { type: 'issued', grant, upstream: { requestId } },
    ]);
  });

  test('gives a pod its own token again without a call, on record as reused, and another pod one of its own', async () => {
    const first = await carnet.ask('edge-blob');
    expect((await carnet.ask('edge-blob')).body).toEqual(first.body);
    expect(carnet.clouds.entra.calls).toHaveLength(1);
    expect(await typesOf('edge-blob')).toEqual(['allowed', 'issued', 'allowed', 'reused']);
    const other = await carnet.ask('edge-blob', { pod: 'pod-1' });
    expect(other.body['access_token']).not.toBe(first.body['access_token']);
  });
});

describe('a mapping for Azure that pulls images', () => {
  test('gives a token of the registry that pulls the named repository, and no other of the application', async () => {
    const { status, body } = await carnet.ask('images');
    expect(status, JSON.stringify(body)).toBe(200);
    const { access_token: token, ...others } = body;
    expect(others).toEqual({ issued_token_type: ACCESS_TOKEN, token_type: 'Bearer', expires_in: 4500 });
    expect([await pulled(token, 'app'), await pulled(token, 'secret')]).toEqual([200, 401]);
    const grant = { enforcedBy: ['registry-token'] };
    expect(await carnet.records('images')).toMatchObject([
      { type: 'allowed', grant },
      { type: 'issued', grant },
    ]);
  });

  test('waits for a registry that has too many requests, while the tenant answers other mappings', async () => {
    const headers = { 'retry-after': '9' };
    carnet.clouds.registry.fail('/oauth2/token', { kind: 'raw', status: 429, body: '{}', headers });
    expect(await carnet.ask('images')).toMatchObject({ status: 503, retryAfter: 9 });
    expect(await carnet.ask('images', { pod: 'pod-1' })).toMatchObject({ status: 503, retryAfter: 9 });
    expect(carnet.clouds.entra.calls).toHaveLength(1);
    expect((await carnet.ask('edge-blob')).status).toBe(200);
    carnet.clock.advance(9000);
    expect((await carnet.ask('images')).status).toBe(200);
  });
});

describe('failures of Azure', () => {
  test('that are a lasting refusal are refused with their reason; a credential that Entra may not know yet is a 503', async () => {
    carnet.clouds.entra.fail({ kind: 'error', codes: [53003], status: 400 });
    const refused = await carnet.ask('edge-blob');
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_target', reason: 'cloud_trust_missing' } });
    await expect.poll(() => typesOf('edge-blob')).toEqual(['allowed', 'failed']);
    expect(await carnet.ask('unknown')).toMatchObject({ status: 503, retryAfter: 30 });
  });

  test('that say "later" are a 503 with what is left of Retry-After, and then Azure is asked again', async () => {
    carnet.clouds.entra.fail({ kind: 'error', codes: [90055], status: 429, headers: { 'retry-after': '7' } });
    expect(await carnet.ask('edge-blob')).toMatchObject({ status: 503, retryAfter: 7 });
    expect(await carnet.ask('edge-blob', { pod: 'pod-1' })).toMatchObject({ status: 503, retryAfter: 7 });
    expect(carnet.clouds.entra.calls).toHaveLength(1);
    carnet.clock.advance(7000);
    expect((await carnet.ask('edge-blob')).status).toBe(200);
  });

  test('that are silence are a 503 with Retry-After, never a refusal', async () => {
    await carnet.clouds.entra.close();
    const { status, retryAfter, body } = await carnet.ask('edge-blob');
    expect([status, body['error']]).toEqual([503, 'temporarily_unavailable']);
    expect(retryAfter).toBeGreaterThan(0);
  });
});
