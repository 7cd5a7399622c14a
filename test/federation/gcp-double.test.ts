import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Gcp } from '../fakes/gcp.ts';
import { assertProvider, type GcpProvider } from '../fakes/gcp-provider.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { CloudIssuer } from './cloud-issuer.ts';
import { AUDIENCE, BRIDGE, CLOUD_PLATFORM, PROVIDER, provider, REPORTER, SUBJECT } from './gcp-fixture.ts';

const TYPE = 'urn:ietf:params:oauth:token-type:';
const OUT_OF_REACH = "Error connecting to the given credential's issuer.";

let issuer: CloudIssuer;
let gcp: Gcp;
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
  await start();
});
afterEach(() => gcp.close());

async function start(change: Partial<GcpProvider> = {}): Promise<void> {
  gcp = await Gcp.start({
    clock,
    providers: [provider(issuer.url, change)],
    serviceAccounts: [
      { email: REPORTER, actors: [SUBJECT, `serviceAccount:${BRIDGE}`] },
      { email: BRIDGE, actors: [SUBJECT] },
    ],
  });
}

async function withProvider(change: Partial<GcpProvider>): Promise<void> {
  await gcp.close();
  await start(change);
}

function claims(change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    iss: issuer.url,
    sub: 'mapping:payments-reports',
    aud: PROVIDER,
    iat: now,
    exp: now + 300,
    carnet_issuer: 'prod',
    ...change,
  };
}

