import { describe, expect, test } from 'vitest';
import { OAuthError } from '../../src/core/oauth-error.ts';
import { Secret } from '../../src/core/secret.ts';
import { TokenType } from '../../src/core/token-types.ts';
import { errorBody } from '../../src/routes/schemas/errors.ts';
import { tokenResponse } from '../../src/routes/schemas/token.ts';
import { TOKEN_PARAMETERS } from '../../src/routes/token-request.ts';
import {
  type Answer,
  credential,
  type Door,
  FORM_TYPE,
  formBody,
  openDoor,
  post,
  send,
  sendRaw,
  TOKEN,
} from './door-fixture.ts';

const KIB = 1024;

/** The one shape of refusals, and nothing of the token in it. */
function expectRefusal(answer: Answer, status: number, error: string): void {
  expect([answer.status, answer.json['error']]).toEqual([status, error]);
  errorBody.parse(answer.json);
  expect(answer.headers['content-type']).toBe('application/json');
  expect(answer.headers['cache-control']).toBe('no-store');
  expect(answer.headers['pragma']).toBe('no-cache');
  expect(answer.text).not.toContain(TOKEN.slice(0, 20));
}

async function refused(
  door: Door,
  changes: Record<string, string | undefined>,
  error = 'invalid_request',
): Promise<Answer> {
  const answer = await post(door, formBody(changes));
  expectRefusal(answer, 400, error);
  expect(door.requests).toHaveLength(0);
  return answer;
}

async function accepted(door: Door, changes: Record<string, string | undefined> = {}) {
  const answer = await post(door, formBody(changes));
  expect(answer.status).toBe(200);
  return door.requests.at(-1);
}

