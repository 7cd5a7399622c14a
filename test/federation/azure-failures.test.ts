import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TargetFailure } from '../../src/core/target-failure.ts';
import type { EntraFault } from '../fakes/entra.ts';
import type { EntraTokenAnswer } from '../fakes/entra-wire.ts';
import { AzureWorld, application, azureGrant, CLIENT, refusalOf, STORAGE, TENANT, workload } from './azure-world.ts';
import { CloudIssuer } from './cloud-issuer.ts';

let issuer: CloudIssuer;
let world: AzureWorld;

beforeAll(async () => {
  issuer = await CloudIssuer.start();
});
afterAll(() => issuer.close());
beforeEach(async () => {
  world = await AzureWorld.start(issuer);
});
afterEach(async () => {
  expect(world.entra.strayed).toEqual([]);
  await world.close();
});

function failWith(...faults: EntraFault[]) {
  world.entra.fail(...faults);
  return refusalOf(world.issue());
}

describe('a refusal by Entra', () => {
  test.each([
    [50013, 400],
    [700027, 401],
    [53003, 400],
    [70011, 400],
    [7002131, 401],
    [7000218, 401],
    [123456789, 400],
  ])('AADSTS%i lasts: target_denied for missing trust, by its number alone', async (code, status) => {
    const error = await failWith({ kind: 'error', codes: [code], status });
    expect(error).toMatchObject({
      key: 'target_denied',
      reason: 'cloud_trust_missing',
      status: 400,
      failure: 'denied',
    });
    expect(error.detail).toBe(`Entra: AADSTS${code}, HTTP ${status}`);
  });

  test.each([700016, 90002, 500011])('AADSTS%i: what the mapping names is not there', async (code) => {
    const error = await failWith({ kind: 'error', codes: [code], status: 400 });
    expect(error).toMatchObject({ key: 'target_denied', reason: 'cloud_trust_missing', failure: 'not_found' });
  });

  test.each([70021, 70025, 700211, 700212, 700213])(
    'AADSTS%i may be trust on its way: a 503 that says when to come back, never a lasting refusal',
    async (code) => {
      const error = await failWith({ kind: 'error', codes: [code], status: 401 });
      expect(error).toMatchObject({
        key: 'target_unavailable',
        status: 503,
        failure: 'transient',
        retryAfterSeconds: 30,
      });
      expect(error.reason).toBeUndefined();
    },
  );

  test('ends by itself when the federated credential has reached Entra', async () => {
    const { credentials } = application(issuer.url);
    world.entra.configure([{ ...application(issuer.url), credentials: [] }]);
    expect(await refusalOf(world.issue())).toMatchObject({ failure: 'transient' });
    world.entra.configure([{ ...application(issuer.url), credentials }]);
    expect((await world.issue()).tokenType).toBe('Bearer');
  });

  test.each([
    ['another tenant', { tenant: CLIENT }, 90002],
    ['another application', { clientId: TENANT }, 700016],
    ['another mapping', { mapping: 'edge-blobs' }, 700213],
    ['another case', { mapping: 'Edge-blob' }, 700213],
    ['the audience of another cloud', { assertionAudience: 'api://AzureADTokenExchangeUSGov' }, 700212],
    ['a resource that nobody has', { scope: 'https://nowhere.example/.default' }, 500011],
    ['no resource', { scope: `${STORAGE}/user_impersonation` }, 70011],
  ])('for %s is what the double finds by itself', async (_case, change, number) => {
    await refusalOf(world.issue(change));
    expect(world.entra.calls[0]?.outcome).toBe(number);
  });

  test('of several numbers goes by the one that may pass', async () => {
    const error = await failWith({ kind: 'error', codes: [50013, 700213], status: 400 });
    expect(error).toMatchObject({ failure: 'transient', detail: 'Entra: AADSTS50013 AADSTS700213, HTTP 400' });
  });
});

