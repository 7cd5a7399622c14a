import { SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TargetFailure } from '../../src/core/target-failure.ts';
import type { GcpFault, GcpService } from '../fakes/gcp.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { CloudIssuer } from './cloud-issuer.ts';
import { AUDIENCE, direct, GcpBench, grant, REPORTER } from './gcp-fixture.ts';

const OUT_OF_REACH = "Error connecting to the given credential's issuer.";
const idToken = { ...grant, ttlSeconds: 3600, idTokenAudience: AUDIENCE };

let issuer: CloudIssuer;
let bench: GcpBench;

beforeAll(async () => {
  issuer = await CloudIssuer.start();
});
afterAll(() => issuer.close());
beforeEach(async () => {
  issuer.signed.length = 0;
  bench = await GcpBench.start(issuer);
});
afterEach(() => bench.close());

function raw(status: number, body: unknown, headers?: Record<string, string>): GcpFault {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { kind: 'raw', status, body: text, ...(headers !== undefined && { headers }) };
}

function sts(error: unknown, status = 400, headers?: Record<string, string>): GcpFault {
  return raw(status, { error, error_description: 'a fault of the double' }, headers);
}

function rpc(code: unknown, status: number, headers?: Record<string, string>): GcpFault {
  return raw(status, { error: { code: status, message: 'a fault of the double', status: code } }, headers);
}

function refusalOf(service: GcpService, ...faults: GcpFault[]) {
  bench.gcp.fail(service, ...faults);
  return bench.refusal() as Promise<TargetFailure>;
}

describe('a code of Google that says "refused"', () => {
  test.each([
    ['sts', sts('invalid_grant'), 'STS: invalid_grant, HTTP 400'],
    ['sts', sts('invalid_target'), 'STS: invalid_target, HTTP 400'],
    ['sts', sts('invalid_scope'), 'STS: invalid_scope, HTTP 400'],
    ['sts', sts('unauthorized_client'), 'STS: unauthorized_client, HTTP 400'],
    [
      'sts',
      raw(400, { error: 'unauthorized_client', error_description: OUT_OF_REACH }),
      'STS: unauthorized_client, HTTP 400',
    ],
    ['sts', rpc('PERMISSION_DENIED', 403), 'STS: PERMISSION_DENIED, HTTP 403'],
    ['iamCredentials', rpc('PERMISSION_DENIED', 403), 'IAM Credentials: PERMISSION_DENIED, HTTP 403'],
    ['iamCredentials', rpc('FAILED_PRECONDITION', 400), 'IAM Credentials: FAILED_PRECONDITION, HTTP 400'],
    ['iamCredentials', rpc('INVALID_ARGUMENT', 400), 'IAM Credentials: INVALID_ARGUMENT, HTTP 400'],
  ] as const)('from %s is target_denied for missing trust: %#', async (service, fault, detail) => {
    expect(await refusalOf(service, fault)).toMatchObject({
      key: 'target_denied',
      failure: 'denied',
      reason: 'cloud_trust_missing',
      detail,
    });
  });

  test('an account that is not there is not_found', async () => {
    expect(await refusalOf('iamCredentials', rpc('NOT_FOUND', 404))).toMatchObject({
      key: 'target_denied',
      failure: 'not_found',
      reason: 'cloud_trust_missing',
    });
  });

  test.each(['invalid_request', 'unsupported_grant_type'])(
    '%s is our own fault, and no advice to the caller',
    async (code) => {
      expect(await refusalOf('sts', sts(code))).toMatchObject({ key: 'internal', status: 500 });
    },
  );
});

