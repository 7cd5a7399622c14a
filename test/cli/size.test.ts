import { describe, expect, test } from 'vitest';
import { run } from '../../src/cli/program.ts';
import { COSTS, QUOTAS } from '../../src/cli/size-costs.ts';
import { planFor, quotaUse } from '../../src/cli/size-plan.ts';
import { fc } from '../support/properties.ts';
import { FakeSurroundings } from './fake-surroundings.ts';

async function size(...args: readonly string[]) {
  const around = new FakeSurroundings();
  const exitCode = await run(['size', ...args], around);
  return { exitCode, out: around.stdout, err: around.stderr };
}

const HOUR = 3600;
const demand = { pods: 90_000, ttlSeconds: HOUR, coresPerReplica: 1 };

describe('the plan for a fleet', () => {
  test('renews AWS credentials 15 minutes before their end, so that an hour gives 45 minutes', () => {
    const { refreshSeconds, exchangesPerSecond } = planFor('aws', demand);
    expect(refreshSeconds).toBe(2700);
    expect(exchangesPerSecond).toBeCloseTo(90_000 / 2700, 10);
  });

  test('never reckons with AWS credentials that are renewed before half of their life', () => {
    expect(planFor('aws', { ...demand, ttlSeconds: 900 }).refreshSeconds).toBe(450);
    expect(planFor('aws', { ...demand, ttlSeconds: 1800 }).refreshSeconds).toBe(900);
    expect(planFor('aws', { ...demand, ttlSeconds: 1801 }).refreshSeconds).toBe(901);
  });

  test('renews SVIDs at half of their life, however long it is', () => {
    expect(planFor('jwt-svid', demand).refreshSeconds).toBe(1800);
    expect(planFor('jwt-svid', { ...demand, ttlSeconds: 300 }).refreshSeconds).toBe(150);
  });

  test('asks a cloud once for each exchange of AWS credentials, and never for an SVID', () => {
    const aws = planFor('aws', demand);
    expect(aws.cloudCallsPerSecond).toBe(aws.exchangesPerSecond);
    expect(planFor('jwt-svid', demand).cloudCallsPerSecond).toBe(0);
  });

  test('has two replicas for the smallest fleet', () => {
    expect(planFor('jwt-svid', { pods: 1, ttlSeconds: HOUR, coresPerReplica: 1 }).replicas).toBe(2);
  });

  test('keeps each replica half idle, and one pod more than that needs another replica', () => {
    const perReplica = 0.5 / COSTS.exchangeCpuSeconds;
    const ttlSeconds = 300;
    const full = Math.floor(3 * perReplica * 150);
    expect(planFor('jwt-svid', { pods: full, ttlSeconds, coresPerReplica: 1 }).replicas).toBe(3);
    expect(planFor('jwt-svid', { pods: full + 150, ttlSeconds, coresPerReplica: 1 }).replicas).toBe(4);
  });

  test('needs twice the replicas at half a core each, and no fewer at four cores than at one', () => {
    const large = { pods: 1_000_000, ttlSeconds: 300 };
    const at = (coresPerReplica: number) => planFor('jwt-svid', { ...large, coresPerReplica }).replicas;
    expect(at(0.5)).toBeGreaterThanOrEqual(2 * at(1) - 1);
    expect(at(4)).toBe(at(1));
  });

  test('counts the signature for a cloud', () => {
    const at = (use: 'aws' | 'jwt-svid') => planFor(use, { pods: 1000, ttlSeconds: HOUR, coresPerReplica: 1 });
    const { exchangeCpuSeconds, cloudAssertionCpuSeconds } = COSTS;
    expect(at('jwt-svid').rolloutSeconds).toBeCloseTo((1000 * exchangeCpuSeconds) / 2, 10);
    expect(at('aws').rolloutSeconds).toBeCloseTo((1000 * (exchangeCpuSeconds + cloudAssertionCpuSeconds)) / 2, 10);
  });

  test('keeps the audit records of 30 days', () => {
    const { auditBytesPerMonth, exchangesPerSecond } = planFor('jwt-svid', demand);
    expect(auditBytesPerMonth).toBe(exchangesPerSecond * 2_592_000 * COSTS.auditBytesPerExchange);
  });

  test('never asks for fewer replicas when there are more pods', () => {
    const pods = fc.integer({ min: 1, max: 10_000_000 });
    fc.assert(
      fc.property(pods, pods, fc.integer({ min: 60, max: 604_800 }), (one, other, ttlSeconds) => {
        const at = (count: number) => planFor('aws', { pods: count, ttlSeconds, coresPerReplica: 1 }).replicas;
        expect(at(Math.min(one, other))).toBeLessThanOrEqual(at(Math.max(one, other)));
      }),
    );
  });
});

