import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { OauthGrant } from '../../src/core/decision.ts';
import type { OAuthFault } from '../fakes/oauth-server.ts';
import { CloudIssuer } from './cloud-issuer.ts';
import { type OauthFixture, oauthFixture, refusalOf, SUBJECT } from './oauth-fixture.ts';

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

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

/** A whole answer, as text. */
const TOKEN = JSON.stringify({
  access_token: 'abc',
  token_type: 'Bearer',
  issued_token_type: ACCESS_TOKEN,
  expires_in: 600,
  error_uri: 'https://ledger.example.org/',
});

const now = () => at.clock.now() / 1000;

function failWith(fault: OAuthFault, change: Partial<OauthGrant> = {}) {
  at.server.fail(at.server.tokenPath, fault);
  return refusalOf(at.issue(change));
}

function answering(members: Readonly<Record<string, unknown>>, change: Partial<OauthGrant> = {}) {
  at.server.fail(at.server.tokenPath, { kind: 'change', members });
  return at.issue(change);
}

function errorAnswer(error: unknown, status: number, headers: Record<string, string> = {}): OAuthFault {
  const body = JSON.stringify({ error, error_description: 'text of the server' });
  return { kind: 'raw', status, body, headers: { 'content-type': 'application/json', ...headers } };
}

describe('a token by token exchange (RFC 8693)', () => {
  test('is the server’s own, for the scope of the grant, and ends when the server says', async () => {
    const credential = await at.issue();
    expect(credential).toMatchObject({
      issuedTokenType: ACCESS_TOKEN,
      tokenType: 'Bearer',
      expiresAt: now() + 600,
      id: 'jti-1',
    });
    expect(at.server.introspect(credential.accessToken.reveal())).toEqual({
      subject: SUBJECT,
      scopes: ['ledger.read'],
      targets: [],
      exchanged: true,
    });
  });

  test('is asked for with what the grant holds and nothing else', async () => {
    await at.issue({
      audience: 'ledger',
      resource: 'https://ledger.example.org/',
      scopes: ['ledger.read', 'ledger.write'],
    });
    expect(at.server.calls).toMatchObject([
      {
        outcome: 'answered',
        parameters: {
          grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
          subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
          requested_token_type: ACCESS_TOKEN,
          audience: 'ledger',
          resource: 'https://ledger.example.org/',
          scope: 'ledger.read ledger.write',
        },
      },
    ]);
    await at.issue({ scopes: [] });
    expect(Object.keys(at.server.calls[1]?.parameters ?? {}).sort()).toEqual([
      'grant_type',
      'requested_token_type',
      'subject_token_type',
    ]);
    expect(at.server.calls[1]?.headers).not.toHaveProperty('authorization');
  });
});

describe('a token by assertion (RFC 7523)', () => {
  test('is the server’s own, narrowed by all that the grant holds (RFC 8707)', async () => {
    const change = { grantType: 'jwt-bearer', resource: 'https://ledger.example.org/', audience: 'ledger' } as const;
    const credential = await at.issue(change);
    expect(credential).toMatchObject({ issuedTokenType: ACCESS_TOKEN, tokenType: 'Bearer', expiresAt: now() + 600 });
    expect(at.server.introspect(credential.accessToken.reveal())).toEqual({
      subject: SUBJECT,
      scopes: ['ledger.read'],
      targets: ['ledger', 'https://ledger.example.org/'],
      exchanged: false,
    });
    expect(Object.keys(at.server.calls[0]?.parameters ?? {}).sort()).toEqual([
      'audience',
      'grant_type',
      'resource',
      'scope',
    ]);
  });
});

describe('the client', () => {
  test('is named where the grant names one, and refused where it does not', async () => {
    await at.close();
    at = await oauthFixture(carnet, { subjects: { [SUBJECT]: { scopes: ['ledger.read'], clientId: 'carnet' } } });
    for (const grantType of ['token-exchange', 'jwt-bearer'] as const) {
      expect((await at.issue({ grantType, clientId: 'carnet' })).tokenType).toBe('Bearer');
      expect(await refusalOf(at.issue({ grantType }))).toMatchObject({
        key: 'target_denied',
        detail: 'OAuth server: invalid_client, HTTP 401',
      });
    }
  });
});