describe('Entra down or busy', () => {
  test.each([
    [90061, 400],
    [50166, 400],
    [501661, 400],
    [90033, 400],
    [90024, 400],
    [90006, 400],
    [50013, 500],
    [700016, 503],
    [123456789, 502],
  ])('AADSTS%i with HTTP %i is a 503 with Retry-After, never a 400', async (code, status) => {
    const error = await failWith({ kind: 'error', codes: [code], status });
    expect(error).toMatchObject({ key: 'target_unavailable', status: 503, failure: 'transient' });
    expect(error.retryAfterSeconds).toBeGreaterThan(0);
    expect(world.entra.calls).toHaveLength(1);
  });

  test.each([
    [[90055], 400, {}, 10],
    [[90025], 400, {}, 10],
    [[50013], 429, { 'retry-after': '17' }, 17],
    [[], 429, { 'retry-after': '999999' }, 300],
    [[], 429, { 'retry-after': '0' }, 1],
    [[], 429, { 'retry-after': 'Fri, 31 Dec 2027 23:59:59 GMT' }, 10],
  ])('%j with HTTP %i and %j is throttling, and asks for a bounded wait', async (codes, status, headers, seconds) => {
    const error = await failWith({ kind: 'error', codes, status, headers });
    expect(error).toMatchObject({ key: 'target_unavailable', failure: 'throttled', retryAfterSeconds: seconds });
    expect(world.entra.calls).toHaveLength(1);
  });

  test('a 503 with Retry-After passes the wait on, bounded', async () => {
    const headers = { 'retry-after': '40' };
    expect(await failWith({ kind: 'raw', status: 503, body: '', headers })).toMatchObject({
      failure: 'transient',
      retryAfterSeconds: 40,
    });
  });

  test.each([
    ['no body', 200, ''],
    ['half of JSON', 200, '{"access_token":"a","token_type":"Be'],
    ['a list', 200, '[]'],
    ['an error', 200, '{"error":"invalid_client","error_codes":[700016]}'],
    ['a page', 200, '<html></html>'],
    ['a page of a proxy', 502, '<html><body>Bad Gateway</body></html>'],
    ['a page of a firewall', 403, '<html><body>blocked by policy 17</body></html>'],
    ['an error without numbers', 400, '{"error":"invalid_client","error_description":"AADSTS700016: x"}'],
    ['numbers as text', 400, '{"error_codes":["700016"]}'],
    ['a number as text', 400, '{"error_codes":"700016"}'],
    ['no numbers at all', 400, '{"error_codes":[]}'],
    ['negative and broken numbers', 400, '{"error_codes":[-1,1.5,null]}'],
    ['a flood of numbers', 400, `{"error_codes":[${Array.from({ length: 17 }, () => 700016)}]}`],
    ['deep nesting', 200, '['.repeat(60_000)],
  ])('%s is a 503 (HTTP %i)', async (_case, status, body) => {
    const error = await failWith({ kind: 'raw', status, body });
    expect(error).toMatchObject({ key: 'target_unavailable', status: 503, failure: 'transient' });
    expect(inspect(error, { depth: 9 })).not.toContain('policy 17');
  });

  test('an answer of 10 MB is a 503, and is not read', async () => {
    const error = await failWith({ kind: 'raw', status: 200, body: `{"a":"${'x'.repeat(10_000_000)}"}` });
    expect(error).toMatchObject({ failure: 'transient', detail: expect.stringMatching(/^Entra: too_large: 127/) });
  });

  test('silence ends at the deadline and is a 503', async () => {
    world.entra.fail({ kind: 'hang' });
    const error = await refusalOf(world.issue({}, { timeoutMs: 100 }));
    expect(error).toMatchObject({ failure: 'transient', detail: expect.stringMatching(/^Entra: timeout: 127/) });
    expect(world.entra.calls).toHaveLength(1);
  });

  test('half an answer is a 503', async () => {
    const error = await failWith({ kind: 'half' });
    expect(error).toMatchObject({ failure: 'transient', detail: expect.stringMatching(/^Entra: unreachable: 127/) });
  });

  test('a redirect is not followed, and is a 503', async () => {
    const headers = { location: `${world.entra.url}/elsewhere` };
    const error = await failWith({ kind: 'raw', status: 307, body: '', headers });
    expect(error).toMatchObject({ failure: 'transient', detail: expect.stringMatching(/^Entra: redirect: 127/) });
  });

  test('an authority that the guard blocks is a 503', async () => {
    const error = await refusalOf(world.issue({}, { authorityHost: 'https://127.0.0.1:9' }));
    expect(error).toMatchObject({ failure: 'transient', detail: expect.stringMatching(/^Entra: blocked: 127/) });
  });

  test('keys of Carnet that Entra cannot fetch are a 503', async () => {
    const { discovery } = issuer;
    issuer.discovery = {};
    expect(await refusalOf(world.issue())).toMatchObject({
      failure: 'transient',
      detail: 'Entra: AADSTS90061, HTTP 400',
    });
    issuer.discovery = discovery;
  });

  test.each([
    ['ahead', 299, 'answered'],
    ['ahead', 301, 700024],
    ['behind', -599, 'answered'],
    ['behind', -601, 700024],
  ])('a clock of Carnet that is %s by %i s of what Entra bears: %s', async (_way, seconds, outcome) => {
    const issuedAt = world.clock.now() / 1000 + seconds;
    const target = world.target({ authorityHost: world.entra.url, clock: { now: () => issuedAt * 1000 } });
    const result = await target.issue(azureGrant, workload, { id: 'jti-1', issuedAt, traceId: 'trace' }).then(
      () => 'answered',
      (error: unknown) => (error instanceof TargetFailure ? error.failure : 'another error'),
    );
    expect(world.entra.calls[0]?.outcome).toBe(outcome);
    expect(result).toBe(outcome === 'answered' ? 'answered' : 'transient');
  });
});

