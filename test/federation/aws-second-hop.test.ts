import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AwsGrant } from '../../src/core/decision.ts';
import { type AwsTargetDeps, createAwsTarget } from '../../src/federation/aws/aws-target.ts';
import { createOutbound } from '../../src/outbound/guarded-outbound.ts';
import type { Outbound, OutboundRequest } from '../../src/outbound/outbound.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { AwsSts, type StsFault } from '../fakes/aws-sts.ts';
import type { AwsRole, ChainedRole } from '../fakes/aws-sts-roles.ts';
import type { ChainedAnswer } from '../fakes/aws-sts-wire.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { grant, identity, ROLE, refusalOf, trusting } from './aws-setup.ts';
import { CloudIssuer } from './cloud-issuer.ts';

const SECOND = 'arn:aws:iam::210987654321:role/data/reports';
const POLICY =
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/p*"}]}';
const POLICY_ARNS = ['arn:aws:iam::aws:policy/ReadOnlyAccess', 'arn:aws:iam::210987654321:policy/narrow'];
const chained: AwsGrant = { ...grant, secondHop: { roleArn: SECOND, externalId: 'shared' } };

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
  await startSts();
});
afterEach(async () => {
  await sts.close();
  await outbound.close();
});

async function startSts(second: Partial<ChainedRole> = {}, first: Partial<AwsRole> = {}): Promise<void> {
  sts = await AwsSts.start({
    clock,
    providers: [{ url: issuer.url, clientIds: ['sts.amazonaws.com'] }],
    roles: [trusting(issuer.url, first)],
    chainedRoles: [{ arn: SECOND, principals: [ROLE], externalId: 'shared', ...second }],
  });
  outbound = createOutbound({ allowOrigins: [sts.url], allowLoopbackHttp: true, metrics: createMetrics(), clock });
}

async function restart(second: Partial<ChainedRole>, first: Partial<AwsRole> = {}): Promise<void> {
  await sts.close();
  await outbound.close();
  await startSts(second, first);
}

const quiet = { log: { warn: () => undefined }, metrics: createMetrics() };

function issue(change: Partial<AwsGrant> = {}, deps: Partial<AwsTargetDeps> = {}) {
  const target = createAwsTarget({ ...quiet, authority: issuer, outbound, clock, stsEndpoint: sts.url, ...deps });
  const issuance = { id: 'jti-1', issuedAt: Math.floor(clock.now() / 1000), traceId: 'trace' };
  return target.issue({ ...chained, ...change }, identity, issuance);
}