function form(subjectToken: string, change: Record<string, string | undefined> = {}): URLSearchParams {
  const parameters = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    audience: PROVIDER,
    scope: CLOUD_PLATFORM,
    requested_token_type: `${TYPE}access_token`,
    subject_token: subjectToken,
    subject_token_type: `${TYPE}jwt`,
    ...change,
  };
  return new URLSearchParams(
    Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

async function send(path: string, body: URLSearchParams | object, headers: Record<string, string> = {}) {
  const isForm = body instanceof URLSearchParams;
  const response = await fetch(`${gcp.url}${path}`, {
    method: 'POST',
    body: isForm ? body : JSON.stringify(body),
    headers: { ...headers, ...(!isForm && { 'content-type': 'application/json' }) },
  });
  const answer = (await response.json()) as Record<string, unknown>;
  const error = answer['error'] as string | { status: string; message: string } | undefined;
  return {
    status: response.status,
    outcome: (typeof error === 'object' ? error.status : error) ?? 'answered',
    message: String(typeof error === 'object' ? error.message : answer['error_description']),
    answer,
  };
}

async function exchange(change: Record<string, unknown> = {}, header: Record<string, unknown> = {}) {
  return await send('/v1/token', form(await issuer.token(claims(change), header)));
}

async function federated(scope = CLOUD_PLATFORM): Promise<string> {
  const { answer } = await send('/v1/token', form(await issuer.token(claims()), { scope }));
  return String(answer['access_token']);
}

describe('the Google double: claims (clouds.md 1.2)', () => {
  test('accepts a token with what Google requires', async () => {
    const { status, answer } = await exchange();
    expect(status).toBe(200);
    expect(answer).toEqual({
      access_token: expect.stringMatching(/^ya29\./),
      issued_token_type: `${TYPE}access_token`,
      token_type: 'Bearer',
      expires_in: 3600,
    });
  });

  test.each(['iss', 'sub', 'aud', 'iat', 'exp'])('refuses one without %s', async (name) => {
    expect(await exchange({ [name]: undefined })).toMatchObject({ outcome: 'invalid_grant', status: 400 });
  });

  test('takes the name of the provider as audience, with and without https:, and no other', async () => {
    expect((await exchange({ aud: `https:${PROVIDER}` })).outcome).toBe('answered');
    for (const aud of ['', 'https://example.org', `${PROVIDER}/`, [PROVIDER, 'x']]) {
      expect((await exchange({ aud })).outcome, String(aud)).toBe('invalid_grant');
    }
  });

  test('takes only the audiences that the provider lists', async () => {
    await withProvider({ allowedAudiences: ['https://example.org'] });
    expect((await exchange({ aud: 'https://example.org' })).outcome).toBe('answered');
    expect((await exchange()).outcome).toBe('invalid_grant');
  });

  test('has no patience with clocks: iat and nbf are past, exp is not, and less than 48 hours lie between', async () => {
    expect((await exchange({ iat: now + 1 })).outcome).toBe('invalid_grant');
    expect((await exchange({ nbf: now + 1 })).outcome).toBe('invalid_grant');
    expect((await exchange({ exp: now + 1 })).outcome).toBe('answered');
    expect((await exchange({ exp: now })).outcome).toBe('invalid_grant');
    expect((await exchange({ exp: now + 48 * 3600 - 1 })).outcome).toBe('answered');
    expect((await exchange({ exp: now + 48 * 3600 })).outcome).toBe('invalid_grant');
    expect((await exchange({ iat: now - 0.5 })).outcome).toBe('invalid_grant');
    expect((await exchange({ exp: String(now + 300) })).outcome).toBe('invalid_grant');
  });

  test('takes a subject of 127 bytes and not of 128, which may be fewer characters', async () => {
    expect((await exchange({ sub: 'a'.repeat(127) })).outcome).toBe('answered');
    expect((await exchange({ sub: 'a'.repeat(128) })).message).toContain('exceeds the 127 bytes limit');
    expect((await exchange({ sub: 'é'.repeat(64) })).message).toContain('exceeds the 127 bytes limit');
  });

  test('takes mapped attributes of 8 KB together and no byte more', async () => {
    const room = 8192 - 'mapping:payments-reports'.length;
    expect((await exchange({ carnet_namespace: 'a'.repeat(room) })).outcome).toBe('answered');
    expect((await exchange({ carnet_namespace: 'a'.repeat(room + 1) })).outcome).toBe('invalid_grant');
  });

  test('applies the attribute condition, and a claim that is missing does not meet it', async () => {
    expect(await exchange({ carnet_issuer: 'test' })).toMatchObject({ outcome: 'unauthorized_client', status: 400 });
    expect((await exchange({ carnet_issuer: undefined })).outcome).toBe('unauthorized_client');
    await withProvider({
      attributeCondition: "assertion.carnet_issuer == 'prod' && assertion.carnet_namespace == 'a'",
    });
    expect((await exchange({ carnet_namespace: 'a' })).outcome).toBe('answered');
    expect((await exchange({ carnet_namespace: 'b' })).outcome).toBe('unauthorized_client');
  });
});

describe('the Google double: providers', () => {
  const fifty = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`attribute.a${n}`, 'assertion.sub']));
  const subject = { 'google.subject': 'assertion.sub' };

  test.each<[string, Partial<GcpProvider>]>([
    ['50 attributes', { attributeMapping: { ...subject, ...fifty } }],
    ['a name of 100 characters', { attributeMapping: { ...subject, [`attribute.${'a'.repeat(100)}`]: 'assertion.a' } }],
    ['10 audiences of 256', { allowedAudiences: Array.from({ length: 10 }, () => 'a'.repeat(256)) }],
  ])('may have %s', (_case, change) => {
    expect(() => assertProvider(provider(issuer.url, change))).not.toThrow();
  });

  test.each<[string, Partial<GcpProvider>]>([
    ['51 attributes', { attributeMapping: { ...subject, ...fifty, 'attribute.more': 'assertion.sub' } }],
    ['a name of 101', { attributeMapping: { ...subject, [`attribute.${'a'.repeat(101)}`]: 'assertion.a' } }],
    ['a name with capitals', { attributeMapping: { ...subject, 'attribute.A': 'assertion.a' } }],
    ['no subject', { attributeMapping: { 'attribute.a': 'assertion.a' } }],
    ['CEL that the double does not know', { attributeMapping: { 'google.subject': 'assertion.sub + "a"' } }],
    ['a condition that the double does not know', { attributeCondition: "assertion.sub.startsWith('a')" }],
    ['11 audiences', { allowedAudiences: Array.from({ length: 11 }, () => 'a') }],
    ['an audience of 257', { allowedAudiences: ['a'.repeat(257)] }],
    ['another name', { name: 'https://example.org' }],
  ])('may not have %s', (_case, change) => {
    expect(() => assertProvider(provider(issuer.url, change))).toThrow('the provider is not valid');
  });

  test('that are unknown or disabled are invalid_target', async () => {
    const token = await issuer.token(claims());
    const refused = await send('/v1/token', form(token, { audience: `${PROVIDER}-2` }));
    expect(refused).toMatchObject({ outcome: 'invalid_target', status: 400 });
    await withProvider({ disabled: true });
    expect((await exchange()).outcome).toBe('invalid_target');
  });
});

