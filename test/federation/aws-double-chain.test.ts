import { AssumeRoleCommand, type AssumeRoleCommandInput, STSClient } from '@aws-sdk/client-sts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AwsSts } from '../fakes/aws-sts.ts';
import type { ChainedRole } from '../fakes/aws-sts-roles.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { ROLE, trusting } from './aws-setup.ts';
import { CloudIssuer } from './cloud-issuer.ts';

const SECOND = 'arn:aws:iam::210987654321:role/data/reports';
const OPEN = '{"Version":"2012-10-17","Statement":[]}';

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

let issuer: CloudIssuer;
let sts: AwsSts;
let clock: FakeClock;
let signatureClock: FakeClock;
let first: Keys;

beforeAll(async () => {
  issuer = await CloudIssuer.start();
});
afterAll(() => issuer.close());
beforeEach(async () => {
  clock = new FakeClock();
  signatureClock = new FakeClock(Date.now());
  await startSts();
});
afterEach(() => sts.close());

async function startSts(role: Partial<ChainedRole> = {}): Promise<void> {
  sts = await AwsSts.start({
    clock,
    signatureClock,
    providers: [{ url: issuer.url, clientIds: ['sts.amazonaws.com'] }],
    roles: [trusting(issuer.url)],
    chainedRoles: [{ arn: SECOND, principals: [ROLE], ...role }],
  });
  first = await session();
}

async function withRole(role: Partial<ChainedRole>): Promise<void> {
  await sts.close();
  await startSts(role);
}

async function session(parameters: Record<string, string> = {}): Promise<Keys> {
  const now = clock.now() / 1000;
  const token = await issuer.token({
    iss: issuer.url,
    sub: 'mapping:payments-reports',
    aud: 'sts.amazonaws.com',
    iat: now,
    exp: now + 300,
    'https://aws.amazon.com/roles': [ROLE],
    'https://aws.amazon.com/source_identity': 'name',
    'https://aws.amazon.com/tags': { principal_tags: { a: ['x'], b: ['y'] }, transitive_tag_keys: ['a'] },
  });
  const form = {
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: ROLE,
    RoleSessionName: 'name',
    WebIdentityToken: token,
    ...parameters,
  };
  const answer = await fetch(sts.url, { method: 'POST', body: new URLSearchParams(form) });
  expect(answer.status).toBe(200);
  const opened = sts.sessions.all().at(-1);
  if (opened === undefined) throw new Error('a session was expected');
  return opened;
}

/** `answered`, or the code of the refusal; signed by the vendor's own signer. */
async function assume(change: Partial<AssumeRoleCommandInput> = {}, keys: Keys = first): Promise<string> {
  const client = new STSClient({ region: 'eu-west-1', endpoint: sts.url, maxAttempts: 1, credentials: keys });
  try {
    await client.send(new AssumeRoleCommand({ RoleArn: SECOND, RoleSessionName: 'name', ...change }));
    return 'answered';
  } catch {
    return sts.calls.at(-1)?.outcome ?? 'nothing';
  } finally {
    client.destroy();
  }
}

/** What the vendor's signer sent last, sent again with a change. */
async function again(change: { headers?: Record<string, string | undefined>; body?: string }): Promise<string> {
  const { headers = {}, parameters = {} } = sts.calls.at(-1) ?? {};
  const names = ['authorization', 'content-type', 'amz-sdk-invocation-id', 'amz-sdk-request'];
  const sent = Object.entries({ ...headers, ...change.headers }).flatMap(([name, value]): [string, string][] =>
    (names.includes(name) || name.startsWith('x-amz-')) && typeof value === 'string' ? [[name, value]] : [],
  );
  const body = change.body ?? new URLSearchParams(parameters).toString();
  await fetch(sts.url, { method: 'POST', headers: Object.fromEntries(sent), body });
  return sts.calls.at(-1)?.outcome ?? 'nothing';
}