describe('Google down or busy', () => {
  test.each([
    ['sts', sts('invalid_grant', 500)],
    ['sts', sts('server_error', 400)],
    ['sts', sts('invalid_grant ', 400)],
    ['sts', sts('constructor', 400)],
    ['sts', sts('__proto__', 403)],
    ['sts', sts(17, 400)],
    ['sts', sts(['invalid_grant'], 400)],
    ['sts', sts({ status: ['invalid_grant'] }, 400)],
    ['sts', rpc('UNAVAILABLE', 503)],
    ['sts', raw(400, '')],
    ['sts', raw(400, 'null')],
    ['sts', raw(403, '<html><body>blocked by policy 17</body></html>', { 'content-type': 'text/html' })],
    ['sts', raw(502, '<html>Bad Gateway</html>')],
    ['iamCredentials', rpc('PERMISSION_DENIED', 500)],
    ['iamCredentials', rpc('UNAVAILABLE', 503)],
    ['iamCredentials', rpc('INTERNAL', 500)],
    ['iamCredentials', rpc('UNAUTHENTICATED', 401)],
    ['iamCredentials', rpc('SOMETHING_NEW', 400)],
    ['iamCredentials', raw(204, '')],
    ['iamCredentials', raw(201, { accessToken: 'ya29.x', expireTime: '2026-11-22T09:15:00Z' })],
  ] as const)('from %s is a 503 with Retry-After, never a 400, and is not asked again: %#', async (service, fault) => {
    const error = await refusalOf(service, fault);
    expect(error).toMatchObject({ key: 'target_unavailable', status: 503, failure: 'transient' });
    expect(error.retryAfterSeconds).toBeGreaterThan(0);
    expect(error.reason).toBeUndefined();
    expect(error.detail).not.toMatch(/fault of the double|policy 17|constructor|__proto__|SOMETHING_NEW/);
    expect(bench.gcp.calls.filter((call) => call.service === service)).toHaveLength(1);
  });

  test.each([
    ['sts', sts('slow_down', 429)],
    ['sts', rpc('RESOURCE_EXHAUSTED', 429)],
    ['iamCredentials', rpc('RESOURCE_EXHAUSTED', 429)],
    ['iamCredentials', rpc('RESOURCE_EXHAUSTED', 403)],
  ] as const)('throttling by %s is told apart: %#', async (service, fault) => {
    expect(await refusalOf(service, fault)).toMatchObject({ key: 'target_unavailable', failure: 'throttled' });
  });

  test.each([
    ['30', 30],
    ['86400', 300],
    ['0', 1],
    ['-1', 10],
    ['1e9', 10],
    ['Sun, 22 Nov 2026 09:10:00 GMT', 10],
    [undefined, 10],
  ])('Retry-After %j becomes %i seconds', async (value, seconds) => {
    const headers = value === undefined ? {} : { 'retry-after': value };
    expect((await refusalOf('sts', rpc('RESOURCE_EXHAUSTED', 429, headers))).retryAfterSeconds).toBe(seconds);
  });

  test('an outage may ask for a longer wait', async () => {
    const headers = { 'retry-after': '60' };
    expect((await refusalOf('iamCredentials', rpc('UNAVAILABLE', 503, headers))).retryAfterSeconds).toBe(60);
    expect((await refusalOf('iamCredentials', rpc('UNAVAILABLE', 503))).retryAfterSeconds).toBe(5);
  });

  test.each(['sts', 'iamCredentials'] as const)('silence of %s ends at the deadline of the call', async (service) => {
    bench.gcp.fail(service, { kind: 'hang' });
    expect(await bench.refusal(grant, { callMs: 100 })).toMatchObject({
      key: 'target_unavailable',
      detail: expect.stringMatching(/^timeout: 127.0.0.1:\d+ did not answer within 100 ms$/),
    });
  });

  test('all calls together have a deadline, which ends a flight between two of them', async () => {
    bench.gcp.fail('sts', {
      kind: 'answer',
      change: (answer) => {
        bench.clock.advance(9_000);
        return answer;
      },
    });
    expect(await bench.refusal()).toMatchObject({
      key: 'target_unavailable',
      detail: 'Google did not answer all calls within 9000 ms',
    });
    expect(bench.outcomes()).toEqual(['sts answered']);
  });

  test('a call gets no more than what is left of the flight', async () => {
    bench.gcp.fail('sts', {
      kind: 'answer',
      change: (answer) => {
        bench.clock.advance(8_900);
        return answer;
      },
    });
    bench.gcp.fail('iamCredentials', { kind: 'hang' });
    expect((await bench.refusal()).detail).toMatch(/did not answer within 100 ms$/);
  });

  test.each(['sts', 'iamCredentials'] as const)('half an answer of %s is a 503', async (service) => {
    const half = raw(200, { access_token: 'ya29.half', accessToken: 'ya29.half' });
    const error = await refusalOf(service, { ...half, half: true } as GcpFault);
    expect(error).toMatchObject({ key: 'target_unavailable', failure: 'transient' });
    expect(error.detail).toMatch(/^unreachable: /);
  });

  test.each(['sts', 'iamCredentials'] as const)('10 MB from %s are a 503 and are not read', async (service) => {
    const error = await refusalOf(service, raw(200, `{"access_token":"${'x'.repeat(10_000_000)}"}`));
    expect(error).toMatchObject({ key: 'target_unavailable', detail: expect.stringMatching(/^too_large: /) });
  });

  test.each(['sts', 'iamCredentials'] as const)('a redirect of %s is not followed', async (service) => {
    const location = `${bench.gcp.url}/v1/token`;
    const error = await refusalOf(service, raw(307, '', { location }));
    expect(error).toMatchObject({ key: 'target_unavailable', detail: expect.stringMatching(/^redirect: /) });
    expect(bench.gcp.calls.filter((call) => call.service === service)).toHaveLength(1);
  });

  test('a closed port is a 503, and so is an endpoint that the guard blocks', async () => {
    expect(await bench.refusal(grant, { stsEndpoint: 'https://127.0.0.1:9' })).toMatchObject({
      key: 'target_unavailable',
      detail: expect.stringMatching(/^blocked: 127.0.0.1:/),
    });
    await bench.gcp.close();
    expect(await bench.refusal()).toMatchObject({
      key: 'target_unavailable',
      detail: expect.stringMatching(/^unreachable: 127.0.0.1:/),
    });
  });
});

