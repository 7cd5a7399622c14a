import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromHttp } from '@aws-sdk/credential-providers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ERRORS, type ErrorKey, OAuthError } from '../../src/core/oauth-error.ts';
import { Secret } from '../../src/core/secret.ts';
import { TokenType } from '../../src/core/token-types.ts';
import { awsError } from '../../src/routes/aws-error.ts';
import { errorBody } from '../../src/routes/schemas/errors.ts';
import { awsErrorBody, containerCredentials } from '../../src/routes/schemas/sdk-aws.ts';
import { credential, type Door, openDoor, send, sendRaw, TOKEN } from './door-fixture.ts';

const DOCUMENT = {
  Version: 1,
  AccessKeyId: 'ASIAEXAMPLE',
  SecretAccessKey: 'secret-access-key',
  SessionToken: 'session-token',
  Expiration: '2026-11-22T10:00:00Z',
  AccountId: '123456789012',
};

/** A door behind which AWS credentials are issued, and the requests for them. */
async function awsDoor(document: object | string = DOCUMENT) {
  const asked: { address: string; type: string | undefined; token: string; door: string }[] = [];
  const door: Door = await openDoor({
    exchange: async ({ ask, subjectToken }, context) => {
      const type = ask.requestedTokenType;
      asked.push({ address: ask.address, type, token: subjectToken.reveal(), door: context.door });
      const accessToken = new Secret(typeof document === 'string' ? document : JSON.stringify(document));
      return credential(door.clock, { accessToken, issuedTokenType: TokenType.awsCredentials });
    },
  });
  return { door, asked };
}

function get(door: Door, path = '/sdk/aws/payments', authorization: string | undefined = TOKEN) {
  const headers = authorization === '' ? [] : [['authorization', authorization] as const];
  return send(door.port, { path, headers });
}

