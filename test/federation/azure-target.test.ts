import { inspect } from 'node:util';
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { EntraFault } from '../fakes/entra.ts';
import {
  AUDIENCE,
  AzureWorld,
  application,
  azureGrant,
  CLIENT,
  refusalOf,
  STORAGE,
  TENANT,
  workload,
} from './azure-world.ts';
import { CloudIssuer } from './cloud-issuer.ts';

let issuer: CloudIssuer;
let world: AzureWorld;

beforeAll(async () => {
  issuer = await CloudIssuer.start();
});
afterAll(() => issuer.close());
beforeEach(async () => {
  issuer.signed.length = 0;
  world = await AzureWorld.start(issuer);
});
afterEach(async () => {
  // Instance discovery, metadata services, anything but the token endpoint.
  expect(world.entra.strayed).toEqual([]);
  await world.close();
});

describe('a token of Entra', () => {
  test('is the credential, ends when Entra says and goes by the jti of the assertion', async () => {
    const credential = await world.issue();
    const [token = ''] = world.entra.issued;
    expect(credential.accessToken.reveal()).toBe(token);
    expect(credential).toMatchObject({
      issuedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
      tokenType: 'Bearer',
      expiresAt: decodeJwt(token).exp,
      id: 'jti-1',
      upstreamRequestId: world.entra.calls[0]?.requestId,
    });
    const lifetime = credential.expiresAt - world.clock.now() / 1000;
    expect(lifetime).toBeGreaterThanOrEqual(3_600);
    expect(lifetime).toBeLessThanOrEqual(5_400);
  });

  test('is asked for with exactly the fields of the grant, once, for one resource (clouds.md 2.5)', async () => {
    await world.issue();
    expect(world.entra.calls).toHaveLength(1);
    expect(world.entra.calls[0]).toMatchObject({ path: `/${TENANT}/oauth2/v2.0/token`, outcome: 'answered' });
    expect(world.entra.calls[0]?.parameters).toEqual({
      client_id: CLIENT,
      scope: `${STORAGE}/.default`,
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    });
    const {
      host: _host,
      connection: _connection,
      'content-length': _length,
      ...headers
    } = world.entra.calls[0]?.headers ?? {};
    expect(headers).toEqual({
      'accept-encoding': 'identity',
      'content-type': 'application/x-www-form-urlencoded',
      'user-agent': 'carnet',
    });
  });

  test('is asked for with an assertion of Carnet that says nothing else (DESIGN section 8)', async () => {
    await world.issue();
    const issuedAt = world.clock.now() / 1000;
    expect(world.entra.calls[0]?.claims).toEqual({
      iss: issuer.url,
      sub: 'mapping:edge-blob',
      aud: AUDIENCE,
      iat: issuedAt,
      nbf: issuedAt,
      exp: issuedAt + 300,
      jti: 'jti-1',
    });
  });

  test('is asked for anew each time: nothing of one call is left for the next', async () => {
    await world.issue();
    await world.issue();
    expect(world.entra.calls).toHaveLength(2);
    expect(new Set(world.entra.issued).size).toBe(2);
  });

  test('is refused, not kept from before, once the federated credential is gone', async () => {
    await world.issue();
    world.entra.configure([{ ...application(issuer.url), credentials: [] }]);
    expect(await refusalOf(world.issue())).toMatchObject({ detail: 'Entra: AADSTS70025, HTTP 401' });
  });

  test('for two clusters needs one federated credential: the subject is the mapping', async () => {
    const target = world.target({ authorityHost: world.entra.url });
    for (const cluster of ['edge-1', 'edge-2']) {
      await target.issue(azureGrant, { ...workload, issuer: cluster, cluster }, world.issuance());
    }
    expect(world.entra.calls.map(({ outcome }) => outcome)).toEqual(['answered', 'answered']);
    expect(new Set(world.entra.calls.map(({ claims }) => claims?.['sub']))).toEqual(new Set(['mapping:edge-blob']));
  });

  test.each([
    ['https://login.microsoftonline.us', 'api://AzureADTokenExchangeUSGov'],
    ['https://login.partner.microsoftonline.cn', 'api://AzureADTokenExchangeChina'],
    ['https://login.microsoftonline.com', AUDIENCE],
    ['https://login.sovcloud-identity.fr', AUDIENCE],
    ['https://login.of-some-day.example', AUDIENCE],
  ])('of %s is asked for there, with the audience of that cloud', async (authority, audience) => {
    const credentials = [{ issuer: issuer.url, subject: 'mapping:edge-blob', audience }];
    world.entra.configure([{ ...application(issuer.url), credentials }]);
    const target = world.target({ outbound: world.outbound({ [authority]: world.entra.url }) });
    const grant = { ...azureGrant, authority, assertionAudience: audience };
    expect((await target.issue(grant, workload, world.issuance())).tokenType).toBe('Bearer');
  });
});