describe('keys that Google could not fetch', () => {
  const outOfReach = raw(400, { error: 'invalid_grant', error_description: OUT_OF_REACH });

  test('are tried for once more, with the same assertion', async () => {
    bench.gcp.fail('sts', outOfReach);
    expect((await bench.issue()).tokenType).toBe('Bearer');
    expect(bench.outcomes()).toEqual(['sts undefined', 'sts answered', 'iamCredentials answered']);
    expect(issuer.signed).toHaveLength(1);
  });

  test('are a 503 the second time, and not asked for again', async () => {
    const error = await refusalOf('sts', outOfReach, outOfReach);
    expect(error).toMatchObject({ key: 'target_unavailable', failure: 'transient' });
    expect(bench.gcp.calls).toHaveLength(2);
  });

  test('are not tried for twice as often because they fail: after ten retries one in ten', async () => {
    const target = bench.target();
    const calls: number[] = [];
    for (let flight = 0; flight < 13; flight += 1) {
      bench.gcp.calls.length = 0;
      bench.gcp.fail('sts', outOfReach, outOfReach);
      await expect(bench.issueBy(target)).rejects.toMatchObject({ key: 'target_unavailable' });
      calls.push(bench.gcp.calls.length);
      bench.gcp.clearFaults();
    }
    expect(calls.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 2));
    expect(calls.filter((count) => count === 2).length).toBeLessThan(13);
  });

  test('are so for real where discovery is broken', async () => {
    const broken = await CloudIssuer.start();
    broken.discovery = {};
    const other = await GcpBench.start(broken);
    expect(await other.refusal()).toMatchObject({ key: 'target_unavailable', status: 503 });
    expect(other.outcomes()).toEqual(['sts invalid_grant', 'sts invalid_grant']);
    await other.close();
    await broken.close();
  });
});

describe('clocks that disagree', () => {
  test.each([
    ['a second behind ours', -1],
    ['at the end of the assertion', 300],
  ])('a refusal by a clock %s is a 503: no admin could mend it', async (_case, seconds) => {
    const date = new Date(bench.clock.now() + seconds * 1000).toUTCString();
    expect(await refusalOf('sts', sts('invalid_grant', 400, { date }))).toMatchObject({
      key: 'target_unavailable',
      failure: 'transient',
      detail: 'STS: invalid_grant, HTTP 400; its clock and ours disagree',
    });
  });

  test.each([
    ['equal to ours', 0],
    ['within the life of the assertion', 299],
  ])('a refusal by a clock %s is a refusal', async (_case, seconds) => {
    const date = new Date(bench.clock.now() + seconds * 1000).toUTCString();
    expect(await refusalOf('sts', sts('invalid_grant', 400, { date }))).toMatchObject({ key: 'target_denied' });
  });

  test.each([
    ['2 seconds behind', '2026-11-22T08:59:58Z', 'target_unavailable'],
    ['5 minutes ahead', '2026-11-22T09:05:00Z', 'target_unavailable'],
    ['4 minutes ahead', '2026-11-22T09:04:00Z', 'issued'],
  ])('Google with a clock %s, for real: %s, %s', async (_case, clock, outcome) => {
    const skewed = await GcpBench.start(issuer, { clock: new FakeClock(clock) });
    const answer = await skewed.issue().catch((error) => error);
    expect(answer).toMatchObject(outcome === 'issued' ? { tokenType: 'Bearer' } : { key: outcome });
    expect(skewed.gcp.calls[0]?.outcome).toBe(outcome === 'issued' ? 'answered' : 'invalid_grant');
    await skewed.close();
  });
});

