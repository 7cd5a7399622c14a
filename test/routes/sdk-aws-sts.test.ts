import { AssumeRoleWithWebIdentityCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ERRORS, type ErrorKey, OAuthError } from '../../src/core/oauth-error.ts';
import { Secret } from '../../src/core/secret.ts';
import { TokenType } from '../../src/core/token-types.ts';
import type { ExchangeRequest } from '../../src/exchange/exchange-request.ts';
import { stsError } from '../../src/routes/aws-error.ts';
import { credential, type Door, FORM_TYPE, openDoor, post, send, TOKEN } from './door-fixture.ts';

const ROLE = 'arn:aws:iam::123456789012:role/payments';
const DOCUMENT = {
  Version: 1,
  AccessKeyId: 'ASIAEXAMPLE',
  SecretAccessKey: 'secret&<access>key',
  SessionToken: 'session-token',
  Expiration: '2026-11-22T10:00:00Z',
  AccountId: '123456789012',
};
const SESSION = {
  assumedRoleArn: 'arn:aws:sts::123456789012:assumed-role/payments/pay.api',
  assumedRoleId: 'AROAEXAMPLE:pay.api',
  subject: 'mapping:payments',
  audience: 'sts.amazonaws.com',
  provider: 'arn:aws:iam::123456789012:oidc-provider/sts.example.org',
  sourceIdentity: 'pay.api',
};

/** A door behind which role sessions are issued, and what was asked at which door. */
async function stsDoor({ roleSession = SESSION }: { roleSession?: typeof SESSION | null } = {}) {
  const asked: (ExchangeRequest & { readonly door: string })[] = [];
  const door: Door = await openDoor({
    exchange: async (request, context) => {
      asked.push({ ...request, door: context.door });
      return credential(door.clock, {
        accessToken: new Secret(JSON.stringify(DOCUMENT)),
        issuedTokenType: TokenType.awsCredentials,
        ...(roleSession !== null && { roleSession, packedPolicyPercent: 34 }),
      });
    },
  });
  return { door, asked };
}

const GOOD = {
  Action: 'AssumeRoleWithWebIdentity',
  Version: '2011-06-15',
  RoleArn: ROLE,
  RoleSessionName: 'aws-sdk-js-session-1',
  WebIdentityToken: TOKEN,
};

function form(changes: Readonly<Record<string, string | undefined>> = {}): string {
  const entries = Object.entries({ ...GOOD, ...changes });
  return new URLSearchParams(entries.filter((entry): entry is [string, string] => entry[1] !== undefined)).toString();
}

function ask(door: Door, changes: Readonly<Record<string, string | undefined>> = {}, path = '/sdk/aws') {
  return post(door, form(changes), { path });
}

function client(door: Door, path = '/sdk/aws'): STSClient {
  const sts = new STSClient({
    endpoint: `http://127.0.0.1:${door.port}${path}`,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' },
    maxAttempts: 1,
  });
  onTestFinished(() => sts.destroy());
  return sts;
}

const COMMAND = new AssumeRoleWithWebIdentityCommand({
  RoleArn: ROLE,
  RoleSessionName: 'chosen-by-the-caller',
  WebIdentityToken: TOKEN,
});