describe('the assertion (DESIGN section 8)', () => {
  test('is for the one server, names the mapping, lives five minutes and says nothing else', async () => {
    await at.issue();
    expect(carnet.signed).toEqual([
      { sub: SUBJECT, aud: at.server.issuer, iat: now(), nbf: now(), exp: now() + 300, jti: 'jti-1' },
    ]);
  });

  test('is handed out for 60 seconds with deliver: assertion, and nobody is asked', async () => {
    const credential = await at.issue({ deliver: 'assertion' });
    expect(credential).toMatchObject({
      issuedTokenType: 'urn:ietf:params:oauth:token-type:jwt',
      tokenType: 'N_A',
      expiresAt: now() + 60,
      id: 'jti-1',
    });
    expect(decodeJwt(credential.accessToken.reveal())).toEqual({
      iss: carnet.url,
      sub: SUBJECT,
      aud: at.server.issuer,
      iat: now(),
      nbf: now(),
      exp: now() + 60,
      jti: 'jti-1',
    });
    expect(at.server.asked).toEqual([]);
  });

  test('of a mapping that the server does not know is refused, under both grants', async () => {
    const codes = { 'token-exchange': 'invalid_request', 'jwt-bearer': 'invalid_grant' } as const;
    for (const grantType of ['token-exchange', 'jwt-bearer'] as const) {
      expect(await refusalOf(at.issue({ grantType, mapping: 'other' }))).toMatchObject({
        key: 'target_denied',
        reason: 'cloud_trust_missing',
        detail: `OAuth server: ${codes[grantType]}, HTTP 400`,
      });
    }
  });

  test('is sent to nobody twice', async () => {
    await at.issue();
    await at.issue();
    expect(carnet.signed.map(({ jti }) => jti)).toEqual(['jti-1', 'jti-2']);
    expect(at.server.calls.map(({ outcome }) => outcome)).toEqual(['answered', 'answered']);
  });
});

describe('a refusal by the server', () => {
  test('for a scope or a target that the subject may not have is target_denied, for real', async () => {
    expect(await refusalOf(at.issue({ scopes: ['admin'] }))).toMatchObject({
      key: 'target_denied',
      detail: 'OAuth server: invalid_scope, HTTP 400',
    });
    expect(await refusalOf(at.issue({ audience: 'payroll' }))).toMatchObject({
      key: 'target_denied',
      detail: 'OAuth server: invalid_target, HTTP 400',
    });
  });

  test.each([
    ['invalid_grant', 400],
    ['invalid_client', 401],
    ['unauthorized_client', 400],
    ['invalid_target', 400],
    ['invalid_scope', 400],
    ['invalid_request', 400],
    ['access_denied', 403],
    ['unsupported_grant_type', 400],
  ])('%s with HTTP %i is target_denied, in Carnet’s words', async (code, status) => {
    const error = await failWith(errorAnswer(code, status));
    expect(error).toMatchObject({
      key: 'target_denied',
      reason: 'cloud_trust_missing',
      status: 400,
      failure: 'denied',
    });
    expect(error.detail).toBe(`OAuth server: ${code}, HTTP ${status}`);
    expect(error.retryAfterSeconds).toBeUndefined();
  });
});