describe('the AWS double: signatures', () => {
  test('takes what the vendor signs, and the same request again', async () => {
    expect(await assume()).toBe('answered');
    expect(await again({})).toBe('answered');
  });

  test.each<[string, Parameters<typeof again>[0], string]>([
    ['without a signature', { headers: { authorization: undefined } }, 'MissingAuthenticationToken'],
    ['with half a signature', { headers: { authorization: 'AWS4-HMAC-SHA256 Credential=a' } }, 'IncompleteSignature'],
    ['without its date', { headers: { 'x-amz-date': undefined } }, 'IncompleteSignature'],
    ['without the token of the session', { headers: { 'x-amz-security-token': undefined } }, 'InvalidClientTokenId'],
    ['with another token', { headers: { 'x-amz-security-token': 'other' } }, 'InvalidClientTokenId'],
    ['with a header more that is not signed', { headers: { 'x-amz-more': 'x' } }, 'SignatureDoesNotMatch'],
    ['with a changed signed header', { headers: { 'content-type': 'text/plain' } }, 'SignatureDoesNotMatch'],
    [
      'with another body',
      { body: `Action=AssumeRole&Version=2011-06-15&RoleArn=${SECOND}&RoleSessionName=other` },
      'SignatureDoesNotMatch',
    ],
  ])('refuses a request %s', async (_case, change, code) => {
    expect(await assume()).toBe('answered');
    expect(await again(change)).toBe(code);
  });

  test('refuses another secret, and keys that it never gave', async () => {
    expect(await assume({}, { ...first, secretAccessKey: 'x'.repeat(40) })).toBe('SignatureDoesNotMatch');
    expect(await assume({}, { ...first, accessKeyId: 'ASIAUNKNOWNUNKNOWN00' })).toBe('InvalidClientTokenId');
  });

  test('allows five minutes between the clocks, and no more', async () => {
    signatureClock.advance(290_000);
    expect(await assume()).toBe('answered');
    signatureClock.advance(20_000);
    expect(await assume()).toBe('SignatureDoesNotMatch');
  });

  test('refuses a session that has ended', async () => {
    clock.advance(3_599_000);
    expect(await assume()).toBe('answered');
    clock.advance(1_000);
    expect(await assume()).toBe('ExpiredToken');
  });
});

describe('the AWS double: role chaining', () => {
  test.each<[string, Partial<ChainedRole>, Partial<AssumeRoleCommandInput>]>([
    ['another role', { principals: [SECOND] }, {}],
    ['no tags, which come along', { allowTagSession: false }, {}],
    ['no source identity, which comes along', { allowSetSourceIdentity: false }, {}],
    ['one external id, and another is sent', { externalId: 'one' }, { ExternalId: 'two' }],
    ['one external id, and none is sent', { externalId: 'one' }, {}],
  ])('refuses where the second role trusts %s', async (_case, role, change) => {
    expect(await assume(change)).toBe('answered');
    await withRole(role);
    expect(await assume(change)).toBe('AccessDenied');
  });

  test('takes the external id that the role wants', async () => {
    await withRole({ externalId: 'one' });
    expect(await assume({ ExternalId: 'one' })).toBe('answered');
  });

  test('holds the session to its own session policy', async () => {
    const allow = (...Action: string[]) =>
      JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource: SECOND }] });
    const all = ['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity'];
    expect(await assume({}, await session({ Policy: allow(...all) }))).toBe('answered');
    expect(await assume({}, await session({ Policy: OPEN }))).toBe('AccessDenied');
    expect(await assume({}, await session({ Policy: allow(...all).replace('data/', 'other/') }))).toBe('AccessDenied');
    for (const missing of all) {
      const Policy = allow(...all.filter((action) => action !== missing));
      expect(await assume({}, await session({ Policy })), missing).toBe('AccessDenied');
    }
  });

  test('gives a chained session an hour at most', async () => {
    await withRole({ maxSessionSeconds: 43_200 });
    expect(await assume({ DurationSeconds: 3600 })).toBe('answered');
    expect(await assume({ DurationSeconds: 3601 })).toBe('ValidationError');
  });

  test('gives it no more than the role allows', async () => {
    await withRole({ maxSessionSeconds: 900 });
    expect(await assume({ DurationSeconds: 900 })).toBe('answered');
    expect(await assume({ DurationSeconds: 901 })).toBe('ValidationError');
  });

  test('passes transitive tags and the source identity on', async () => {
    expect(await assume()).toBe('answered');
    const second = sts.sessions.all().at(-1);
    expect([...(second?.tags ?? [])]).toEqual([['a', 'x']]);
    expect(second).toMatchObject({ sourceIdentity: 'name', roleArn: SECOND });
  });

  test('refuses a malformed session policy here as there', async () => {
    expect(await assume({ Policy: OPEN })).toBe('answered');
    expect(await assume({ Policy: '[' })).toBe('MalformedPolicyDocument');
  });
});