describe('POST /sdk/aws (clouds.md 3.2)', () => {
  test('is read by the unmodified SDK, every member of the answer included', async () => {
    const { door, asked } = await stsDoor();
    const answer = await client(door).send(COMMAND);
    expect(answer).toMatchObject({
      Credentials: {
        AccessKeyId: 'ASIAEXAMPLE',
        SecretAccessKey: 'secret&<access>key',
        SessionToken: 'session-token',
        Expiration: new Date('2026-11-22T10:00:00Z'),
      },
      AssumedRoleUser: { Arn: SESSION.assumedRoleArn, AssumedRoleId: SESSION.assumedRoleId },
      SubjectFromWebIdentityToken: 'mapping:payments',
      Audience: 'sts.amazonaws.com',
      Provider: SESSION.provider,
      SourceIdentity: 'pay.api',
      PackedPolicySize: 34,
    });
    const [{ subjectToken, ...request } = { subjectToken: new Secret('') }] = asked;
    expect(subjectToken.reveal()).toBe(TOKEN);
    expect(request).toEqual({
      door: 'sdk-aws-sts',
      subjectTokenType: TokenType.jwt,
      ask: { address: ROLE, requestedTokenType: TokenType.awsCredentials, scopes: [] },
    });
    expect(door.log()).not.toContain('session-token');
  });

  test('leaves out what AWS did not say of the session', async () => {
    const { door } = await stsDoor({ roleSession: null });
    const { text } = await ask(door);
    expect(text).toContain('<AccessKeyId>ASIAEXAMPLE</AccessKeyId>');
    expect(text).not.toMatch(/AssumedRoleUser|PackedPolicySize|undefined/);
  });

  test('answers with and without a slash at the end, as XML that nobody stores (clouds.md rule 8)', async () => {
    const { door } = await stsDoor();
    for (const path of ['/sdk/aws', '/sdk/aws/']) {
      const answer = await ask(door, {}, path);
      expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/xml']);
      expect(answer.headers['cache-control']).toBe('no-store');
      expect(answer.text).toMatch(/<ResponseMetadata><RequestId>[0-9a-f]{32}<\/RequestId><\/ResponseMetadata>/);
    }
  });

  test('takes the line end of a token file, and no token of more than 16 KiB', async () => {
    const { door, asked } = await stsDoor();
    await ask(door, { WebIdentityToken: `${TOKEN}\n` });
    expect(asked[0]?.subjectToken.reveal()).toBe(TOKEN);
    expect((await ask(door, { WebIdentityToken: 'x'.repeat(16 * 1024) })).status).toBe(200);
    expect((await ask(door, { WebIdentityToken: 'x'.repeat(16 * 1024 + 1) })).status).toBe(413);
    expect(asked).toHaveLength(2);
  });

  test('passes DurationSeconds on as the wished lifetime', async () => {
    const { door, asked } = await stsDoor();
    await ask(door, { DurationSeconds: '900' });
    expect(asked[0]?.ask.ttlSeconds).toBe(900);
    for (const DurationSeconds of ['899', '43201', '900.0', '-900', '1e3', '9e9']) {
      expect((await ask(door, { DurationSeconds })).text).toContain('<Code>ValidationError</Code>');
    }
    expect(asked).toHaveLength(1);
  });

  test('passes Policy and PolicyArns on as a wish to narrow, never past them', async () => {
    const { door, asked } = await stsDoor();
    const policy = '{"Version":"2012-10-17","Statement":[]}';
    const arns = ['arn:aws:iam::aws:policy/ReadOnlyAccess', 'arn:aws:iam::123456789012:policy/narrow'];
    await client(door).send(
      new AssumeRoleWithWebIdentityCommand({
        ...COMMAND.input,
        Policy: policy,
        PolicyArns: arns.map((arn) => ({ arn })),
      }),
    );
    expect(asked[0]?.ask.narrowing).toEqual({ kind: 'aws', policy, policyArns: arns });
    for (const changes of [
      { Policy: 'x'.repeat(2049) },
      { Policy: '\u{1f600}' },
      { 'PolicyArns.member.1.arn': 'ReadOnlyAccess' },
      { 'PolicyArns.member.11.arn': arns[0] },
      { 'PolicyArns.1.arn': arns[0] },
      { policy },
    ]) {
      expect((await ask(door, changes)).status).toBe(400);
    }
    expect(asked).toHaveLength(1);
  });

  test.each<[string, Record<string, string | undefined>]>([
    ['without a role', { RoleArn: undefined }],
    ['with a role that is no ARN', { RoleArn: 'payments-and-more-of-it' }],
    ['with a role that is too short', { RoleArn: 'arn:aws:iam::1' }],
    ['with a role that is too long', { RoleArn: ROLE.padEnd(2049, 'x') }],
    ['without a session name', { RoleSessionName: undefined }],
    ['with a session name that AWS would not take', { RoleSessionName: 'a b' }],
    ['without a token', { WebIdentityToken: undefined }],
    ['with a provider of OAuth 2.0 tokens', { ProviderId: 'www.amazon.com' }],
    ['with a parameter that AWS does not know', { Tags: 'x' }],
  ])('refuses a request %s', async (_, changes) => {
    const { door, asked } = await stsDoor();
    const answer = await ask(door, changes);
    expect([answer.status, answer.headers['content-type']]).toEqual([400, 'text/xml']);
    expect(answer.text).toContain('<Type>Sender</Type><Code>ValidationError</Code>');
    expect(asked).toEqual([]);
  });

  test('refuses a parameter that is sent twice, and one in the URL', async () => {
    const { door, asked } = await stsDoor();
    const twice = await post(door, `${form()}&RoleArn=${encodeURIComponent(ROLE)}`, { path: '/sdk/aws' });
    expect([twice.status, twice.text.includes('repeated')]).toEqual([400, true]);
    expect((await ask(door, {}, '/sdk/aws?DurationSeconds=900')).status).toBe(400);
    expect((await ask(door, {}, '/sdk/aws?x-trace=1')).status).toBe(200);
    expect(asked).toHaveLength(1);
  });

  test('refuses every other action as AWS would, so that no SDK takes it for an outage', async () => {
    const { door, asked } = await stsDoor();
    const refusal = await client(door)
      .send(new GetCallerIdentityCommand())
      .catch((error: unknown) => error);
    expect(refusal).toMatchObject({ name: 'InvalidAction', $fault: 'client', $metadata: { httpStatusCode: 400 } });
    for (const changes of [{ Action: undefined }, { Action: 'AssumeRole' }, { Version: '2011-06-16' }]) {
      expect((await ask(door, changes)).text).toContain('<Code>InvalidAction</Code>');
    }
    expect(asked).toEqual([]);
  });

  test('answers POST only, in XML, and a body that is too large before it is read', async () => {
    const { door, asked } = await stsDoor();
    for (const method of ['GET', 'HEAD', 'PUT', 'OPTIONS']) {
      const answer = await send(door.port, { method, path: '/sdk/aws' });
      expect([answer.status, answer.headers.allow]).toEqual([405, 'POST']);
      expect(answer.headers['content-type']).toBe('text/xml');
    }
    const large = await post(door, 'x'.repeat(64 * 1024 + 1), { path: '/sdk/aws' });
    expect([large.status, large.text.includes('<Code>ValidationError</Code>')]).toEqual([413, true]);
    const json = await post(door, '{}', { path: '/sdk/aws', headers: [['content-type', 'application/json']] });
    expect(json.status).toBe(400);
    const charset = [['content-type', `${FORM_TYPE[1]}; charset=utf-8`]] as const;
    expect((await post(door, form(), { path: '/sdk/aws', headers: charset })).status).toBe(200);
    expect(asked).toHaveLength(1);
  });
});

