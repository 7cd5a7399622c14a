import { STSClient } from '@aws-sdk/client-sts';
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AwsGrant } from '../../src/core/decision.ts';
import type { OAuthError } from '../../src/core/oauth-error.ts';
import { type AwsTargetDeps, createAwsTarget } from '../../src/federation/aws/aws-target.ts';
import { readRoleArn, regionalEndpoint } from '../../src/federation/aws/role-arn.ts';
import { createOutbound } from '../../src/outbound/guarded-outbound.ts';
import type { Outbound } from '../../src/outbound/outbound.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { AwsSts, type StsFault } from '../fakes/aws-sts.ts';
import type { AwsRole } from '../fakes/aws-sts-roles.ts';
import type { StsAnswer } from '../fakes/aws-sts-wire.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { grant, identity, ROLE, refusalOf, trusting } from './aws-setup.ts';
import { CloudIssuer } from './cloud-issuer.ts';

let issuer: CloudIssuer;
let sts: AwsSts;
let outbound: Outbound;
let clock: FakeClock;

beforeAll(async () => {
  issuer = await CloudIssuer.start();
});
afterAll(() => issuer.close());
beforeEach(async () => {
  clock = new FakeClock();
  issuer.reset();
  issuer.signed.length = 0;
  sts = await startSts();
  outbound = createOutbound({ allowOrigins: [sts.url], allowLoopbackHttp: true, metrics: createMetrics(), clock });
});
afterEach(async () => {
  await sts.close();
  await outbound.close();
});

function startSts(role: Partial<AwsRole> = {}): Promise<AwsSts> {
  return AwsSts.start({
    clock,
    providers: [{ url: issuer.url, clientIds: ['sts.amazonaws.com'] }],
    roles: [trusting(issuer.url, role)],
  });
}

const quiet = { log: { warn: () => undefined }, metrics: createMetrics() };

function issue(change: Partial<AwsGrant> = {}, deps: Partial<AwsTargetDeps> = {}) {
  const target = createAwsTarget({ ...quiet, authority: issuer, outbound, clock, stsEndpoint: sts.url, ...deps });
  const issuance = { id: 'jti-1', issuedAt: Math.floor(clock.now() / 1000), traceId: 'trace' };
  return target.issue({ ...grant, ...change }, identity, issuance);
}

function failWith(...faults: StsFault[]): Promise<OAuthError> {
  sts.fail(...faults);
  return refusalOf(issue());
}