describe('an answer that is no token to hand out', () => {
  type Change = (answer: EntraTokenAnswer) => object;
  const member =
    (change: object): Change =>
    (answer) => ({ ...answer, ...change });
  const cases: readonly (readonly [string, Change])[] = [
    ['no token', member({ access_token: undefined })],
    ['an empty token', member({ access_token: '' })],
    ['a token that is an object', member({ access_token: { a: 1 } })],
    ['a line break in the token', member({ access_token: 'a\r\nb' })],
    ['a blank in the token', member({ access_token: 'a b' })],
    ['another kind of token', member({ token_type: 'pop' })],
    ['no kind of token', member({ token_type: undefined })],
    ['no lifetime', member({ expires_in: undefined })],
    ['a lifetime as text', member({ expires_in: '3600' })],
    ['a lifetime of a fraction', member({ expires_in: 3600.5 })],
    ['a lifetime that is over', member({ expires_in: 0 })],
    ['a negative lifetime', member({ expires_in: -1 })],
    ['a lifetime of a year', member({ expires_in: 31_536_000 })],
  ];

  test.each(cases)('is a 503: %s', async (_case, change) => {
    const error = await failWith({ kind: 'answer', change });
    expect(error).toMatchObject({ failure: 'transient', status: 503 });
    expect(error.detail).toMatch(/^Entra: unusable answer: (no bearer token|(expires_in|access_token) is )/);
  });

  test('is a 503 too where the SDK alone objects: a token beside an error', async () => {
    const error = await failWith({ kind: 'answer', change: member({ error: 'invalid_client' }) });
    expect(error).toMatchObject({ failure: 'transient', detail: 'Entra: unusable answer: the SDK does not take it' });
  });

  test('is told from one with members that nobody knows, and a request id that is no id', async () => {
    world.entra.fail({ kind: 'answer', change: member({ refresh_in: 1_800, token_source: 'x', foo: [] }) });
    expect((await world.issue()).tokenType).toBe('Bearer');
    const body = JSON.stringify({ token_type: 'bearer', expires_in: 60, access_token: 'opaque' });
    world.entra.fail({ kind: 'raw', status: 200, body, headers: { 'x-ms-request-id': 'a b' } });
    const credential = await world.issue();
    expect(credential.accessToken.reveal()).toBe('opaque');
    expect(credential).not.toHaveProperty('upstreamRequestId');
  });
});