describe('errors in the XML of STS', () => {
  test.each<[ErrorKey, number, string, string]>([
    ['target_refused', 403, 'Sender', 'AccessDenied'],
    ['target_denied', 403, 'Sender', 'AccessDenied'],
    ['token_expired', 400, 'Sender', 'ExpiredTokenException'],
    ['token_signature', 400, 'Sender', 'InvalidIdentityToken'],
    ['rate_limited', 429, 'Sender', 'ThrottlingException'],
    ['target_unavailable', 503, 'Receiver', 'ServiceUnavailable'],
    ['internal', 500, 'Receiver', 'InternalFailure'],
  ])('give %s as %i %s %s, which the SDK reads', async (key, status, type, code) => {
    const door = await openDoor({ exchange: () => Promise.reject(new OAuthError(key, { detail: 'internal fact' })) });
    const refusal = await client(door, '/sdk/aws/')
      .send(COMMAND)
      .catch((error: unknown) => error);
    expect(refusal).toMatchObject({ Code: code, Type: type, $metadata: { httpStatusCode: status } });
    const answer = await ask(door);
    expect(answer.text).toMatch(/<RequestId>[0-9a-f]{32}<\/RequestId><\/ErrorResponse>$/);
    expect(answer.text).not.toContain('internal fact');
    expect(answer.headers['retry-after'] !== undefined).toBe(status === 429 || status === 503);
  });

  test('are 5xx for no row that a retry cannot help', () => {
    for (const key of Object.keys(ERRORS) as ErrorKey[]) {
      const { status } = stsError(new OAuthError(key), 'x');
      expect(status >= 500).toBe(['temporarily_unavailable', 'server_error'].includes(ERRORS[key].code));
      expect(status).toBeGreaterThanOrEqual(400);
    }
  });
});