describe('a server that is down or busy', () => {
  test.each([
    ['temporarily_unavailable', 400],
    ['temporarily_unavailable', 503],
    ['server_error', 500],
    ['invalid_grant', 500],
    ['access_denied', 503],
    ['invalid_grant', 201],
    ['something_new', 400],
    ['constructor', 400],
    ['__proto__', 403],
    [{ code: 'invalid_grant' }, 400],
    [undefined, 400],
  ])('%s with HTTP %i is a 503 with Retry-After, never a 400', async (code, status) => {
    const error = await failWith(errorAnswer(code, status));
    expect(error).toMatchObject({ key: 'target_unavailable', status: 503, retryAfterSeconds: 5, failure: 'transient' });
    expect(error.reason).toBeUndefined();
    expect(error.detail).not.toMatch(/something_new|constructor|__proto__|text of the server/);
  });

  test.each([
    ['invalid_grant', 429],
    ['anything', 429],
    ['slow_down', 400],
  ])('%s with HTTP %i is throttling', async (code, status) => {
    expect(await failWith(errorAnswer(code, status))).toMatchObject({
      key: 'target_unavailable',
      failure: 'throttled',
      retryAfterSeconds: 10,
    });
  });

  test.each([
    ['17', 17, 17],
    ['0', 1, 1],
    ['86400', 300, 300],
    ['Fri, 27 Nov 2026 10:00:00 GMT', 10, 5],
    ['-3', 10, 5],
    ['1e3', 10, 5],
  ])('its Retry-After "%s" is kept within bounds', async (header, throttled, down) => {
    const headers = { 'retry-after': header };
    expect((await failWith(errorAnswer('slow_down', 429, headers))).retryAfterSeconds).toBe(throttled);
    expect((await failWith(errorAnswer('temporarily_unavailable', 503, headers))).retryAfterSeconds).toBe(down);
  });

  const html = { 'content-type': 'text/html' };
  const denial = JSON.stringify({ error: 'invalid_grant' });
  test.each<readonly [string, OAuthFault]>([
    ['no body', { kind: 'raw', status: 200, body: '' }],
    ['half a document', { kind: 'raw', status: 200, body: '{"access_token":"abc","token_type":"Bear' }],
    ['a list', { kind: 'raw', status: 200, body: '[{"access_token":"abc"}]' }],
    ['a text', { kind: 'raw', status: 200, body: '"abc"' }],
    ['nothing', { kind: 'raw', status: 200, body: 'null' }],
    ['deep nesting', { kind: 'raw', status: 200, body: '['.repeat(60_000) }],
    ['a login page', { kind: 'raw', status: 200, body: '<!DOCTYPE html><input>', headers: html }],
    ['a page of a proxy', { kind: 'raw', status: 502, body: '<html>', headers: html }],
    ['a page of a firewall', { kind: 'raw', status: 403, body: 'blocked by policy 17', headers: html }],
    ['a denial of another type', { kind: 'raw', status: 400, body: denial, headers: html }],
    ['a denial of no type', { kind: 'raw', status: 400, body: denial, headers: {} }],
    ['a token that was created', { kind: 'raw', status: 201, body: TOKEN }],
    [
      'a token in another encoding',
      { kind: 'raw', status: 200, body: Buffer.from(TOKEN.replace('ledger', 'lédger'), 'latin1') },
    ],
  ])('%s is a 503', async (_case, fault) => {
    const error = await failWith(fault);
    expect(error).toMatchObject({ key: 'target_unavailable', status: 503 });
    expect(error.detail).not.toContain('policy 17');
  });

  test('is told from one whose answer is plain, or plain in another spelling', async () => {
    for (const type of ['application/json', 'Application/JSON; charset=utf-8', ' application/json ;q=1']) {
      at.server.fail(at.server.tokenPath, { kind: 'raw', status: 200, body: TOKEN, headers: { 'content-type': type } });
      expect((await at.issue()).accessToken.reveal()).toBe('abc');
    }
  });

  test('is told from a fault of our own, which is no 503', async () => {
    const broken = { request: () => Promise.reject(new TypeError('ours')), close: async () => {} };
    expect(await refusalOf(at.issue({}, at.targetOf({ outbound: broken })))).toMatchObject({
      key: 'internal',
      status: 500,
    });
  });

  test('10 MB are not read, and are a 503', async () => {
    const body = `{"access_token":"${'x'.repeat(10_000_000)}"}`;
    expect(await failWith({ kind: 'raw', status: 200, body })).toMatchObject({
      key: 'target_unavailable',
      detail: expect.stringMatching(/^OAuth server: too_large: 127.0.0.1:/),
    });
  });

  test('an answer that breaks off is a 503', async () => {
    expect(await failWith({ kind: 'half' })).toMatchObject({
      key: 'target_unavailable',
      detail: expect.stringMatching(/^OAuth server: unreachable: 127.0.0.1:/),
    });
  });

  test('a redirect is not followed, and is a 503', async () => {
    const headers = { location: `${at.server.url}/elsewhere` };
    expect(await failWith({ kind: 'raw', status: 307, body: '', headers })).toMatchObject({
      key: 'target_unavailable',
      detail: expect.stringMatching(/^OAuth server: redirect: 127.0.0.1:/),
    });
    expect(at.server.asked).not.toContain('/elsewhere');
  });

  test('silence ends at the deadline, and is a 503', async () => {
    at.server.fail(at.server.tokenPath, { kind: 'hang' });
    expect(await refusalOf(at.issue({}, at.targetOf({ timeoutMs: 100 })))).toMatchObject({
      key: 'target_unavailable',
      detail: expect.stringMatching(/^OAuth server: timeout: 127.0.0.1:/),
    });
  });

  test('a closed port is a 503, and so is an issuer that the guard blocks', async () => {
    await at.server.close();
    expect(await refusalOf(at.issue())).toMatchObject({
      key: 'target_unavailable',
      detail: expect.stringMatching(/^OAuth server: unreachable: 127.0.0.1:/),
    });
    expect(await refusalOf(at.issue({ issuer: 'https://127.0.0.1:9' }))).toMatchObject({
      key: 'target_unavailable',
      detail: expect.stringMatching(/^OAuth server: blocked: 127.0.0.1:9/),
    });
  });
});