describe('deliver: assertion', () => {
  test('hands out the signed assertion for 60 seconds and calls nobody', async () => {
    const credential = await world.issue({
      deliver: 'assertion',
      issuedTokenType: 'urn:ietf:params:oauth:token-type:jwt',
    });
    const issuedAt = world.clock.now() / 1000;
    expect(credential).toMatchObject({
      issuedTokenType: 'urn:ietf:params:oauth:token-type:jwt',
      tokenType: 'N_A',
      expiresAt: issuedAt + 60,
      id: 'jti-1',
    });
    expect(decodeJwt(credential.accessToken.reveal())).toMatchObject({ aud: AUDIENCE, exp: issuedAt + 60 });
    expect(world.entra.calls).toHaveLength(0);
  });
});

describe('how long a token lives', () => {
  const lasting = (expires_in: number): EntraFault => ({ kind: 'answer', change: (a) => ({ ...a, expires_in }) });

  test('is said as Entra says it, where the mapping accepts that and no guardrail caps it', async () => {
    world.entra.fail(lasting(86_400));
    expect((await world.issue()).expiresAt).toBe(world.clock.now() / 1000 + 86_400);
  });

  test('is held to the ceiling of the guardrails: one second more and the token is dropped', async () => {
    world.entra.fail(lasting(4_000), lasting(4_001));
    expect((await world.issue({ ttlCeilingSeconds: 4_000 })).expiresAt).toBe(world.clock.now() / 1000 + 4_000);
    expect(await refusalOf(world.issue({ ttlCeilingSeconds: 4_000 }))).toMatchObject({
      key: 'target_denied',
      reason: 'guardrail',
      detail: 'Azure: a token of 4001 s was given, 4000 s are allowed',
    });
  });

  test('is held to the grant itself, where the mapping does not accept lifetimes of Entra', async () => {
    const { ttlCeilingSeconds: _none, ...strict } = azureGrant;
    world.entra.fail(lasting(3_600), lasting(3_601));
    const target = world.target({ authorityHost: world.entra.url });
    const issuance = world.issuance();
    expect((await target.issue(strict, workload, issuance)).expiresAt).toBe(issuance.issuedAt + 3_600);
    expect(await refusalOf(target.issue(strict, workload, issuance))).toMatchObject({ reason: 'guardrail' });
  });
});

describe('secrets', () => {
  test('neither the assertion nor a token is in what can be printed of a credential or an error', async () => {
    const assertions: string[] = [];
    const authority = {
      sign: async (...parameters: Parameters<CloudIssuer['sign']>) => {
        const signed = await issuer.sign(...parameters);
        assertions.push(signed.reveal());
        return signed;
      },
    };
    const credential = await world.issue({}, { authority });
    const faults: EntraFault[] = [
      { kind: 'answer', change: (answer) => ({ ...answer, expires_in: 'x' }) },
      { kind: 'answer', change: (answer) => ({ error: 'x', error_description: answer.access_token }) },
      { kind: 'error', codes: [50013], status: 400 },
      { kind: 'raw', status: 200, body: 'SENTINEL' },
      { kind: 'raw', status: 400, body: '{"error_codes":[50013],"error_description":"SENTINEL"}' },
      { kind: 'half' },
    ];
    const printed = [inspect(credential, { depth: 9, showHidden: true }), JSON.stringify(credential)];
    for (const fault of faults) {
      world.entra.fail(fault);
      const error = await refusalOf(world.issue({}, { authority }));
      printed.push(inspect(error, { depth: 9, showHidden: true }), JSON.stringify({ ...error }));
    }
    expect(assertions).toHaveLength(faults.length + 1);
    for (const secret of [...assertions, ...world.entra.issued, 'SENTINEL', 'a fault of the double']) {
      expect(printed.join('\n')).not.toContain(secret);
    }
  });
});
