import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Entra } from '../fakes/entra.ts';
import type { FederatedCredential } from '../fakes/entra-assertion.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { AUDIENCE, application, CLIENT, STORAGE, TENANT } from './azure-world.ts';
import { CloudIssuer } from './cloud-issuer.ts';

let issuer: CloudIssuer;
let entra: Entra;
let clock: FakeClock;
let now: number;

beforeAll(async () => {
  issuer = await CloudIssuer.start();
});
afterAll(() => issuer.close());
beforeEach(async () => {
  clock = new FakeClock();
  now = clock.now() / 1000;
  issuer.reset();
  entra = await Entra.start({ applications: [application(issuer.url)], resources: [STORAGE], clock });
});
afterEach(() => entra.close());

function claims(change: Record<string, unknown> = {}): Record<string, unknown> {
  const usual = { iss: issuer.url, sub: 'mapping:edge-blob', aud: AUDIENCE };
  return { ...usual, iat: now, nbf: now, exp: now + 300, jti: 'jti', ...change };
}

/** What the double makes of a form with this assertion: `answered` or the AADSTS number. */
async function post(assertion: string, change: Record<string, string> = {}, tenant = TENANT) {
  const form = new URLSearchParams({
    client_id: CLIENT,
    scope: `${STORAGE}/.default`,
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
    ...change,
  });
  const response = await fetch(`${entra.url}/${tenant}/oauth2/v2.0/token`, { method: 'POST', body: form });
  const body = (await response.json()) as { readonly error_codes?: readonly number[]; readonly expires_in?: number };
  return { outcome: body.error_codes?.[0] ?? 'answered', status: response.status, body };
}

async function outcome(change: Record<string, unknown> = {}, header: Record<string, unknown> = {}) {
  return (await post(await issuer.token(claims(change), header))).outcome;
}

describe('the Entra double: the federated credential (clouds.md 1.3)', () => {
  test('accepts the exact triple of issuer, subject and audience', async () => {
    expect(await outcome()).toBe('answered');
  });

  test.each([
    ['issuer', { iss: 'https://other.example' }, 700211],
    ['subject', { sub: 'mapping:edge-blob2' }, 700213],
    ['subject in another case', { sub: 'mapping:Edge-Blob' }, 700213],
    ['audience', { aud: 'api://AzureADTokenExchangeUSGov' }, 700212],
    ['audience in another case', { aud: AUDIENCE.toLowerCase() }, 700212],
    ['audience in a list', { aud: [AUDIENCE] }, 700212],
    ['subject that is missing', { sub: undefined }, 700213],
  ])('refuses another %s', async (_case, change, number) => {
    expect(await outcome(change)).toBe(number);
  });

  test('refuses an issuer with a slash at its end', async () => {
    expect(await outcome({ iss: `${issuer.url}/` })).toBe(700211);
  });

  test('refuses an application without any, an unknown one and an unknown tenant', async () => {
    entra.configure([{ ...application(issuer.url), credentials: [] }]);
    const token = await issuer.token(claims());
    expect((await post(token)).outcome).toBe(70025);
    expect((await post(token, { client_id: TENANT })).outcome).toBe(700016);
    expect((await post(token, {}, CLIENT)).outcome).toBe(90002);
  });

  test('lets nobody set up 21 of them, two of one issuer and subject, a pattern or a long text', () => {
    const configure = (...credentials: FederatedCredential[]) => {
      return () => entra.configure([{ ...application(issuer.url), credentials }]);
    };
    const one = (n: number) => ({ issuer: issuer.url, subject: `mapping:m${n}`, audience: AUDIENCE });
    const many = Array.from({ length: 21 }, (_, n) => one(n));
    expect(configure(...many.slice(1))).not.toThrow();
    expect(configure(...many)).toThrow('20');
    expect(configure(one(1), { ...one(1), audience: 'other' })).toThrow('unique');
    expect(configure({ ...one(1), subject: 'mapping:*' })).toThrow('patterns');
    expect(configure({ ...one(1), subject: 'm'.repeat(600) })).not.toThrow();
    expect(configure({ ...one(1), subject: 'm'.repeat(601) })).toThrow('600');
  });
});

