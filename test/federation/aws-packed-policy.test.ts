import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { AwsGrant } from '../../src/core/decision.ts';
import { createAwsTarget } from '../../src/federation/aws/aws-target.ts';
import { createOutbound } from '../../src/outbound/guarded-outbound.ts';
import type { Outbound } from '../../src/outbound/outbound.ts';
import type { LogFields } from '../../src/telemetry/logger.ts';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts';
import { AwsSts } from '../fakes/aws-sts.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { grant, identity, refusalOf, trusting } from './aws-setup.ts';
import { CloudIssuer } from './cloud-issuer.ts';

let issuer: CloudIssuer;
let sts: AwsSts;
let outbound: Outbound;
let clock: FakeClock;
let metrics: Metrics;
let warnings: LogFields[];
let issue: (change?: Partial<AwsGrant>) => ReturnType<ReturnType<typeof createAwsTarget>['issue']>;

beforeAll(async () => {
  issuer = await CloudIssuer.start();
});
afterAll(() => issuer.close());
beforeEach(async () => {
  clock = new FakeClock();
  metrics = createMetrics();
  warnings = [];
  sts = await AwsSts.start({
    clock,
    providers: [{ url: issuer.url, clientIds: ['sts.amazonaws.com'] }],
    roles: [trusting(issuer.url, { subjects: ['mapping:payments-reports', 'mapping:other'] })],
  });
  outbound = createOutbound({ allowOrigins: [sts.url], allowLoopbackHttp: true, metrics, clock });
  const log = { warn: (_message: string, fields: LogFields = {}) => warnings.push(fields) };
  const target = createAwsTarget({ authority: issuer, outbound, clock, log, metrics, stsEndpoint: sts.url });
  issue = (change = {}) =>
    target.issue({ ...grant, ...change }, identity, { id: 'jti', issuedAt: clock.now() / 1000, traceId: 't' });
});
afterEach(async () => {
  await sts.close();
  await outbound.close();
});

function answering(PackedPolicySize: unknown): void {
  sts.fail({ kind: 'answer', change: (answer) => ({ ...answer, PackedPolicySize: PackedPolicySize as number }) });
}

async function measured(): Promise<number | undefined> {
  const { values } = await metrics.awsPackedPolicy.get();
  return values.find(({ metricName }) => metricName?.endsWith('_count'))?.value;
}

function policyOf(characters: number): string {
  const frame = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":""}]}';
  return frame.replace('""}', `"${'a'.repeat(characters - frame.length)}"}`);
}

test('the packed size of each session is in the metric and with the credential', async () => {
  answering(31);
  expect((await issue()).packedPolicyPercent).toBe(31);
  expect(await measured()).toBe(1);
  expect(warnings).toEqual([]);
});

test('a longer policy packs larger, as the double counts it', async () => {
  const short = (await issue({ policy: policyOf(200) })).packedPolicyPercent ?? 0;
  const long = (await issue({ policy: policyOf(1200) })).packedPolicyPercent ?? 0;
  expect(long).toBeGreaterThan(short + 30);
});

test.each([[undefined], [-1], [101], [30.5], ['much']])(
  'a packed size of %j is left out, and the session is as good as any',
  async (size) => {
    answering(size);
    const credential = await issue();
    expect(credential.id).toMatch(/^ASIA/);
    expect(credential).not.toHaveProperty('packedPolicyPercent');
    expect(await measured()).toBe(0);
  },
);

test('80 percent is warned of, 79 is not', async () => {
  answering(79);
  await issue();
  expect(warnings).toEqual([]);
  answering(80);
  await issue();
  expect(warnings).toEqual([
    { mapping: 'payments-reports', detail: 'PackedPolicySize 80 %', hint: expect.any(String) },
  ]);
});

test('a mapping is warned of once a minute, another mapping for itself', async () => {
  for (let round = 0; round < 3; round += 1) {
    answering(90);
    await issue();
  }
  answering(90);
  await issue({ mapping: 'other' });
  expect(warnings.map(({ mapping }) => mapping)).toEqual(['payments-reports', 'other']);
  clock.advance(60_000);
  answering(90);
  await issue();
  expect(warnings).toHaveLength(3);
});

test('a policy that AWS finds too large when packed refuses: the mapping says more than AWS can hold to (DESIGN 1, promise 4)', async () => {
  const tags = { ...grant.tags, team: 'x'.repeat(200) };
  const error = await refusalOf(issue({ policy: policyOf(2048), enforcedBy: ['session-policy'], tags }));
  expect(error).toMatchObject({
    key: 'target_denied',
    reason: 'intents_not_enforceable',
    failure: 'too_narrow',
    detail: 'STS: PackedPolicyTooLarge, HTTP 400',
  });
});