describe('a second hop', () => {
  test('gives the session of the second role, and nothing of the first leaves the target', async () => {
    const credential = await issue({ policy: POLICY });
    const document = JSON.parse(credential.accessToken.reveal());
    const [first, second] = sts.sessions.all();
    expect(document).toEqual({
      Version: 1,
      AccessKeyId: second?.accessKeyId,
      SecretAccessKey: second?.secretAccessKey,
      SessionToken: second?.sessionToken,
      Expiration: '2026-11-22T09:30:00Z',
      AccountId: '210987654321',
    });
    expect(credential).toMatchObject({ id: second?.accessKeyId, upstreamRequestId: sts.calls[1]?.requestId });
    const all = JSON.stringify([credential, document]);
    for (const secret of [first?.accessKeyId, first?.secretAccessKey, first?.sessionToken]) {
      expect(all).not.toContain(secret);
    }
  });

  test('is one call signed by the first session alone, under the same name, with the external id', async () => {
    await issue();
    expect(sts.calls.map(({ outcome }) => outcome)).toEqual(['answered', 'answered']);
    expect(sts.calls[1]?.parameters).toEqual({
      Action: 'AssumeRole',
      Version: '2011-06-15',
      RoleArn: SECOND,
      RoleSessionName: 'payments.reporter',
      DurationSeconds: '1800',
      ExternalId: 'shared',
    });
    const { authorization, 'user-agent': agent, ...headers } = sts.calls[1]?.headers ?? {};
    expect(authorization).toContain(`Credential=${sts.sessions.all()[0]?.accessKeyId}/`);
    expect(agent).toBe('carnet');
    expect(Object.keys(headers).filter((name) => name.startsWith('x-') || name.startsWith('amz'))).toEqual([
      'x-amz-date',
      'x-amz-security-token',
    ]);
  });

  test('takes the transitive tags and the source identity along, and not the mapping’s own tags', async () => {
    await issue();
    const second = sts.sessions.all()[1];
    expect(Object.fromEntries(second?.tags ?? [])).toEqual({ 'carnet:issuer': 'prod', 'carnet:namespace': 'payments' });
    expect(second?.sourceIdentity).toBe('payments.reporter');
  });

  test('carries the narrowing, while the first session may do nothing but that hop for 15 minutes', async () => {
    await issue({ policy: POLICY, policyArns: POLICY_ARNS });
    const [first, second] = sts.calls.map(({ parameters }) => parameters);
    expect(second).toMatchObject({
      Policy: POLICY,
      'PolicyArns.member.1.arn': POLICY_ARNS[0],
      'PolicyArns.member.2.arn': POLICY_ARNS[1],
    });
    expect(JSON.parse(first?.['Policy'] ?? '')).toEqual({
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Action: ['sts:AssumeRole', 'sts:SetSourceIdentity', 'sts:TagSession'], Resource: SECOND },
      ],
    });
    expect(first).not.toHaveProperty(['PolicyArns.member.1.arn']);
    expect(first?.['DurationSeconds']).toBe('900');
  });

  test('lives for an hour at most, whatever the grant says: AWS gives a chained session no more', async () => {
    await restart({ maxSessionSeconds: 43_200 });
    const credential = await issue({ ttlSeconds: 7200 });
    expect(sts.calls[1]?.parameters['DurationSeconds']).toBe('3600');
    expect(credential.expiresAt).toBe(clock.now() / 1000 + 3600);
  });

  test('leaves one hop as it is: no second call, the narrowing with the first', async () => {
    const { secondHop: _none, ...single } = { ...grant, policy: POLICY, policyArns: POLICY_ARNS };
    const target = createAwsTarget({ ...quiet, authority: issuer, outbound, clock, stsEndpoint: sts.url });
    await target.issue(single, identity, { id: 'jti-1', issuedAt: clock.now() / 1000, traceId: 't' });
    expect(sts.calls).toHaveLength(1);
    expect(sts.calls[0]?.parameters).toMatchObject({
      Policy: POLICY,
      'PolicyArns.member.1.arn': POLICY_ARNS[0],
      'PolicyArns.member.2.arn': POLICY_ARNS[1],
      DurationSeconds: '1800',
    });
  });
});

describe('a second hop in another partition', () => {
  test.each([
    ['aws-cn', 'cn-north-1', 'https://sts.cn-north-1.amazonaws.com.cn/'],
    ['aws-us-gov', 'us-gov-west-1', 'https://sts.us-gov-west-1.amazonaws.com/'],
  ])('of %s calls %s twice and signs for that region and host', async (partition, region, url) => {
    const inPartition = (arn: string) => arn.replace('arn:aws:', `arn:${partition}:`);
    const [roleArn, second] = [inPartition(ROLE), inPartition(SECOND)];
    await restart({ arn: second, principals: [roleArn] }, { arn: roleArn });
    const seen: OutboundRequest[] = [];
    const toDouble: Outbound = {
      request: (request) => {
        seen.push(request);
        return outbound.request({ ...request, url: sts.url });
      },
      close: async () => undefined,
    };
    const target = createAwsTarget({ ...quiet, authority: issuer, outbound: toDouble, clock });
    const regional = { ...chained, roleArn, region, secondHop: { roleArn: second, externalId: 'shared' } };
    const issuance = { id: 'jti-1', issuedAt: clock.now() / 1000, traceId: 't' };
    // The double is another host than the one that was signed for.
    expect(await refusalOf(target.issue(regional, identity, issuance))).toMatchObject({
      detail: 'STS, second hop: SignatureDoesNotMatch, HTTP 403',
    });
    expect(seen.map((request) => request.url)).toEqual([url, url]);
    expect(seen[1]?.headers?.['authorization']).toContain(`/${region}/sts/aws4_request`);
    expect(issuer.signed.at(-1)).toMatchObject({ aud: 'sts.amazonaws.com' });
  });
});