describe('an answer of STS that is not what was asked for', () => {
  const cases: readonly (readonly [string, (answer: object) => unknown])[] = [
    ['null', () => null],
    ['a list', (answer) => [answer]],
    ['a text', () => 'ya29.text'],
    ['no token', (answer) => ({ ...answer, access_token: undefined })],
    ['a token that is a number', (answer) => ({ ...answer, access_token: 17 })],
    ['an empty token', (answer) => ({ ...answer, access_token: '' })],
    ['a line break in the token', (answer) => ({ ...answer, access_token: 'ya29.a\r\nhost: evil' })],
    ['a token of 12289 characters', (answer) => ({ ...answer, access_token: 'a'.repeat(12_289) })],
    ['another type of token', (answer) => ({ ...answer, issued_token_type: 'urn:ietf:params:oauth:token-type:jwt' })],
    ['no type of token', (answer) => ({ ...answer, issued_token_type: undefined })],
    ['a token that is no bearer token', (answer) => ({ ...answer, token_type: 'DPoP' })],
    ['a bearer type that is a list', (answer) => ({ ...answer, token_type: ['Bearer'] })],
    ['no end', (answer) => ({ ...answer, expires_in: undefined })],
    ['an end that is text', (answer) => ({ ...answer, expires_in: '3600' })],
    ['an end that is past', (answer) => ({ ...answer, expires_in: 0 })],
    ['an end before it', (answer) => ({ ...answer, expires_in: -1 })],
    ['a fraction of a second', (answer) => ({ ...answer, expires_in: 0.5 })],
    ['an end in half a day and a second', (answer) => ({ ...answer, expires_in: 43_201 })],
  ];

  test.each(cases)('is refused as a 503: %s', async (_case, change) => {
    bench.gcp.fail('sts', { kind: 'answer', change });
    const ceiling = { ttlCeilingSeconds: Number.POSITIVE_INFINITY };
    expect(await bench.refusal(direct(ceiling))).toMatchObject({
      key: 'target_unavailable',
      detail: expect.stringMatching(/^STS: unusable answer: /),
    });
    expect(await refusalOf('sts', { kind: 'answer', change })).toMatchObject({ key: 'target_unavailable' });
    expect(bench.gcp.calls.some(({ service }) => service === 'iamCredentials')).toBe(false);
  });

  test('is told from one at the limits', async () => {
    const change = (answer: object) => ({
      ...answer,
      access_token: `${'a'.repeat(12_286)}==`,
      token_type: 'bearer',
      expires_in: 43_200,
    });
    bench.gcp.fail('sts', { kind: 'answer', change });
    const credential = await bench.issue(direct({ ttlCeilingSeconds: 43_200 }));
    expect(credential.accessToken.reveal()).toHaveLength(12_288);
  });
});