describe('credentials from AWS', () => {
  test('are a credential_process document that ends when the session ends', async () => {
    const credential = await issue();
    const document = JSON.parse(credential.accessToken.reveal());
    expect(document).toEqual({
      Version: 1,
      AccessKeyId: expect.stringMatching(/^ASIA/),
      SecretAccessKey: expect.any(String),
      SessionToken: expect.any(String),
      Expiration: '2026-11-22T09:30:00Z',
      AccountId: '123456789012',
    });
    expect(credential).toMatchObject({
      issuedTokenType: 'urn:carnet:token-type:aws-credentials',
      tokenType: 'N_A',
      expiresAt: Date.parse('2026-11-22T09:30:00Z') / 1000,
      id: document.AccessKeyId,
      upstreamRequestId: sts.calls[0]?.requestId,
    });
    expect(JSON.stringify(credential)).not.toContain(document.SecretAccessKey);
  });

  test('come with what AWS says of the session, as far as it is legible', async () => {
    const said = {
      assumedRoleArn: 'arn:aws:sts::123456789012:assumed-role/pay/payments.reporter',
      assumedRoleId: expect.stringMatching(/^AROA.*:payments\.reporter$/),
      subject: 'mapping:payments-reports',
      audience: 'sts.amazonaws.com',
      sourceIdentity: 'payments.reporter',
    };
    expect((await issue()).roleSession).toEqual({
      ...said,
      provider: expect.stringMatching(/^arn:aws:iam::123456789012:oidc-provider\//),
    });
    sts.fail({ kind: 'answer', change: (answer) => ({ ...answer, Provider: 'not legible' }) });
    expect((await issue()).roleSession).toEqual(said);
  });

  test('are asked for with exactly what the grant says, unsigned, in one call', async () => {
    await issue();
    expect(sts.calls).toHaveLength(1);
    expect(sts.calls[0]).toMatchObject({
      method: 'POST',
      path: '/',
      parameters: {
        Action: 'AssumeRoleWithWebIdentity',
        Version: '2011-06-15',
        RoleArn: ROLE,
        RoleSessionName: 'payments.reporter',
        DurationSeconds: '1800',
      },
      claims: { sub: 'mapping:payments-reports', 'https://aws.amazon.com/roles': [ROLE] },
      outcome: 'answered',
    });
    const { headers } = sts.calls[0] ?? {};
    expect(headers).not.toHaveProperty('authorization');
    expect(headers?.['user-agent']).toBe('carnet');
  });

  test('end when AWS says, where that is earlier than asked (S4)', async () => {
    const Expiration = '2026-11-22T09:20:00Z';
    sts.fail({ kind: 'answer', change: (a) => ({ ...a, Credentials: { ...a.Credentials, Expiration } }) });
    const credential = await issue();
    expect(credential.expiresAt).toBe(Date.parse(Expiration) / 1000);
    expect(JSON.parse(credential.accessToken.reveal()).Expiration).toBe(Expiration);
  });

  test('never say they outlive the grant, where the clock of AWS is a little ahead', async () => {
    const Expiration = '2026-11-22T09:34:59Z';
    sts.fail({ kind: 'answer', change: (a) => ({ ...a, Credentials: { ...a.Credentials, Expiration } }) });
    expect((await issue()).expiresAt).toBe(Date.parse('2026-11-22T09:30:00Z') / 1000);
  });
});

describe('deliver: assertion', () => {
  test('hands out the signed assertion for 60 seconds and calls nobody', async () => {
    const credential = await issue({ deliver: 'assertion', issuedTokenType: 'urn:ietf:params:oauth:token-type:jwt' });
    const issuedAt = clock.now() / 1000;
    expect(credential).toMatchObject({
      issuedTokenType: 'urn:ietf:params:oauth:token-type:jwt',
      tokenType: 'N_A',
      expiresAt: issuedAt + 60,
      id: 'jti-1',
    });
    expect(decodeJwt(credential.accessToken.reveal())).toMatchObject({
      iss: issuer.url,
      exp: issuedAt + 60,
      jti: 'jti-1',
      'https://aws.amazon.com/roles': [ROLE],
    });
    expect(sts.calls).toHaveLength(0);
  });
});

describe('a refusal by AWS', () => {
  test.each([
    ['AccessDenied', 403],
    ['InvalidIdentityToken', 400],
    ['IDPRejectedClaim', 403],
    ['RegionDisabled', 403],
    ['ValidationError', 400],
  ])('%s, in both spellings, is target_denied for missing trust', async (code, status) => {
    for (const spelling of [code, `${code}Exception`]) {
      const error = await failWith({ kind: 'error', code: spelling, status });
      expect(error).toMatchObject({ key: 'target_denied', reason: 'cloud_trust_missing', status: 400 });
      expect(error.detail).toBe(`STS: ${code}, HTTP ${status}`);
    }
  });

  test('by a role that trusts somebody else is target_denied, through every step for real', async () => {
    await sts.close();
    sts = await startSts({ subjects: ['mapping:other'] });
    const out = createOutbound({ allowOrigins: [sts.url], allowLoopbackHttp: true, metrics: createMetrics(), clock });
    expect(await refusalOf(issue({}, { outbound: out }))).toMatchObject({
      key: 'target_denied',
      reason: 'cloud_trust_missing',
    });
    expect(sts.calls[0]?.outcome).toBe('AccessDenied');
    await out.close();
  });

  test('of a longer session than the role allows is target_denied', async () => {
    const error = await refusalOf(issue({ ttlSeconds: 7200 }));
    expect(error).toMatchObject({ key: 'target_denied', detail: 'STS: ValidationError, HTTP 400' });
  });

  test.each(['MalformedPolicyDocument', 'MissingParameter', 'InvalidAction'])(
    '%s is our own fault, in both spellings, and no advice to the caller',
    async (code) => {
      for (const spelling of [code, `${code}Exception`]) {
        const error = await failWith({ kind: 'error', code: spelling, status: 400 });
        expect(error).toMatchObject({ key: 'internal', status: 500 });
      }
    },
  );

  test("a policy that AWS does not take is the caller's fault where it is the caller's own, and ours or the mapping's where it is of intents", async () => {
    const policy = '{"Version":"2012-10-17","Statement":[{}]}';
    for (const code of ['MalformedPolicyDocument', 'PackedPolicyTooLarge']) {
      sts.fail({ kind: 'error', code, status: 400 });
      expect(await refusalOf(issue({ policy }))).toMatchObject({ key: 'target_denied', failure: 'denied' });
      sts.fail({ kind: 'error', code, status: 400 });
      expect(await refusalOf(issue({ policy, enforcedBy: ['session-policy'] }))).toMatchObject(
        code === 'PackedPolicyTooLarge' ? { key: 'target_denied', failure: 'too_narrow' } : { key: 'internal' },
      );
    }
    sts.fail({ kind: 'error', code: 'MissingParameter', status: 400 });
    expect(await refusalOf(issue({ policy }))).toMatchObject({ key: 'internal' });
  });
});

describe('AWS down or busy', () => {
  test.each([
    ['Throttling', 400],
    ['ThrottlingException', 400],
    ['RequestLimitExceeded', 503],
    ['TooManyRequestsException', 429],
    ['SlowDown', 503],
    ['InternalFailure', 500],
    ['InternalError', 500],
    ['ServiceUnavailable', 503],
    ['ExpiredToken', 400],
    ['ExpiredTokenException', 400],
    ['AccessDenied', 500],
    ['InvalidIdentityToken', 503],
    ['AccessDenied', 429],
    ['SomethingNew', 400],
    ['constructor', 400],
    ['__proto__', 403],
  ])('%s with HTTP %i is a 503 with Retry-After, never a 400', async (code, status) => {
    const error = await failWith({ kind: 'error', code, status });
    expect(error).toMatchObject({ key: 'target_unavailable', status: 503 });
    expect(error.retryAfterSeconds).toBeGreaterThan(0);
    expect(error.reason).toBeUndefined();
    expect(error.detail).not.toMatch(/SomethingNew|constructor|__proto__|fault of the double/);
    expect(sts.calls).toHaveLength(1);
  });

  test('throttling asks for a longer wait than an outage', async () => {
    const throttled = await failWith({ kind: 'error', code: 'Throttling', status: 400 });
    const down = await failWith({ kind: 'error', code: 'InternalFailure', status: 500 });
    expect(throttled.retryAfterSeconds).toBeGreaterThan(down.retryAfterSeconds ?? 0);
  });

  test.each([
    ['no body', 200, ''],
    ['half an answer', 200, '<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>'],
    ['an answer to something else', 200, '<GetCallerIdentityResponse/>'],
    ['JSON', 200, '{"Credentials":{}}'],
    ['a page of a proxy', 502, '<html><body>Bad Gateway</body></html>'],
    ['a login page', 200, '<!DOCTYPE html><html><input></html>'],
    ['a page of a firewall', 403, '<html><body>blocked by policy 17</body></html>'],
    ['an error without a code', 400, '<ErrorResponse><Error><Type>Sender</Type></Error></ErrorResponse>'],
    ['text', 403, 'AccessDenied'],
  ])('%s is a 503 (HTTP %i)', async (_case, status, body) => {
    const error = await failWith({ kind: 'raw', status, body });
    expect(error).toMatchObject({ key: 'target_unavailable', status: 503 });
    expect(error.detail).not.toContain('policy 17');
  });

  test('an answer of more than 64 KiB is a 503', async () => {
    const error = await failWith({ kind: 'raw', status: 200, body: `<a>${'x'.repeat(70_000)}</a>` });
    expect(error).toMatchObject({
      key: 'target_unavailable',
      detail: expect.stringMatching(/^STS: too_large: 127.0.0.1:/),
    });
  });

  test('silence ends at the deadline and is a 503', async () => {
    sts.fail({ kind: 'hang' });
    const error = await refusalOf(issue({}, { timeoutMs: 100 }));
    expect(error).toMatchObject({
      key: 'target_unavailable',
      detail: expect.stringMatching(/^STS: timeout: 127.0.0.1:/),
    });
  });

  test('a closed port is a 503, and so is an endpoint that the guard blocks', async () => {
    const gone = sts.url;
    await sts.close();
    expect(await refusalOf(issue({}, { stsEndpoint: gone }))).toMatchObject({
      key: 'target_unavailable',
      detail: expect.stringMatching(/^STS: unreachable: 127.0.0.1:/),
    });
    expect(await refusalOf(issue({}, { stsEndpoint: 'https://127.0.0.1:9' }))).toMatchObject({
      key: 'target_unavailable',
      detail: expect.stringMatching(/^STS: blocked: 127.0.0.1:/),
    });
  });

  test('a redirect is not followed, and is a 503', async () => {
    const error = await failWith({ kind: 'raw', status: 307, body: '' });
    expect(error).toMatchObject({
      key: 'target_unavailable',
      detail: expect.stringMatching(/^STS: redirect: 127.0.0.1:/),
    });
    expect(sts.calls).toHaveLength(1);
  });

  test('keys that AWS could not fetch are tried for once more, in both spellings', async () => {
    for (const code of ['IDPCommunicationError', 'IDPCommunicationErrorException']) {
      sts.fail({ kind: 'error', code, status: 400 });
      expect((await issue()).id).toMatch(/^ASIA/);
    }
    expect(sts.calls.map(({ outcome }) => outcome)).toEqual([
      'IDPCommunicationError',
      'answered',
      'IDPCommunicationErrorException',
      'answered',
    ]);
    expect(issuer.signed).toHaveLength(2);
  });

  test('an assertion whose key AWS does not have is a 503 after a second try, while the same code for other reasons is a refusal', async () => {
    issuer.keys = [];
    expect(await refusalOf(issue())).toMatchObject({
      key: 'target_unavailable',
      failure: 'transient',
      detail: 'STS: InvalidIdentityToken, HTTP 400; it cannot get at our keys',
    });
    expect(sts.calls.map(({ outcome }) => outcome)).toEqual(['InvalidIdentityToken', 'InvalidIdentityToken']);
    issuer.reset();
    const elsewhere = 'arn:aws:iam::123456789012:role/other';
    expect(await refusalOf(issue({ roleArn: elsewhere, targetId: elsewhere }))).toMatchObject({ key: 'target_denied' });
    expect(sts.calls).toHaveLength(3);
  });

  test('keys that AWS cannot fetch twice are a 503', async () => {
    const fault = { kind: 'error', code: 'IDPCommunicationError', status: 400 } as const;
    expect(await failWith(fault, fault)).toMatchObject({ key: 'target_unavailable' });
    expect(sts.calls).toHaveLength(2);
  });

  test('keys that AWS cannot fetch for long are tried for again by a tenth of the calls only', async () => {
    const target = createAwsTarget({ ...quiet, authority: issuer, outbound, clock, stsEndpoint: sts.url });
    const issuance = { id: 'jti-1', issuedAt: Math.floor(clock.now() / 1000), traceId: 'trace' };
    const fault = { kind: 'error', code: 'IDPCommunicationError', status: 400 } as const;
    sts.fail(...Array.from({ length: 100 }, () => fault));
    for (let call = 0; call < 40; call += 1) {
      expect(await refusalOf(target.issue(grant, identity, issuance))).toMatchObject({ key: 'target_unavailable' });
    }
    expect(sts.calls.length).toBeLessThanOrEqual(40 + 10 + 4);
    expect(sts.calls.length).toBeGreaterThan(40 + 10);
  });
});

describe('an answer that is not what was asked for', () => {
  type Change = (answer: StsAnswer) => StsAnswer;
  const credentials =
    (change: object): Change =>
    (answer) => ({ ...answer, Credentials: { ...answer.Credentials, ...change } });
  const arn =
    (text: string): Change =>
    (answer) => ({ ...answer, AssumedRoleUser: { ...answer.AssumedRoleUser, Arn: text } });
  const cases: readonly (readonly [string, Change])[] = [
    ['another role', arn('arn:aws:sts::123456789012:assumed-role/admin/payments.reporter')],
    ['another account', arn('arn:aws:sts::210987654321:assumed-role/pay/payments.reporter')],
    ['another session', arn('arn:aws:sts::123456789012:assumed-role/pay/somebody')],
    ['another partition', arn('arn:aws-cn:sts::123456789012:assumed-role/pay/payments.reporter')],
    ['the path of the role too', arn('arn:aws:sts::123456789012:assumed-role/team/pay/payments.reporter')],
    ['no role', arn('')],
    ['another subject', (answer) => ({ ...answer, SubjectFromWebIdentityToken: 'mapping:other' })],
    ['another audience', (answer) => ({ ...answer, Audience: 'sts.example.org' })],
    ['another source identity', (answer) => ({ ...answer, SourceIdentity: 'root' })],
    ['no key id', credentials({ AccessKeyId: '' })],
    ['no secret', credentials({ SecretAccessKey: undefined })],
    ['no session token', credentials({ SessionToken: undefined })],
    ['a line break in the token', credentials({ SessionToken: 'a\nb' })],
    ['an end that is past', credentials({ Expiration: '2026-11-22T09:00:00Z' })],
    ['no end', credentials({ Expiration: undefined })],
    ['an end that is no date', credentials({ Expiration: 'soon' })],
    ['a far longer session', credentials({ Expiration: '2026-11-22T09:35:01Z' })],
  ];

  test.each(cases)('is refused as a 503: %s', async (_case, change) => {
    expect(await failWith({ kind: 'answer', change })).toMatchObject({ key: 'target_unavailable', status: 503 });
  });

  test('is told from one that leaves out what AWS may leave out', async () => {
    const fewer = ({ SourceIdentity: _left, ...answer }: StsAnswer): StsAnswer => answer;
    sts.fail({ kind: 'answer', change: fewer });
    expect((await issue()).id).toMatch(/^ASIA/);
  });
});

describe('the regional endpoint', () => {
  test.each([
    ['arn:aws:iam::123456789012:role/pay', 'eu-west-1'],
    ['arn:aws:iam::123456789012:role/pay', 'us-east-1'],
    ['arn:aws-cn:iam::123456789012:role/pay', 'cn-north-1'],
    ['arn:aws-us-gov:iam::123456789012:role/pay', 'us-gov-west-1'],
    ['arn:aws-eusc:iam::123456789012:role/pay', 'eusc-de-east-1'],
    ['arn:aws-iso:iam::123456789012:role/pay', 'us-iso-east-1'],
    ['arn:aws-iso-b:iam::123456789012:role/pay', 'us-isob-east-1'],
    ['arn:aws-iso-e:iam::123456789012:role/pay', 'eu-isoe-west-1'],
    ['arn:aws-iso-f:iam::123456789012:role/pay', 'us-isof-south-1'],
  ])('for %s in %s is what the SDK itself would resolve', (arn, region) => {
    const client = new STSClient({ region });
    const expected = client.config.endpointProvider({ Region: region, UseGlobalEndpoint: false });
    expect(`${regionalEndpoint(readRoleArn(arn), region)}/`).toBe(expected.url.href);
    client.destroy();
  });

  test('for a partition that nobody knows is an error, not a guess', () => {
    expect(() => regionalEndpoint(readRoleArn('arn:aws-moon:iam::123456789012:role/pay'), 'mo-on-1')).toThrow(
      TypeError,
    );
  });

  test('needs the ARN of a role', () => {
    for (const arn of ['', 'arn:aws:iam::12:role/a', 'arn:aws:iam::123456789012:user/a', `${ROLE}/`]) {
      expect(() => readRoleArn(arn), arn).toThrow(TypeError);
    }
    expect(readRoleArn(ROLE)).toEqual({ partition: 'aws', account: '123456789012', roleName: 'pay' });
  });
});