describe('a second hop that fails', () => {
  test.each([
    ['trusts another role', { principals: ['arn:aws:iam::123456789012:role/other'] }],
    ['wants another external id', { externalId: 'other' }],
    ['does not allow sts:TagSession', { allowTagSession: false }],
    ['does not allow sts:SetSourceIdentity', { allowSetSourceIdentity: false }],
    ['is not there', { arn: `${SECOND}2` }],
  ])('where the second role %s, it is target_denied for missing trust', async (_case, second) => {
    await restart(second);
    expect(await refusalOf(issue())).toMatchObject({
      key: 'target_denied',
      reason: 'cloud_trust_missing',
      detail: 'STS, second hop: AccessDenied, HTTP 403',
    });
    expect(sts.calls).toHaveLength(2);
  });

  test('without an external id, where the role wants one, is target_denied', async () => {
    expect(await refusalOf(issue({ secondHop: { roleArn: SECOND } }))).toMatchObject({ key: 'target_denied' });
  });

  test.each<[string, StsFault, string]>([
    ['Throttling', { kind: 'error', code: 'Throttling', status: 400 }, 'STS, second hop: Throttling, HTTP 400'],
    [
      'a session that not all of AWS knows yet',
      { kind: 'error', code: 'InvalidClientTokenId', status: 403 },
      'STS, second hop: InvalidClientTokenId, HTTP 403',
    ],
    [
      'a clock that is off',
      { kind: 'error', code: 'SignatureDoesNotMatch', status: 403 },
      'STS, second hop: SignatureDoesNotMatch, HTTP 403',
    ],
    ['a page of a proxy', { kind: 'raw', status: 502, body: '<html/>' }, 'STS, second hop: unknown code'],
  ])('for %s is a 503, and the first session is no credential', async (_case, fault, detail) => {
    sts.fail({ kind: 'none' }, fault);
    const error = await refusalOf(issue());
    expect(error).toMatchObject({ key: 'target_unavailable', status: 503 });
    expect(error.detail).toContain(detail);
    expect(error.retryAfterSeconds).toBeGreaterThan(0);
  });

  test('is a 503 when both calls together take longer than the deadline', async () => {
    sts.fail({ kind: 'none' }, { kind: 'hang' });
    const error = await refusalOf(issue({}, { timeoutMs: 3_000 }));
    expect(error).toMatchObject({
      key: 'target_unavailable',
      detail: expect.stringMatching(/^STS, second hop: timeout: 127.0.0.1:/),
    });
  });

  test('has no more time than the first call left of the one deadline', async () => {
    const timeouts: number[] = [];
    const slow: Outbound = {
      request: async (request) => {
        timeouts.push(request.timeoutMs ?? 0);
        const answer = await outbound.request(request);
        clock.advance(3_000);
        return answer;
      },
      close: async () => undefined,
    };
    await issue({}, { outbound: slow });
    expect(timeouts).toEqual([5_000, 2_000]);
  });

  const arn = (Arn: string) => (answer: ChainedAnswer) => ({
    ...answer,
    AssumedRoleUser: { ...answer.AssumedRoleUser, Arn },
  });
  test.each<[string, (answer: ChainedAnswer) => ChainedAnswer]>([
    ['the first role', arn('arn:aws:sts::123456789012:assumed-role/pay/payments.reporter')],
    [
      'the role of that name in the first account',
      arn('arn:aws:sts::123456789012:assumed-role/reports/payments.reporter'),
    ],
    ['another session', arn('arn:aws:sts::210987654321:assumed-role/reports/somebody')],
    ['another source identity', (answer) => ({ ...answer, SourceIdentity: 'root' })],
    [
      'a session far longer than asked for',
      (answer) => ({ ...answer, Credentials: { ...answer.Credentials, Expiration: '2026-11-22T10:00:00Z' } }),
    ],
  ])('for an answer that speaks of %s is a 503', async (_case, change) => {
    sts.fail({ kind: 'none' }, { kind: 'chained', change });
    expect(await refusalOf(issue())).toMatchObject({ key: 'target_unavailable', status: 503 });
  });

  test('never follows a first session that is not the granted one', async () => {
    const Arn = 'arn:aws:sts::123456789012:assumed-role/admin/payments.reporter';
    sts.fail({ kind: 'answer', change: (a) => ({ ...a, AssumedRoleUser: { ...a.AssumedRoleUser, Arn } }) });
    expect(await refusalOf(issue())).toMatchObject({ key: 'target_unavailable' });
    expect(sts.calls).toHaveLength(1);
  });
});
