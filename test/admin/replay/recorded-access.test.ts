import { describe, expect, test } from 'vitest';
import { ReplayTally } from '../../../src/admin/replay/replay-tally.ts';
import { whatCounts } from '../../../src/admin/replay/what-counts.ts';
import type { AuditRecord, RecordedGrant } from '../../../src/audit/record.ts';
import { decide } from '../../../src/policy/decide.ts';
import type { Document } from '../../../src/resources/document.ts';
import { event, readBack, toBody } from '../../audit/audit-records.ts';
import { ask, cluster, guardrail, NOW, snapshotOf, svidMapping, workload } from '../../support/policy-builders.ts';

const PROD = cluster('prod-eu');
const ACCESS = { access: { justInTime: { approvals: 1, approvers: ['leads'], maxDuration: '1h' } } };
const REPAIR = svidMapping('repair', ACCESS);

/** The name of the one request that a workload would have to have approved. */
function requestName(mapping = REPAIR): string {
  const decision = decide(snapshotOf(PROD, mapping), workload(), ask('ledger'), NOW);
  return (decision.outcome === 'refused' && decision.awaiting?.request) || '';
}

function allowed(access: unknown, at = NOW): AuditRecord {
  const body = toBody(event('allowed', 'trace', workload(), { addresses: ['ledger'] }));
  const grant = { target: 'ledger', ttl: 300, kind: 'jwtSvid', access } as RecordedGrant;
  return readBack({ ...body, mapping: 'repair', grant, decider: 'policy/4' }, at);
}

function replayed(before: readonly Document[], after: readonly Document[], records: readonly AuditRecord[]) {
  const tally = new ReplayTally(snapshotOf(...before), snapshotOf(...after), whatCounts([...before, ...after]));
  for (const record of records) tally.add(record);
  return tally.result();
}

const until = NOW + 600_000;

describe('a replay of requests that were allowed for just-in-time access', () => {
  test('finds the access as it stood then, so that an unchanged candidate flips nothing', () => {
    const { candidate, recorded, used } = replayed(
      [PROD, REPAIR],
      [PROD, REPAIR],
      [allowed({ request: requestName(), until }), allowed({ request: requestName(), until, counted: true })],
    );
    expect(candidate).toMatchObject({ same: 2, toRefused: { count: 0 }, changed: { count: 0 } });
    expect(recorded).toMatchObject({ same: 2, toRefused: { count: 0 } });
    expect([...used]).toEqual(['repair']);
  });

  test('sees what a candidate does beside it: standing access asks nobody, a guardrail refuses in spite of it', () => {
    const record = allowed({ request: requestName(), until });
    const stopped = replayed([PROD, REPAIR], [PROD, REPAIR, guardrail('night', { deny: 'true' })], [record]);
    expect(stopped.candidate.toRefused.groups).toMatchObject([{ label: { before: 'repair', reason: 'guardrail' } }]);
    expect(replayed([PROD, REPAIR], [PROD, svidMapping('repair')], [record]).candidate.toRefused.count).toBe(0);
  });

  test('lets break-glass access pass a guardrail that says so, and other access not', () => {
    const night = guardrail('night', { deny: 'true', breakGlass: true });
    const both = [PROD, REPAIR, night];
    const glass = allowed({ request: requestName(), until, breakGlass: true });
    expect(replayed(both, both, [glass]).recorded.toRefused.count).toBe(0);
    expect(replayed(both, both, [allowed({ request: requestName(), until })]).recorded.toRefused.count).toBe(1);
  });

  test('refuses where the candidate changes the mapping, by which what was approved is void', () => {
    const longer = svidMapping('repair', { ...ACCESS, ttl: { max: '10m' } });
    const { candidate } = replayed([PROD, REPAIR], [PROD, longer], [allowed({ request: requestName(), until })]);
    expect(candidate.toRefused.groups).toMatchObject([{ count: 1, label: { reason: 'awaiting_approval' } }]);
  });

  test.each([
    ['none', undefined],
    ['that of another request', { request: 'ar-00000000000000000000000000000000', until }],
    ['one that had ended', { request: requestName(), until: NOW }],
    ['one that cannot be read', { request: requestName(), until: 'tomorrow' }],
  ])('gives no access for %s on record', (_, access) => {
    const { recorded } = replayed([PROD, REPAIR], [PROD, REPAIR], [allowed(access)]);
    expect(recorded.toRefused.groups).toMatchObject([{ label: { reason: 'awaiting_approval' } }]);
  });

  test('caps by what was left of each access, also where all else is the same', () => {
    const shorter = [300_000, 10_000].map((left) => allowed({ request: requestName(), until: NOW + left }));
    const { candidate } = replayed([PROD, REPAIR], [PROD, svidMapping('repair')], shorter);
    expect(candidate.changed.groups.flatMap(({ label }) => label.differs)).toContain('ttl longer');
  });
});