describe('the use of a quota', () => {
  test('is the part of it that is wanted', () => {
    const [aws] = QUOTAS;
    if (aws === undefined) throw new Error('there is no quota');
    expect(aws).toMatchObject({ cloud: 'aws', callsPerSecond: 600 });
    expect(quotaUse(aws, 900).share).toBe(1.5);
  });

  test('stays unknown where the quota is unknown', () => {
    const unknown = QUOTAS.find(({ callsPerSecond }) => callsPerSecond === undefined);
    if (unknown === undefined) throw new Error('every quota is known');
    expect(quotaUse(unknown, 900)).not.toHaveProperty('share');
  });

  test('names the source and the date of every figure', () => {
    for (const { callsPerSecond, source, asOf } of QUOTAS) {
      expect(asOf).toMatch(/^\d{4}-\d{2}-\d{2}$/);
      if (callsPerSecond !== undefined) expect(source).toMatch(/^https:/);
    }
  });
});

describe('carnet size', () => {
  test('prints a table with both uses, the quotas and the date of its costs', async () => {
    const { exitCode, out, err } = await size('--pods', '100000', '--ttl', '1h');
    expect([exitCode, err]).toEqual([0, '']);
    expect(out).toMatch(/^aws +45 min +37 /m);
    expect(out).toMatch(/^jwt-svid +30 min +55\.6 /m);
    expect(out).toMatch(/^azure .* unknown +unknown /m);
    expect(out).toContain(COSTS.measuredOn);
  });

  test('prints JSON with the demand, the plans, the quotas and the costs behind them', async () => {
    const { exitCode, out } = await size('--pods', '600', '--ttl', '15m', '--replicas-cores', '0.5', '-o', 'json');
    const printed = JSON.parse(out);
    expect(exitCode).toBe(0);
    expect(printed.demand).toEqual({ pods: 600, ttlSeconds: 900, coresPerReplica: 0.5 });
    expect(printed.plans.map(({ use }: { use: string }) => use)).toEqual(['aws', 'jwt-svid']);
    expect(printed.quotas).toHaveLength(QUOTAS.length);
    expect(printed.costs).toEqual(COSTS);
  });

  test.each([
    ['no pods', ['--ttl', '1h']],
    ['no life', ['--pods', '10']],
    ['0 pods', ['--pods', '0', '--ttl', '1h']],
    ['half a pod', ['--pods', '0.5', '--ttl', '1h']],
    ['a life without a unit', ['--pods', '10', '--ttl', '3600']],
    ['a life of less than a minute', ['--pods', '10', '--ttl', '59s']],
    ['a life of more than a week', ['--pods', '10', '--ttl', '8d']],
    ['no cores', ['--pods', '10', '--ttl', '1h', '--replicas-cores', '0']],
    ['negative cores', ['--pods', '10', '--ttl', '1h', '--replicas-cores=-1']],
    ['an unknown format', ['--pods', '10', '--ttl', '1h', '-o', 'xml']],
  ])('refuses %s with 2 and prints nothing', async (_, args) => {
    const { exitCode, out, err } = await size(...args);
    expect([exitCode, out]).toEqual([2, '']);
    expect(err).not.toBe('');
  });
});