describe('an answer that is not what was asked for', () => {
  test.each([
    ['no token', { access_token: undefined }],
    ['an empty token', { access_token: '' }],
    ['a token that is no text', { access_token: { a: 1 } }],
    ['a line break in the token', { access_token: 'abc\r\nX-Other: 1' }],
    ['a space in the token', { access_token: 'abc def' }],
    ['a token beyond ASCII', { access_token: 'abcé' }],
    ['no type of token', { token_type: undefined }],
    ['a token bound to a key', { token_type: 'DPoP' }],
    ['a token of no use as such', { token_type: 'N_A' }],
    ['another token', { issued_token_type: 'urn:ietf:params:oauth:token-type:id_token' }],
    ['a token of no said kind', { issued_token_type: undefined }],
    ['a lifetime as text', { expires_in: '600' }],
    ['half a second', { expires_in: 600.5 }],
    ['no time at all', { expires_in: 0 }],
    ['a lifetime below zero', { expires_in: -600 }],
    ['no lifetime but null', { expires_in: null }],
    ['a lifetime beyond all dates', { expires_in: 9e15 }],
    ['a scope that is no text', { scope: ['ledger.read'] }],
  ])('is refused as a 503: %s', async (_case, members) => {
    const granted = { ttlCeilingSeconds: Number.POSITIVE_INFINITY };
    expect(await refusalOf(answering(members, granted))).toMatchObject({ key: 'target_unavailable', status: 503 });
  });

  test.each([
    ['BEARER', 'token-exchange', { token_type: 'BEARER' }],
    ['a JWT', 'token-exchange', { access_token: 'eyJh.eyJz.c2ln' }],
    ['all of b64token', 'token-exchange', { access_token: 'aZ09-._~+/==' }],
    ['no kind of token', 'jwt-bearer', { issued_token_type: undefined }],
    ['no scope', 'token-exchange', { scope: undefined }],
    ['less scope', 'token-exchange', { scope: '' }],
    ['members that nobody knows', 'token-exchange', { refresh_token: 'never used', id: 7 }],
  ] as const)('is told from one with %s (%s)', async (_case, grantType, members) => {
    expect((await answering(members, { grantType })).tokenType).toBe('Bearer');
  });

  test.each(['ledger.read ledger.write', 'admin', 'ledger.read  admin', 'Ledger.read'])(
    'with the scope "%s" is wider than asked: it is dropped, and that stays so until somebody mends it',
    async (scope) => {
      expect(await refusalOf(answering({ scope }))).toMatchObject({
        key: 'target_denied',
        detail: 'OAuth server: it gives more than granted: the scope is wider than asked',
      });
    },
  );

  test('may have any scope where the mapping names none: the server decides', async () => {
    expect((await answering({ scope: 'ledger.read admin' }, { scopes: [] })).tokenType).toBe('Bearer');
  });
});

describe('the lifetime of a token', () => {
  const LONGER = 'OAuth server: it gives more than granted: the token lives longer than granted';
  const CAPPED = 'OAuth server: the token outlives the maxTtl';
  const endOf = async (expiresIn: number | undefined, change: Partial<OauthGrant>) =>
    (await answering({ expires_in: expiresIn }, change)).expiresAt - now();

  test('is at most the grant’s, to the second', async () => {
    expect(await endOf(900, { ttlSeconds: 900 })).toBe(900);
    expect(await refusalOf(answering({ expires_in: 901 }, { ttlSeconds: 900 }))).toMatchObject({
      key: 'target_denied',
      detail: LONGER,
    });
  });

  test('is the server’s own where the mapping accepts that, up to the ceiling', async () => {
    expect(await endOf(3600, { ttlSeconds: 900, ttlCeilingSeconds: 3600 })).toBe(3600);
    expect(await endOf(86_400, { ttlSeconds: 900, ttlCeilingSeconds: Number.POSITIVE_INFINITY })).toBe(86_400);
    expect(
      await refusalOf(answering({ expires_in: 3601 }, { ttlSeconds: 900, ttlCeilingSeconds: 3600 })),
    ).toMatchObject({ key: 'target_denied', reason: 'guardrail', detail: CAPPED });
  });

  test('counts as endless where the server does not tell it, and is then said to end with the grant', async () => {
    expect(await endOf(undefined, { ttlSeconds: 900, ttlCeilingSeconds: Number.POSITIVE_INFINITY })).toBe(900);
    const endless = (ceiling: Partial<OauthGrant>) => refusalOf(answering({ expires_in: undefined }, ceiling));
    expect(await endless({})).toMatchObject({ key: 'target_denied', detail: LONGER });
    expect(await endless({ ttlCeilingSeconds: 3600 })).toMatchObject({ key: 'target_denied', detail: CAPPED });
  });
});