describe('the Google double: signature and keys', () => {
  test('refuses a changed payload and another key under the same kid', async () => {
    const [header, , signature] = (await issuer.token(claims())).split('.');
    const payload = Buffer.from(JSON.stringify(claims({ carnet_namespace: 'kube-system' }))).toString('base64url');
    expect((await send('/v1/token', form(`${header}.${payload}.${signature}`))).outcome).toBe('invalid_grant');
    const { privateKey } = await generateKeyPair('RS256');
    const forged = await new SignJWT(claims()).setProtectedHeader({ alg: 'RS256', kid: issuer.kid }).sign(privateKey);
    expect((await send('/v1/token', form(forged))).outcome).toBe('invalid_grant');
  });

  test('takes RS256 and ES256, and neither RS512, PS256, ES384, EdDSA, HS256 nor none', async () => {
    for (const alg of ['ES256', 'RS256', 'RS512', 'PS256', 'ES384', 'EdDSA']) {
      const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
      issuer.keys = [{ ...(await exportJWK(publicKey)), kid: alg, use: 'sig' }];
      const token = await new SignJWT(claims()).setProtectedHeader({ alg, kid: alg }).sign(privateKey);
      const legal = alg === 'ES256' || alg === 'RS256';
      expect((await send('/v1/token', form(token))).outcome, alg).toBe(legal ? 'answered' : 'invalid_grant');
    }
    const secret = new TextEncoder().encode('x'.repeat(32));
    const mac = await new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid: issuer.kid }).sign(secret);
    expect((await send('/v1/token', form(mac))).outcome).toBe('invalid_grant');
    const none = [{ alg: 'none', kid: issuer.kid }, claims()].map((part) =>
      Buffer.from(JSON.stringify(part)).toString('base64url'),
    );
    expect((await send('/v1/token', form(`${none.join('.')}.`))).outcome).toBe('invalid_grant');
  });

  test('refuses RSA keys below 2048 bits, keys for encryption and keys of another type', async () => {
    issuer.keys = issuer.keys.map((key) => ({ ...key, n: String(key['n']).slice(0, 340) }));
    expect((await exchange()).outcome).toBe('invalid_grant');
    issuer.keys = issuer.pristine.keys.map((key) => ({ ...key, use: 'enc' }));
    expect((await exchange()).outcome).toBe('invalid_grant');
    issuer.keys = issuer.pristine.keys.map((key) => ({ ...key, kty: 'EC' }));
    expect((await exchange()).outcome).toBe('invalid_grant');
  });

  test('refuses a header without kid, with an unknown kid, and text that is no JWT', async () => {
    expect((await exchange({}, { kid: undefined })).outcome).toBe('invalid_grant');
    expect((await exchange({}, { kid: 'other' })).outcome).toBe('invalid_grant');
    for (const text of ['nonsense', 'aa.bb', 'a.b.c', '....']) {
      expect((await send('/v1/token', form(text))).outcome, text).toBe('invalid_request');
    }
  });

  test('says that the issuer is out of reach where its documents are missing or name another issuer', async () => {
    issuer.discovery['issuer'] = `${issuer.url}/`;
    expect((await exchange()).message).toBe(OUT_OF_REACH);
    issuer.discovery = { issuer: issuer.url };
    expect((await exchange()).message).toBe(OUT_OF_REACH);
    issuer.discovery = { issuer: issuer.url, jwks_uri: `${issuer.url}/gone` };
    expect((await exchange()).message).toBe(OUT_OF_REACH);
    issuer.discovery = { ...issuer.pristine.discovery, pad: 'x'.repeat(300_000) };
    expect((await exchange()).message).toBe(OUT_OF_REACH);
  });

  test('takes 100 keys and not 101', async () => {
    const others = (count: number) =>
      Array.from({ length: count }, (_, n) => ({ ...issuer.pristine.keys[0], kid: `k${n}` }));
    issuer.keys = [...issuer.pristine.keys, ...others(99)];
    expect((await exchange()).outcome).toBe('answered');
    issuer.keys = [...issuer.pristine.keys, ...others(100)];
    clock.advance(300_000);
    now += 300;
    expect((await exchange()).message).toBe(OUT_OF_REACH);
  });

  test('keeps keys for a while, and fetches anew for a kid it does not know', async () => {
    await exchange();
    await exchange();
    expect(gcp.keys.fetches).toBe(1);
    issuer.keys = [{ ...issuer.pristine.keys[0], kid: 'key-2' }];
    expect((await exchange({}, { kid: 'key-2' })).outcome).toBe('answered');
    expect(gcp.keys.fetches).toBe(2);
  });
});