describe('an answer of IAM Credentials that is not what was asked for', () => {
  const accessToken: readonly (readonly [string, object])[] = [
    ['no token', { accessToken: undefined }],
    ['a space in the token', { accessToken: 'ya29.a b' }],
    ['no end', { expireTime: undefined }],
    ['an end that is a number', { expireTime: 1_795_339_800 }],
    ['an end without a zone', { expireTime: '2026-11-22T09:30:00' }],
    ['an end that is no date', { expireTime: '2026-13-22T09:30:00Z' }],
    ['an end that is past', { expireTime: '2026-11-22T09:00:00Z' }],
    ['a far longer life', { expireTime: '2026-11-22T09:35:01Z' }],
  ];

  test.each(accessToken)('is refused as a 503: %s', async (_case, members) => {
    bench.gcp.fail('iamCredentials', { kind: 'answer', change: (answer) => ({ ...answer, ...members }) });
    expect(await bench.refusal()).toMatchObject({ key: 'target_unavailable', status: 503 });
  });

  test('is told from one of a clock that is a little ahead, which never makes the token outlive the grant', async () => {
    const change = (answer: object) => ({ ...answer, expireTime: '2026-11-22T09:34:59.123456789Z' });
    bench.gcp.fail('iamCredentials', { kind: 'answer', change });
    expect((await bench.issue()).expiresAt).toBe(Date.parse('2026-11-22T09:30:00Z') / 1000);
  });

  async function changedToken(members: object): Promise<GcpFault> {
    const now = bench.clock.now() / 1000;
    const claims = { aud: AUDIENCE, email: REPORTER, iat: now, exp: now + 3600, ...members };
    const key = new TextEncoder().encode('k'.repeat(32));
    const token = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(key);
    return { kind: 'answer', change: () => ({ token }) };
  }

  test.each<readonly [string, (now: number) => object]>([
    ['another audience', () => ({ aud: 'https://other.example.org' })],
    ['several audiences', () => ({ aud: [AUDIENCE] })],
    ['another account', () => ({ email: 'admin@example.iam.gserviceaccount.com' })],
    ['no account', () => ({ email: undefined })],
    ['no end', () => ({ exp: undefined })],
    ['an end that is past', (now) => ({ exp: now })],
    ['a far longer life', (now) => ({ exp: now + 3601 })],
    ['a life of a day', (now) => ({ exp: now + 86_400 })],
    ['a beginning that hides its life', (now) => ({ iat: now + 301 })],
    ['an old token', (now) => ({ iat: now - 301 })],
  ])('is refused as a 503: an ID token with %s', async (_case, members) => {
    bench.gcp.fail('iamCredentials', await changedToken(members(bench.clock.now() / 1000)));
    expect(await bench.refusal(idToken)).toMatchObject({ key: 'target_unavailable', status: 503 });
  });

  test.each([{ token: undefined }, { token: 'a.b' }, { token: 'a.b.c' }, { token: 'a b.c.d' }, { token: '..' }])(
    'is refused as a 503: an ID token like %j',
    async (answer) => {
      bench.gcp.fail('iamCredentials', { kind: 'answer', change: () => answer });
      expect(await bench.refusal(idToken)).toMatchObject({ key: 'target_unavailable' });
    },
  );

  test('is told from an ID token that was asked for, whoever signed it: whom it is shown to verifies it', async () => {
    bench.gcp.fail('iamCredentials', await changedToken({}));
    expect((await bench.issue(idToken)).expiresAt).toBe(Date.parse('2026-11-22T10:00:00Z') / 1000);
  });

  test('is told from an ID token by a clock that is a little ahead, which never makes it outlive the grant', async () => {
    const iat = bench.clock.now() / 1000 + 300;
    bench.gcp.fail('iamCredentials', await changedToken({ iat, exp: iat + 3600 }));
    expect((await bench.issue(idToken)).expiresAt).toBe(Date.parse('2026-11-22T10:00:00Z') / 1000);
  });
});

test('no error holds a token, whatever step it comes from', async () => {
  const spoken: unknown[] = [];
  const tokens: string[] = [];
  const remember = (answer: object) => {
    tokens.push(...Object.values(answer).filter((value) => typeof value === 'string' && value.length > 100));
    return answer;
  };
  const failures: GcpFault[] = [rpc('PERMISSION_DENIED', 403), raw(200, '{}'), raw(500, 'x'), { kind: 'hang' }];
  for (const failure of failures) {
    bench.gcp.fail('sts', { kind: 'answer', change: remember });
    bench.gcp.fail('iamCredentials', failure);
    spoken.push(await bench.refusal(grant, { callMs: 1000 }));
  }
  const echo = { kind: 'answer' as const, change: (answer: object) => ({ ...remember(answer), token_type: 'MAC' }) };
  bench.gcp.fail('sts', echo);
  spoken.push(await bench.refusal());
  const texts = spoken.map((error) => JSON.stringify(error, Object.getOwnPropertyNames(error)) + String(error));
  expect(tokens).toHaveLength(5);
  for (const token of tokens) expect(texts.join('\n')).not.toContain(token);
  expect(texts.join('\n')).not.toMatch(/ya29|eyJ/);
});