describe('transport (T1 to T11)', () => {
  test('answers every other method with 405, Allow and the OAuth body (T1)', async () => {
    const door = await openDoor();
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY', 'PURGE']) {
      const answer = await send(door.port, { method, path: '/oauth2/token' });
      expectRefusal(answer, 405, 'invalid_request');
      expect(answer.headers.allow).toBe('POST');
    }
    const head = await send(door.port, { method: 'HEAD', path: '/oauth2/token' });
    expect([head.status, head.headers.allow, head.text]).toEqual([405, 'POST', '']);
    expect((await post(door, formBody())).status).toBe(200);
  });

  test('accepts a charset and any case in Content-Type (T2)', async () => {
    const door = await openDoor();
    const headers = [['Content-Type', 'Application/X-WWW-form-urlencoded; charset=UTF-8']] as const;
    expect((await post(door, formBody(), { headers })).status).toBe(200);
  });

  test('answers 400, not 415, to JSON, multipart, nonsense, a missing or a second Content-Type (T3)', async () => {
    const door = await openDoor();
    const types = ['application/json', 'multipart/form-data; boundary=x', 'nonsense', 'text/plain', ';'];
    for (const type of types) {
      expectRefusal(await post(door, formBody(), { headers: [['content-type', type]] }), 400, 'invalid_request');
    }
    expectRefusal(await post(door, formBody(), { headers: [] }), 400, 'invalid_request');
    expectRefusal(await post(door, '', { headers: [] }), 400, 'invalid_request');
    const body = formBody();
    const twice = `Content-Type: ${FORM_TYPE[1]}\r\n`.repeat(2);
    const answer = await sendRaw(
      door.port,
      `POST /oauth2/token HTTP/1.1\r\nHost: x\r\n${twice}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(door.requests).toHaveLength(0);
  });

  test('takes no compressed bodies (T8)', async () => {
    const door = await openDoor();
    const headers = [FORM_TYPE, ['content-encoding', 'gzip'] as const];
    expectRefusal(await post(door, formBody(), { headers }), 400, 'invalid_request');
  });

  test('refuses a recognised parameter in the query, and never logs a query (T4)', async () => {
    const door = await openDoor();
    for (const name of ['subject_token', 'grant%5Ftype', 'client_secret', 'audience']) {
      const answer = await post(door, formBody(), { path: `/oauth2/token?${name}=${TOKEN}` });
      expectRefusal(answer, 400, 'invalid_request');
      expect(answer.json['error_description']).toMatch(/form body/);
    }
    expect(door.log()).not.toContain(TOKEN.slice(0, 20));
    expect((await post(door, formBody(), { path: '/oauth2/token?utm=1' })).status).toBe(200);
  });

  test('refuses a repeated parameter, counted after decoding (T5)', async () => {
    const door = await openDoor();
    for (const extra of ['&subject_token=x', '&subject%5Ftoken=x', '&scope=a&scope=b', '&grant_type=x']) {
      expectRefusal(await post(door, formBody() + extra), 400, 'invalid_request');
    }
    expect(door.requests).toHaveLength(0);
  });

  test('takes array and prototype names for unknown ones and ignores them (T5, T7)', async () => {
    const door = await openDoor();
    const body = `${formBody()}&subject_token[]=x&audience[]=other&__proto__=x&constructor=y&options=%7B%7D`;
    expect((await post(door, body)).status).toBe(200);
    expect(door.requests[0]?.ask.address).toBe('payments');
  });

  test('takes an empty value for an absent parameter (T6)', async () => {
    const door = await openDoor();
    const absent = await refused(door, { subject_token: undefined });
    const empty = await refused(door, { subject_token: '' });
    expect(empty.json['error_description']).toBe(absent.json['error_description']);
    expect(await accepted(door, { scope: '', actor_token: '', requested_token_type: '' })).toBeDefined();
  });

  test('accepts 64 KiB and refuses one byte more with 413, announced or not (T8)', async () => {
    const door = await openDoor();
    const fill = (size: number) => formBody() + `&x=${'y'.repeat(size)}`.slice(0, size - formBody().length);
    expect((await post(door, fill(64 * KIB))).status).toBe(200);
    expectRefusal(await post(door, fill(64 * KIB + 1)), 413, 'invalid_request');
    const chunked = `POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM_TYPE[1]}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const chunk = fill(64 * KIB + 1);
    const answer = await sendRaw(door.port, `${chunked}${chunk.length.toString(16)}\r\n${chunk}\r\n0\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('"error":"invalid_request"');
  });

  test('accepts a token of 16 KiB and refuses one byte more with 413 (T8)', async () => {
    const door = await openDoor();
    expect((await post(door, formBody({ subject_token: 'x'.repeat(16 * KIB) }))).status).toBe(200);
    expectRefusal(await post(door, formBody({ subject_token: 'x'.repeat(16 * KIB + 1) })), 413, 'invalid_request');
    expectRefusal(await post(door, formBody({ actor_token: 'x'.repeat(16 * KIB + 1) })), 413, 'invalid_request');
  });

  test('refuses more than 64 pairs (T8)', async () => {
    const door = await openDoor();
    const pairs = (count: number) => Array.from({ length: count }, (_, index) => `&p${index}=1`).join('');
    expect((await post(door, formBody() + pairs(60))).status).toBe(200);
    expectRefusal(await post(door, formBody() + pairs(61)), 400, 'invalid_request');
  });

  test('refuses malformed escapes, invalid UTF-8 and NUL, also in unknown parameters (T9)', async () => {
    const door = await openDoor();
    for (const extra of ['&x=%', '&x=%zz', '&x=%C3', '&x=%00', '&x=\0']) {
      expectRefusal(await post(door, formBody() + extra), 400, 'invalid_request');
    }
  });

  test('gives no CORS permission and ignores cookies (T10)', async () => {
    const door = await openDoor();
    const headers = [FORM_TYPE, ['origin', 'https://evil.example'], ['cookie', `subject_token=${TOKEN}`]] as const;
    const answer = await post(door, formBody(), { headers });
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    expect(answer.headers['set-cookie']).toBeUndefined();
    expectRefusal(await post(door, formBody({ subject_token: undefined }), { headers }), 400, 'invalid_request');
  });

  test('refuses an Authorization header of any scheme with 401 and a challenge (T11)', async () => {
    const door = await openDoor();
    const schemes: [string, string][] = [
      [`Bearer ${TOKEN}`, 'Bearer realm="carnet"'],
      [`Basic ${btoa('a:b')}`, 'Basic realm="carnet"'],
      [TOKEN, 'Bearer realm="carnet"'],
    ];
    for (const [value, challenge] of schemes) {
      const answer = await post(door, formBody(), { headers: [FORM_TYPE, ['authorization', value]] });
      expectRefusal(answer, 401, 'invalid_client');
      expect(answer.headers['www-authenticate']).toBe(challenge);
    }
    expect(door.requests).toHaveLength(0);
  });

  test('takes no client secret or assertion from the form, without a challenge (C7), and ignores client_id', async () => {
    const door = await openDoor();
    for (const name of ['client_secret', 'client_assertion', 'client_assertion_type']) {
      const answer = await post(door, formBody({ [name]: 'x' }));
      expectRefusal(answer, 401, 'invalid_client');
      expect(answer.headers['www-authenticate']).toBeUndefined();
    }
    expect(await accepted(door, { client_id: 'anybody' })).toBeDefined();
  });
});

describe('parameters (P1 to P9)', () => {
  test('tells a missing grant_type from another one (P1, E8)', async () => {
    const door = await openDoor();
    await refused(door, { grant_type: undefined });
    await refused(door, { grant_type: 'client_credentials' }, 'unsupported_grant_type');
    await refused(door, { grant_type: 'urn:ietf:params:oauth:grant-type:Token-exchange' }, 'unsupported_grant_type');
  });

  test('takes jwt and id_token as they are named and never guesses (P2, P3)', async () => {
    const door = await openDoor();
    expect((await accepted(door))?.subjectTokenType).toBe(TokenType.jwt);
    expect((await accepted(door, { subject_token_type: TokenType.idToken }))?.subjectTokenType).toBe(TokenType.idToken);
  });

  test.each([
    undefined,
    TokenType.accessToken,
    TokenType.jwtSvid,
    'urn:ietf:params:oauth:token-type:jwt-svid',
    'urn:ietf:params:oauth:token-type:refresh_token',
    'urn:ietf:params:oauth:token-type:saml2',
    'urn:ietf:params:oauth:token-type:JWT',
    'jwt',
    '__proto__',
  ])('refuses %s as the type of the subject token (P2, P3)', async (type) => {
    await refused(await openDoor(), { subject_token_type: type });
  });

  test('wants actor_token and its type together, and then refuses them as not accepted (P4)', async () => {
    const door = await openDoor();
    const [alone, typed, both] = [
      await refused(door, { actor_token: 'x' }),
      await refused(door, { actor_token_type: TokenType.jwt }),
      await refused(door, { actor_token: 'x', actor_token_type: TokenType.jwt }),
    ];
    expect(alone.json['error_description']).toBe(typed.json['error_description']);
    expect(both.json['error_description']).not.toBe(alone.json['error_description']);
  });

  test('passes a known requested_token_type on and refuses an unknown one', async () => {
    const door = await openDoor();
    for (const type of Object.values(TokenType)) {
      expect((await accepted(door, { requested_token_type: type }))?.ask.requestedTokenType).toBe(type);
    }
    expect((await accepted(door))?.ask).not.toHaveProperty('requestedTokenType');
    const alias = 'urn:ietf:params:oauth:token-type:jwt-svid';
    expect((await accepted(door, { requested_token_type: alias }))?.ask.requestedTokenType).toBe(TokenType.jwtSvid);
    expectRefusal(await post(door, formBody({ requested_token_type: 'urn:x' })), 400, 'invalid_request');
  });

  test.each(['900', '1', '0001', '9999999999'])('reads requested_expires_in %s as seconds', async (text) => {
    const door = await openDoor();
    expect((await accepted(door, { requested_expires_in: text }))?.ask.ttlSeconds).toBe(Number(text));
  });

  test.each(['0', '00', '-1', '+1', '1.5', '1e3', ' 1', '0x10', '12345678901', '\u0661', 'NaN'])(
    'refuses requested_expires_in %j',
    async (text) => {
      await refused(await openDoor(), { requested_expires_in: text });
    },
  );

  test('wants exactly one address in audience and resource together (P8 as overruled)', async () => {
    const door = await openDoor();
    await refused(door, { audience: undefined }, 'invalid_target');
    await refused(door, { resource: 'https://a.example.org' }, 'invalid_target');
    for (const extra of ['&audience=other', '&audience=payments', '&resource=urn:x:y']) {
      expectRefusal(await post(door, formBody() + extra), 400, 'invalid_target');
    }
    expectRefusal(
      await post(door, `${formBody({ audience: undefined })}&resource=urn:a:b&resource=urn:a:b`),
      400,
      'invalid_target',
    );
    expect((await accepted(door, { resource: '' }))?.ask.address).toBe('payments');
  });

  test.each(['arn:aws:iam::123456789012:role/payments', 'https://api.example.org/a?b=c', 'api://app', 'urn:x:%41'])(
    'passes resource %s on byte for byte (P6)',
    async (resource) => {
      expect((await accepted(await openDoor(), { audience: undefined, resource }))?.ask.address).toBe(resource);
    },
  );

  test.each([
    'payments',
    '/payments',
    'https://e?#',
    'https://e#x',
    'urn:x:y z',
    'urn:x:%4',
    'urn:',
    '//iam.example',
    'a\nb:c',
  ])('refuses resource %j (P6)', async (resource) => {
    await refused(await openDoor(), { audience: undefined, resource }, 'invalid_target');
  });

  test.each(['//iam.googleapis.com/projects/1', 'a,b', 'Payments', 'https://e#x', '\u00fc', ' payments'])(
    'passes audience %j on byte for byte, without splitting or folding (P7)',
    async (audience) => {
      expect((await accepted(await openDoor(), { audience }))?.ask.address).toBe(audience);
    },
  );

  test('reads urn:carnet:mapping:<name> as the name, in either parameter (P8)', async () => {
    const door = await openDoor();
    const address = 'urn:carnet:mapping:payments-reports';
    expect((await accepted(door, { audience: address }))?.ask.address).toBe('payments-reports');
    expect((await accepted(door, { audience: undefined, resource: address }))?.ask.address).toBe('payments-reports');
    const other = 'urn:carnet:mapping:arn:aws:iam::1:role/x';
    expect((await accepted(door, { audience: other }))?.ask.address).toBe(other);
  });

  test('splits scope at single spaces and refuses other characters (P9, E5)', async () => {
    const door = await openDoor();
    expect((await accepted(door))?.ask.scopes).toEqual([]);
    expect((await accepted(door, { scope: 'object.read:b/p x' }))?.ask.scopes).toEqual(['object.read:b/p', 'x']);
    for (const scope of ['a  b', ' a', 'a ', 'a"b', 'a\\b', 'a\tb', '\u00fc']) {
      expectRefusal(await post(door, formBody({ scope })), 400, 'invalid_scope');
    }
  });

  test('knows exactly the parameters that the contract lists', () => {
    expect(TOKEN_PARAMETERS.toSorted()).toEqual([
      'actor_token',
      'actor_token_type',
      'audience',
      'client_id',
      'grant_type',
      'requested_expires_in',
      'requested_token_type',
      'resource',
      'scope',
      'subject_token',
      'subject_token_type',
    ]);
  });

  test('wraps the token from the first line and passes it on whole', async () => {
    const request = await accepted(await openDoor());
    expect(request?.subjectToken).toBeInstanceOf(Secret);
    expect(request?.subjectToken.reveal()).toBe(TOKEN);
  });
});

describe('order of checks (E14)', () => {
  /** Each step fails on its own and hides all that come after it. */
  const steps: [string, Record<string, string | undefined>][] = [
    ['unsupported_grant_type', { grant_type: 'x' }],
    ['invalid_client', { client_secret: 'x' }],
    ['subject_token is missing', { subject_token: undefined }],
    ['subject_token_type is missing', { subject_token_type: undefined }],
    ['come together', { actor_token: 'x' }],
    ['subject_token_type must be', { subject_token_type: 'x' }],
    ['requested_token_type is not known', { requested_token_type: 'x' }],
    ['requested_expires_in', { requested_expires_in: 'x' }],
    ['invalid_target', { audience: undefined }],
    ['invalid_scope', { scope: '"' }],
  ];

  test('is fixed, and the first failure wins', async () => {
    const door = await openDoor();
    for (const [index, [expected]] of steps.entries()) {
      const later = Object.assign(
        {},
        ...steps
          .slice(index)
          .reverse()
          .map(([, changes]) => changes),
      );
      expect((await post(door, formBody(later))).text).toContain(expected);
    }
    expect(door.requests).toHaveLength(0);
  });

  test('puts size before content type, content type before parsing, parsing before grant_type', async () => {
    const door = await openDoor();
    const large = 'x'.repeat(64 * KIB + 1);
    const json = [['content-type', 'application/json']] as const;
    const nonsense = [['content-type', 'nonsense']] as const;
    expect((await post(door, large, { headers: json })).status).toBe(413);
    expect((await post(door, large, { headers: nonsense })).status).toBe(413);
    expect((await post(door, 'a=%zz', { headers: json })).text).toContain('Content-Type');
    expect((await post(door, 'grant_type=x&a=%zz')).text).toContain('percent-encoded');
  });
});

describe('errors (E1 to E18)', () => {
  test('of the use case keep their status, code and Retry-After (E4, E10, E11)', async () => {
    const cases = [
      [new OAuthError('token_signature'), 400, 'invalid_request', undefined],
      [new OAuthError('target_denied', { reason: 'guardrail' }), 400, 'invalid_target', undefined],
      [new OAuthError('scope_refused'), 400, 'invalid_scope', undefined],
      [new OAuthError('rate_limited', { retryAfterSeconds: 7 }), 429, 'slow_down', '7'],
      [new OAuthError('keys_unavailable'), 503, 'temporarily_unavailable', '5'],
      [new OAuthError('audit_unavailable', { retryAfterSeconds: 30 }), 503, 'temporarily_unavailable', '30'],
    ] as const;
    for (const [error, status, code, retryAfter] of cases) {
      const answer = await post(await openDoor({ exchange: () => Promise.reject(error) }), formBody());
      expectRefusal(answer, status, code);
      expect(answer.headers['retry-after']).toBe(retryAfter);
      expect(answer.json['reason']).toBe(error.reason);
    }
  });

  test('that nobody foresaw are 500 server_error and say nothing (E12)', async () => {
    const causes = [
      new Error(`cannot read ${TOKEN}`),
      Object.assign(new Error('x'), { statusCode: 503, code: 'X' }),
      `thrown text ${TOKEN}`,
      undefined,
      null,
      { status: 200, message: TOKEN },
    ];
    for (const cause of causes) {
      const door = await openDoor({ exchange: () => Promise.reject(cause) });
      const answer = await post(door, formBody());
      expectRefusal(answer, 500, 'server_error');
      expect(answer.json['error_description']).toBe('internal error');
      expect(door.log()).not.toContain(TOKEN.slice(0, 20));
    }
  });

  test('have byte-identical bodies but for trace_id, whether or not the target exists (E17)', async () => {
    const details = ['no such mapping', 'mapping payments selects others', 'role does not exist'];
    const bodies = await Promise.all(
      details.map(async (detail) => {
        const door = await openDoor({ exchange: () => Promise.reject(new OAuthError('target_refused', { detail })) });
        const { text, json, headers } = await post(door, formBody({ audience: detail.replaceAll(' ', '-') }));
        const { date: _, ...stable } = headers;
        return [text.replace(String(json['trace_id']), ''), JSON.stringify(stable)];
      }),
    );
    expect(new Set(bodies.map(([body]) => body)).size).toBe(1);
    expect(new Set(bodies.map(([, headers]) => headers)).size).toBe(1);
  });

  test('carry a random trace_id that no client chooses and that the log has too (E16)', async () => {
    const door = await openDoor();
    const headers = [
      FORM_TYPE,
      ['x-request-id', 'mine'],
      ['request-id', 'mine'],
      ['traceparent', `00-${'a'.repeat(32)}-1`],
    ] as const;
    const [first, second] = [await post(door, 'x=1', { headers }), await post(door, 'x=1', { headers })];
    expect(first.json['trace_id']).not.toBe(second.json['trace_id']);
    expect(door.log()).toContain(`"traceId":"${first.json['trace_id']}"`);
    expect(door.log()).not.toContain('mine');
  });

  test('are logged once with the precise reason, never with the token (E18)', async () => {
    const error = new OAuthError('token_claims', { detail: 'sub and kubernetes.io disagree', issuer: 'edge-7' });
    const door = await openDoor({ exchange: () => Promise.reject(error) });
    await post(door, formBody({ audience: `x${TOKEN}` }));
    const lines = door
      .log()
      .split('\n')
      .filter((line) => line.includes('sub and kubernetes.io disagree'));
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ message: 'refused', error: 'token_claims', issuer: 'edge-7' });
    expect(door.log()).not.toContain(TOKEN.slice(0, 20));
  });

  test('leave nothing of a token in a log or an answer, wherever the client put it (E18)', async () => {
    const door = await openDoor();
    const headers = [
      FORM_TYPE,
      ['authorization', `Bearer ${TOKEN}`],
      ['cookie', `a=${TOKEN}`],
      ['x-token', TOKEN],
    ] as const;
    const answers = [
      await post(door, formBody(), { path: `/oauth2/token?t=${TOKEN}`, headers }),
      await post(door, formBody(), { path: `/oauth2/${TOKEN}`, headers }),
      await post(door, formBody({ grant_type: TOKEN, audience: TOKEN, scope: TOKEN })),
      await post(door, `${TOKEN}=${TOKEN}&${TOKEN}=x`),
      await send(door.port, { path: `/sdk/aws/${TOKEN}?${TOKEN}`, headers: [['authorization', TOKEN]] }),
    ];
    for (const { text } of answers) expect(text).not.toContain(TOKEN.slice(0, 20));
    expect(door.log()).not.toContain(TOKEN.slice(0, 20));
    expect(door.log()).not.toContain(TOKEN.slice(-20));
  });
});

describe('success (S1 to S6)', () => {
  test('has exactly the members of RFC 8693 and is kept by nobody (S1, S2, S6)', async () => {
    const answer = await post(await openDoor(), formBody({ scope: undefined }));
    expect(tokenResponse.parse(answer.json)).toEqual({
      access_token: 'eyJhbGciOiJFUzI1NiJ9.aXNzdWVk.c2lnbmVk',
      issued_token_type: TokenType.jwtSvid,
      token_type: 'N_A',
      expires_in: 300,
    });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-store',
      pragma: 'no-cache',
    });
    expect(answer.headers['etag']).toBeUndefined();
  });

  test('takes token_type from the credential (S3)', async () => {
    const clock = (await openDoor()).clock;
    const bearer = credential(clock, { tokenType: 'Bearer', issuedTokenType: TokenType.accessToken });
    const answer = await post(await openDoor({ exchange: async () => bearer }), formBody());
    expect(answer.json).toMatchObject({ token_type: 'Bearer', issued_token_type: TokenType.accessToken });
  });

  test('counts expires_in from the whole second of the answer and never answers what has expired (S4)', async () => {
    const door = await openDoor();
    const second = Math.floor(door.clock.now() / 1000);
    door.clock.advance(999);
    const left = async (seconds: number) => {
      const exchange = async () => credential(door.clock, { expiresAt: second + seconds });
      return await post(await openDoor({ exchange, clock: door.clock }), formBody());
    };
    expect((await left(60)).json['expires_in']).toBe(60);
    expect((await left(1)).json['expires_in']).toBe(1);
    expectRefusal(await left(0), 500, 'server_error');
    expectRefusal(await left(-10), 500, 'server_error');
  });

  test('never has a refresh token, nor a scope when none was granted (S5)', async () => {
    const { json } = await post(await openDoor(), formBody());
    expect(Object.keys(json)).toEqual(['access_token', 'issued_token_type', 'token_type', 'expires_in']);
  });

  test('does not reach the log', async () => {
    const door = await openDoor();
    await post(door, formBody());
    expect(door.log()).not.toContain('aXNzdWVk');
  });
});

describe('metrics', () => {
  test('count what is issued, refused and failed by the row of the table', async () => {
    const door = await openDoor();
    await post(door, formBody());
    await post(door, formBody({ grant_type: undefined }));
    await post(door, 'x'.repeat(64 * KIB + 1));
    const text = await door.deps.metrics.registry.metrics();
    expect(text).toContain('carnet_exchanges_total{door="token",outcome="issued",error=""} 1');
    expect(text).toContain('carnet_exchanges_total{door="token",outcome="refused",error="grant_type_missing"} 1');
    expect(text).toContain('carnet_exchanges_total{door="token",outcome="refused",error="body_too_large"} 1');
    expect(text).toContain('carnet_http_request_duration_seconds_count{route="/oauth2/token",status="413"} 1');
  });
});