describe('the Google double: requests to STS', () => {
  test.each([
    [{ grant_type: 'password' }, 'unsupported_grant_type'],
    [{ requested_token_type: `${TYPE}jwt` }, 'invalid_request'],
    [{ subject_token_type: `${TYPE}saml2` }, 'invalid_request'],
    [{ subject_token_type: `${TYPE}id_token` }, 'answered'],
    [{ subject_token: '' }, 'invalid_request'],
    [{ scope: undefined }, 'invalid_request'],
    [{ scope: 'a  b' }, 'invalid_request'],
    [{ audience: undefined }, 'invalid_target'],
    [{ options: '{}' }, 'invalid_request'],
  ])('answers %j with %s', async (change, outcome) => {
    expect((await send('/v1/token', form(await issuer.token(claims()), change))).outcome).toBe(outcome);
  });

  test('refuses an Authorization header and a parameter that is repeated', async () => {
    const body = form(await issuer.token(claims()));
    const refused = await send('/v1/token', body, { authorization: 'Bearer ya29.x' });
    expect(refused.outcome).toBe('invalid_request');
    body.append('audience', PROVIDER);
    expect((await send('/v1/token', body)).outcome).toBe('invalid_target');
  });

  test('takes JSON in camelCase as well', async () => {
    const { answer } = await send('/v1/token', {
      grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
      audience: PROVIDER,
      scope: CLOUD_PLATFORM,
      requestedTokenType: `${TYPE}access_token`,
      subjectToken: await issuer.token(claims()),
      subjectTokenType: `${TYPE}jwt`,
    });
    expect(answer['token_type']).toBe('Bearer');
  });

  test('keeps what it saw, but never a token', async () => {
    const token = await issuer.token(claims());
    const { answer } = await send('/v1/token', form(token));
    await send(`/v1/projects/-/serviceAccounts/${REPORTER}:generateAccessToken`, {}, bearer(answer['access_token']));
    expect(gcp.calls[0]).toMatchObject({ outcome: 'answered', claims: decodeJwt(token) });
    expect(JSON.stringify(gcp.calls)).not.toContain(token.split('.')[2]);
    expect(JSON.stringify(gcp.calls)).not.toContain('ya29');
  });
});