describe('GET /sdk/aws/{mapping} (clouds.md 3.1)', () => {
  test('answers what all SDKs read, with Expiration in Z and without a fraction', async () => {
    const { door } = await awsDoor();
    const answer = await get(door);
    expect(answer.status).toBe(200);
    expect(containerCredentials.parse(answer.json)).toEqual({
      AccessKeyId: 'ASIAEXAMPLE',
      SecretAccessKey: 'secret-access-key',
      Token: 'session-token',
      Expiration: '2026-11-22T10:00:00Z',
      AccountId: '123456789012',
    });
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' });
    expect(door.log()).not.toContain('session-token');
  });

  test('is read by the unmodified AWS SDK from a token file', async () => {
    const { door, asked } = await awsDoor();
    const folder = mkdtempSync(join(tmpdir(), 'carnet-sdk-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'token'), TOKEN);
    const credentials = await fromHttp({
      awsContainerCredentialsFullUri: `http://127.0.0.1:${door.port}/sdk/aws/payments`,
      awsContainerAuthorizationTokenFile: join(folder, 'token'),
    })();
    expect(credentials).toMatchObject({ accessKeyId: 'ASIAEXAMPLE', sessionToken: 'session-token' });
    expect(asked).toEqual([{ address: 'payments', type: TokenType.awsCredentials, token: TOKEN, door: 'sdk-aws' }]);
  });

  test('takes the token bare or as a bearer token, without white space around it', async () => {
    const { door, asked } = await awsDoor();
    for (const value of [TOKEN, `Bearer ${TOKEN}`, `bearer  ${TOKEN}`, `${TOKEN}\t `])
      await get(door, undefined, value);
    expect(asked.map(({ token }) => token)).toEqual([TOKEN, TOKEN, TOKEN, TOKEN]);
  });

  test('takes names, encoded ARNs and mapping URNs as addresses, and nothing of another path', async () => {
    const { door, asked } = await awsDoor();
    const arn = `arn:aws:iam::123456789012:role/${'x'.repeat(2000)}`;
    for (const address of ['payments', arn, 'urn:carnet:mapping:payments', '__proto__', '..%2f']) {
      expect((await get(door, `/sdk/aws/${encodeURIComponent(address)}`)).status).toBe(200);
    }
    expect(asked.map(({ address }) => address)).toEqual(['payments', arn, 'payments', '__proto__', '..%2f']);
    for (const path of ['/sdk/aws//', '/sdk/aws/a/b', '/sdk/AWS/a', `/sdk/aws/${'x'.repeat(6145)}`]) {
      expect((await get(door, path)).status).toBe(404);
    }
    expect((await get(door, '/sdk/aws/%zz')).status).toBe(400);
    expect(asked).toHaveLength(5);
  });

  test('answers with a slash at the end as well (clouds.md rule 8)', async () => {
    const { door, asked } = await awsDoor();
    expect([(await get(door, '/sdk/aws/payments/')).status, asked[0]?.address]).toEqual([200, 'payments']);
    expect((await get(door, '/sdk/aws/payments//')).status).toBe(404);
  });

  test('leaves the account out when the credentials do not name one', async () => {
    const { AccountId: _, ...document } = DOCUMENT;
    const { json } = await get((await awsDoor(document)).door);
    expect(Object.keys(json)).toEqual(['AccessKeyId', 'SecretAccessKey', 'Token', 'Expiration']);
  });

  test.each([
    { ...DOCUMENT, Expiration: '2026-11-22T10:00:00.000Z' },
    { ...DOCUMENT, Expiration: '2026-11-22T10:00:00+00:00' },
    { ...DOCUMENT, SessionToken: '' },
    { ...DOCUMENT, SecretAccessKey: 1 },
    [DOCUMENT],
    'session-token is not JSON',
  ])('answers 500 and nothing of it when what was issued is no such document (%#)', async (document) => {
    const { door } = await awsDoor(document);
    const answer = await get(door);
    expect([answer.status, answer.json['Code']]).toEqual([500, 'InternalFailure']);
    expect(answer.text + door.log()).not.toContain('session-token');
  });

  test('wants one Authorization header: none is 401 with a challenge', async () => {
    const { door, asked } = await awsDoor();
    const answer = await get(door, undefined, '');
    expect([answer.status, answer.json['code']]).toEqual([401, 'MissingAuthenticationToken']);
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="carnet"');
    const twice = `Authorization: ${TOKEN}\r\n`.repeat(2);
    const raw = await sendRaw(door.port, `GET /sdk/aws/a HTTP/1.1\r\nHost: x\r\n${twice}Connection: close\r\n\r\n`);
    expect(raw).toMatch(/^HTTP\/1\.1 401 /);
    for (const value of [`Basic ${btoa('a:b')}`, `${TOKEN}, ${TOKEN}`, 'Bearer']) {
      expect((await get(door, undefined, value)).status).toBe(401);
    }
    expect(asked).toHaveLength(0);
  });

  test('takes a token of 16 KiB in the header and no more', async () => {
    const { door } = await awsDoor();
    expect((await get(door, undefined, 'x'.repeat(16 * 1024))).status).toBe(200);
    const answer = await get(door, undefined, 'x'.repeat(16 * 1024 + 1));
    expect([answer.status, answer.json['Code']]).toEqual([413, 'ValidationError']);
  });

  test('refuses a query, since whatever it asks for could only narrow', async () => {
    const { door, asked } = await awsDoor();
    expect((await get(door, '/sdk/aws/payments?intent=object.read')).status).toBe(400);
    expect((await get(door, '/sdk/aws/payments?')).status).toBe(200);
    expect(asked).toHaveLength(1);
  });

  test('issues on GET only, never on HEAD', async () => {
    const { door, asked } = await awsDoor();
    for (const method of ['HEAD', 'POST', 'PUT', 'OPTIONS']) {
      const headers = [['authorization', TOKEN]] as const;
      const answer = await send(door.port, { method, path: '/sdk/aws/payments', headers });
      expect([answer.status, answer.headers.allow]).toEqual([405, 'GET']);
    }
    expect(asked).toHaveLength(0);
  });
});

describe('errors for SDKs', () => {
  test.each<[string, string, string, number]>([
    ['a path below', 'GET', '/sdk/aws/payments/more', 404],
    ['no mapping and a query', 'GET', '/sdk/aws//?a=b', 400],
    ['a broken escape', 'GET', '/sdk/aws/%zz', 400],
    ['a name longer than any', 'GET', `/sdk/aws/${'a'.repeat(7000)}`, 404],
    ['another method below', 'POST', '/sdk/aws/payments/more', 404],
  ])('have the shape that SDKs read also where no route was found: %s', async (_, method, path, status) => {
    const { door, asked } = await awsDoor();
    const answer = await send(door.port, { method, path });
    expect([answer.status, awsErrorBody.parse(answer.json).Code]).toEqual([status, 'ValidationError']);
    expect([answer.text.includes('a'.repeat(33)), asked]).toEqual([false, []]);
  });

  test('leave every other path its own shape, and the public door too', async () => {
    const { door } = await awsDoor();
    for (const path of ['/sdk/awsome', '/sdk/gcp/x', '/a/sdk/aws/x', '/%zz?/sdk/aws/x']) {
      expect(errorBody.parse((await send(door.port, { path })).json).error).toBe('invalid_request');
    }
    const { port } = await openDoor({ name: 'public' });
    expect(errorBody.parse((await send(port, { path: '/sdk/aws/payments' })).json).error).toBe('invalid_request');
  });

  const cases: [ErrorKey, number, string][] = [
    ['target_refused', 403, 'AccessDenied'],
    ['target_denied', 403, 'AccessDenied'],
    ['token_expired', 401, 'ExpiredTokenException'],
    ['token_signature', 401, 'InvalidIdentityToken'],
    ['rate_limited', 429, 'ThrottlingException'],
    ['keys_unavailable', 503, 'ServiceUnavailable'],
    ['target_unavailable', 503, 'ServiceUnavailable'],
    ['internal', 500, 'InternalFailure'],
  ];

  test.each(cases)(
    'of %s are %i %s in both spellings, with Retry-After where a retry helps',
    async (key, status, code) => {
      const door = await openDoor({ exchange: () => Promise.reject(new OAuthError(key, { detail: 'internal fact' })) });
      const answer = await get(door);
      const body = awsErrorBody.parse(answer.json);
      expect([answer.status, body.Code, body.code]).toEqual([status, code, code]);
      expect(body.message).toBe(body.Message);
      expect(body.Message).toMatch(/\[trace [0-9a-f]{32}\]$/);
      expect(answer.text).not.toContain('internal fact');
      expect(answer.headers['retry-after'] !== undefined).toBe(status === 429 || status === 503);
    },
  );

  test('carry the reason for a caller whom a mapping selected', async () => {
    const error = new OAuthError('target_denied', { reason: 'not_bound_to_pod' });
    const answer = await get(await openDoor({ exchange: () => Promise.reject(error) }));
    expect(answer.json['Message']).toMatch(/\(not_bound_to_pod\)/);
  });

  test('are byte-identical but for the trace, whether or not the mapping exists (E17)', async () => {
    const bodies = await Promise.all(
      ['no such mapping', 'selects others'].map(async (detail) => {
        const door = await openDoor({ exchange: () => Promise.reject(new OAuthError('target_refused', { detail })) });
        return (await get(door)).text.replaceAll(/[0-9a-f]{32}/g, '');
      }),
    );
    expect(bodies[0]).toBe(bodies[1]);
  });

  test('are 5xx for no row that a retry cannot help, and never 200', () => {
    for (const key of Object.keys(ERRORS) as ErrorKey[]) {
      const { status } = awsError(new OAuthError(key), 'x');
      const helps = ['temporarily_unavailable', 'server_error'].includes(ERRORS[key].code);
      expect(status >= 500).toBe(helps);
      expect(status).toBeGreaterThanOrEqual(400);
    }
  });
});