describe('the Entra double: signature, keys and times', () => {
  test('refuses a forged signature and an assertion that is no JWT', async () => {
    const { privateKey } = await generateKeyPair('RS256');
    const forged = await new SignJWT(claims()).setProtectedHeader({ alg: 'RS256', kid: issuer.kid }).sign(privateKey);
    expect((await post(forged)).outcome).toBe(700027);
    for (const text of ['nonsense', 'a.b.c']) expect((await post(text)).outcome, text).toBe(700027);
  });

  test('takes RS256 and neither ES256 nor RS512, whatever the key set holds', async () => {
    for (const alg of ['RS256', 'RS512', 'ES256']) {
      const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
      issuer.keys = [{ ...(await exportJWK(publicKey)), kid: alg, use: 'sig' }];
      const token = await new SignJWT(claims()).setProtectedHeader({ alg, kid: alg }).sign(privateKey);
      expect((await post(token)).outcome, alg).toBe(alg === 'RS256' ? 'answered' : 700027);
    }
  });

  test.each([
    ['use', undefined],
    ['use', 'enc'],
    ['kid', undefined],
  ])('refuses a key with %s = %j', async (member, value) => {
    issuer.keys = issuer.keys.map((key) => ({ ...key, [member]: value }));
    expect(await outcome()).toBe(700027);
  });

  test('keeps the first 100 keys: the one in place 101 does not count', async () => {
    const others = (count: number) =>
      Array.from({ length: count }, (_, n) => ({ ...issuer.pristine.keys[0], kid: `k${n}` }));
    issuer.keys = [...others(99), ...issuer.pristine.keys];
    expect(await outcome()).toBe('answered');
    clock.advance(300_000);
    now += 300;
    issuer.keys = [...others(100), ...issuer.pristine.keys];
    expect(await outcome()).toBe(700027);
  });

  test('keeps keys for a while, and fetches anew for a kid it does not know', async () => {
    await outcome();
    await outcome();
    expect(entra.issuerKeys.fetches).toBe(1);
    issuer.keys = [{ ...issuer.pristine.keys[0], kid: 'key-2' }];
    expect(await outcome({}, { kid: 'key-2' })).toBe('answered');
    expect(entra.issuerKeys.fetches).toBe(2);
  });

  test('says so when the documents of the issuer cannot be had or name another issuer', async () => {
    issuer.discovery['issuer'] = `${issuer.url}/`;
    expect(await outcome()).toBe(90061);
    issuer.discovery = { issuer: issuer.url, jwks_uri: `${issuer.url}/nowhere` };
    expect(await outcome()).toBe(90061);
  });

  test('allows five minutes of skew and no second more', async () => {
    expect(await outcome({ exp: now - 299 })).toBe('answered');
    expect(await outcome({ exp: now - 300 })).toBe(700024);
    expect(await outcome({ nbf: now + 300 })).toBe('answered');
    expect(await outcome({ nbf: now + 301 })).toBe(700024);
    expect(await outcome({ iat: now + 301 })).toBe(700024);
    expect(await outcome({ exp: undefined })).toBe(700024);
  });
});

describe('the Entra double: the request and the answer (clouds.md 2.5)', () => {
  test.each([
    [{ scope: STORAGE }, 70011],
    [{ scope: `${STORAGE}/.default https://management.azure.com/.default` }, 70011],
    [{ scope: 'https://nowhere.example/.default' }, 500011],
    [{ grant_type: 'authorization_code' }, 70003],
    [{ client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer' }, 7000218],
    [{ scope: `${STORAGE}/.default` }, 'answered'],
  ])('answers %j with %s', async (change, expected) => {
    expect((await post(await issuer.token(claims()), change)).outcome).toBe(expected);
  });

  test('gives tokens of 60 to 90 minutes, whatever is asked', async () => {
    for (let n = 0; n < 5; n += 1) {
      const { body } = await post(await issuer.token(claims()), { expires_in: '60' });
      expect(body.expires_in).toBeGreaterThanOrEqual(3_600);
      expect(body.expires_in).toBeLessThanOrEqual(5_400);
    }
  });

  test('words an error as Entra does', async () => {
    const { status, body } = await post(await issuer.token(claims({ sub: 'x' })));
    expect(status).toBe(401);
    expect(Object.keys(body)).toEqual([
      'error',
      'error_description',
      'error_codes',
      'timestamp',
      'trace_id',
      'correlation_id',
      'error_uri',
    ]);
  });

  test('notes whoever asks for instance discovery, and keeps no assertion', async () => {
    await fetch(`${entra.url}/common/discovery/instance?api-version=1.1`);
    expect(entra.strayed).toEqual(['GET /common/discovery/instance?api-version=1.1']);
    const token = await issuer.token(claims());
    await post(token);
    expect(JSON.stringify(entra.calls)).not.toContain(token.split('.')[2]);
  });
});