function bearer(token: unknown): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

describe('the Google double: IAM Credentials', () => {
  const scope = [CLOUD_PLATFORM];

  async function impersonate(body: object, path = `${REPORTER}:generateAccessToken`, token?: string) {
    return await send(`/v1/projects/-/serviceAccounts/${path}`, body, bearer(token ?? (await federated())));
  }

  test('gives an access token that ends on a whole second', async () => {
    const { answer } = await impersonate({ scope, lifetime: '900s' });
    expect(answer).toEqual({ accessToken: expect.stringMatching(/^ya29\./), expireTime: '2026-11-22T09:15:00Z' });
  });

  test.each([
    [{ scope, lifetime: '3600s' }, 'answered'],
    [{ scope, lifetime: '3601s' }, 'INVALID_ARGUMENT'],
    [{ scope, lifetime: '0s' }, 'INVALID_ARGUMENT'],
    [{ scope, lifetime: 900 }, 'INVALID_ARGUMENT'],
    [{ scope: [] }, 'INVALID_ARGUMENT'],
    [{ scope: CLOUD_PLATFORM }, 'INVALID_ARGUMENT'],
    [{ scope, audience: AUDIENCE }, 'INVALID_ARGUMENT'],
    [{ scope, delegates: [`projects/-/serviceAccounts/${BRIDGE}`] }, 'answered'],
    [{ scope, delegates: [`projects/example/serviceAccounts/${BRIDGE}`] }, 'INVALID_ARGUMENT'],
    [{ scope, delegates: [BRIDGE] }, 'INVALID_ARGUMENT'],
    [{ scope, delegates: ['projects/-/serviceAccounts/x@example.iam.gserviceaccount.com'] }, 'PERMISSION_DENIED'],
  ])('answers %j with %s', async (body, outcome) => {
    expect((await impersonate(body)).outcome).toBe(outcome);
  });

  test('refuses an account that is not there like one that trusts somebody else', async () => {
    const refused = await impersonate({ scope }, 'none@example.iam.gserviceaccount.com:generateAccessToken');
    expect(refused).toMatchObject({ outcome: 'PERMISSION_DENIED', status: 403 });
    expect(refused.message).toBe(
      "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
    );
  });

  test('refuses a caller without a token, with an ended one, and with too little scope', async () => {
    expect(await impersonate({ scope }, undefined, 'ya29.x')).toMatchObject({
      outcome: 'UNAUTHENTICATED',
      status: 401,
    });
    const token = await federated();
    clock.advance(3_600_000);
    expect((await impersonate({ scope }, undefined, token)).outcome).toBe('UNAUTHENTICATED');
    clock.advance(-3_600_000);
    const narrow = await federated('https://www.googleapis.com/auth/devstorage.read_only');
    expect((await impersonate({ scope }, undefined, narrow)).outcome).toBe('PERMISSION_DENIED');
    const iam = await federated('https://www.googleapis.com/auth/iam');
    expect((await impersonate({ scope }, undefined, iam)).outcome).toBe('answered');
  });

  test('gives ID tokens of an hour, with the email where it is asked for', async () => {
    const path = `${REPORTER}:generateIdToken`;
    const full = decodeJwt(
      String((await impersonate({ audience: AUDIENCE, includeEmail: true }, path)).answer['token']),
    );
    expect(full).toMatchObject({ aud: AUDIENCE, email: REPORTER, email_verified: true, iat: now, exp: now + 3600 });
    const bare = decodeJwt(String((await impersonate({ audience: AUDIENCE }, path)).answer['token']));
    expect(bare).not.toHaveProperty('email');
    expect((await impersonate({ audience: '' }, path)).outcome).toBe('INVALID_ARGUMENT');
    expect((await impersonate({ audience: AUDIENCE, scope }, path)).outcome).toBe('INVALID_ARGUMENT');
  });
});
