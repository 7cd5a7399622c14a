import { describe, expect, test } from 'vitest';
import { outcomeOf } from '../../../src/admin/replay/outcome.ts';
import { type IsTold, ReplayTally } from '../../../src/admin/replay/replay-tally.ts';
import { whatCounts } from '../../../src/admin/replay/what-counts.ts';
import type { AuditRecord } from '../../../src/audit/record.ts';
import { recordedAsk, recordedIdentity } from '../../../src/audit/recorded-identity.ts';
import type { Ask } from '../../../src/core/decision.ts';
import type { VerifiedIdentity } from '../../../src/core/identity.ts';
import type { Document } from '../../../src/resources/document.ts';
import { event, readBack, requestRecord, toBody } from '../../audit/audit-records.ts';
import {
  ask,
  awsMapping,
  ci,
  ciJob,
  cluster,
  guardrail,
  NOW,
  snapshotOf,
  svidMapping,
  unboundWorkload,
  workload,
} from '../../support/policy-builders.ts';
import { fc } from '../../support/properties.ts';

const HOUR = 3_600_000;

const request = (identity: VerifiedIdentity, asked: Ask, at = NOW) => requestRecord(identity, asked, at);

function replayed(
  before: readonly Document[],
  after: readonly Document[],
  records: readonly AuditRecord[],
  isTold: IsTold = () => true,
) {
  const counts = whatCounts([...before, ...after]);
  const tally = new ReplayTally(snapshotOf(...before), snapshotOf(...after), counts, isTold);
  for (const record of records) tally.add(record);
  return tally.result();
}

function decidingMapping(documents: readonly Document[], record: AuditRecord): string | undefined {
  const [identity, asked] = [recordedIdentity(record), recordedAsk(record)];
  if (!identity.ok || !asked.ok) throw new Error('the record cannot be decided again');
  return outcomeOf(snapshotOf(...documents), identity.value, asked.value, Date.parse(record.at)).mapping;
}

const PROD = cluster('prod-eu');
const GITHUB = ci('github', { spiffePath: '/job/{claims.repository_id}' });

describe('a replay', () => {
  test('decides each request at the time of its record (DESIGN 6)', () => {
    const records = [request(workload(), ask('ledger'), NOW - HOUR), request(workload(), ask('ledger'), NOW + HOUR)];
    const ends = svidMapping('till', { expiresAt: new Date(NOW).toISOString() });
    const { candidate } = replayed(
      [PROD, svidMapping('till', { ttl: { outliveSubject: true } })],
      [PROD, ends],
      records,
    );
    expect(candidate.toRefused.groups).toMatchObject([
      { count: 1, label: { before: 'till', reason: 'mapping_expired' } },
    ]);
  });

  test('decides what many ask once, and what a condition tells apart each time', () => {
    const pods = Array.from({ length: 50 }, (_, at) => workload({ pod: { name: `reporter-${at}`, uid: `${at}` } }));
    const records = pods.map((identity) => request(identity, ask('ledger')));
    const plain = [PROD, svidMapping('till')];
    expect(replayed(plain, plain, records).decided).toBe(1);
    const picky = replayed(plain, [PROD, svidMapping('till', { when: 'identity.pod != "reporter-7"' })], records);
    expect(picky).toMatchObject({ decided: 50, candidate: { same: 49, toRefused: { count: 1 } } });
  });

  test('decides again where more time left gives another answer, and not where nothing caps by it', () => {
    const lefts = [-60, 30, 200, 400, 900, 3_000, 5_000, 9_000];
    const records = lefts.map((left) => request(workload({ expiresAt: NOW / 1000 + left }), ask('ledger')));
    const [short, long] = ['5m', '20m'].map((max) => [PROD, svidMapping('till', { ttl: { default: max, max } })]);
    const { candidate, decided } = replayed(short ?? [], long ?? [], records);
    expect([candidate.same, candidate.changed.count]).toEqual([3, 5]);
    expect(decided).toBeLessThan(records.length);
    const alone = lefts.map((_, at) => replayed(short ?? [], long ?? [], records.slice(at, at + 1)).candidate.same);
    expect(alone).toEqual([1, 1, 1, 0, 0, 0, 0, 0]);
  });

  test.each<[string, Document, Document, [number, number]]>([
    [
      'a document names a moment between',
      svidMapping('till'),
      svidMapping('till', { expiresAt: '2026-11-22T10:30:00Z' }),
      [2, 2],
    ],
    [
      'a condition looks at the clock',
      svidMapping('till'),
      svidMapping('till', { when: 'request.time.getHours() < 10' }),
      [1, 3],
    ],
  ])('takes the same question an hour later for another one where %s', (_, before, after, sums) => {
    const records = [0, 1, 2, 3].map((hours) =>
      request(workload({ expiresAt: NOW / 1000 + hours * 3600 + 3000 }), ask('ledger'), NOW + hours * HOUR),
    );
    const { candidate, decided } = replayed([PROD, before], [PROD, after], records);
    expect(decided).toBeGreaterThan(1);

    expect([candidate.same, candidate.toRefused.count]).toEqual(sums);
  });

  test('counts what is no question to policy, and what cannot be asked again, apart', () => {
    const limited = readBack({ ...toBody(event('refused', 't', workload())), error: 'rate_limited' }, NOW);
    const cut = readBack(toBody(event('allowed', 't', ciJob({ a: 'x'.repeat(40_000) }))), NOW);
    const issued = readBack(toBody(event('issued', 't', workload())), NOW);
    const { requests } = replayed([PROD], [PROD], [limited, cut, issued, request(workload(), ask('ledger'))]);
    expect(requests).toEqual({ seen: 3, replayed: 1, limited: 1, notReplayable: { cut: 1 } });
  });

  test('tells what was answered then from what the resources in force say now', () => {
    const { recorded: then, candidate } = replayed([PROD], [PROD], [request(workload(), ask('ledger'))]);
    expect(then).toMatchObject({ toRefused: { count: 1 }, deciders: { 1: 1 } });
    expect(candidate).toMatchObject({ same: 1, toRefused: { count: 0 } });
  });

  test('names mappings as used only where they would have allowed somebody', () => {
    const { used } = replayed(
      [],
      [PROD, svidMapping('till'), awsMapping('idle')],
      [request(workload(), ask('ledger'))],
    );
    expect([...used]).toEqual(['till']);
  });

  test('stays bounded whatever a log holds: groups, examples, and questions that are kept', () => {
    const after = Array.from({ length: 300 }, (_, at) =>
      svidMapping(`m-${at}`, { target: { jwtSvid: { audiences: [`a-${at}`] } } }),
    );
    const records = after.map((_, at) => request(workload(), ask(`a-${at}`)));
    const { toAllowed } = replayed([PROD], [PROD, ...after], [...records, ...records]).candidate;
    expect([toAllowed.count, toAllowed.groups.length, toAllowed.others]).toEqual([600, 200, 200]);
    expect(Math.max(...toAllowed.groups.map(({ examples }) => examples.length))).toBeLessThanOrEqual(3);
    const odd = {
      ...request(workload(), ask('a-1')),
      mapping: { deep: [] },
      decider: 7,
      traceId: ['x'],
    } as unknown as AuditRecord;
    expect(replayed([PROD], [PROD], [odd]).requests.replayed).toBe(1);
  });
});

/** How many requests each label has, over some tallies. */
function labels(tallies: readonly ReturnType<typeof replayed>['candidate'][]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { toRefused, toAllowed, changed } of tallies) {
    for (const { label, count } of [...toRefused.groups, ...toAllowed.groups, ...changed.groups]) {
      const key = JSON.stringify(label);
      counts[key] = (counts[key] ?? 0) + count;
    }
  }
  return counts;
}

describe('grouping', () => {
  const identities = fc.oneof(
    fc
      .record({ pod: fc.constantFrom('a', 'b'), left: fc.constantFrom(-60, 30, 290, 1_000, 7_200) })
      .map(({ pod, left }) =>
        workload({ pod: { name: pod, uid: pod }, node: { name: `node-${pod}` }, expiresAt: NOW / 1000 + left }),
      ),
    fc.constantFrom(0, 600, 7_200).map((left) => unboundWorkload({ expiresAt: NOW / 1000 + left })),
    fc
      .constantFrom('main', 'dev')
      .map((ref) => ciJob({ repository_id: '7', ref }, { spiffeId: 'spiffe://example.org/job/7' })),
  );
  const asks = fc.record({
    address: fc.constantFrom('ledger', 'role', 'deploys'),
    ttl: fc.option(fc.constantFrom(60, 900, 1_200, 7_200)),
  });
  const requests = fc
    .tuple(identities, asks, fc.integer({ min: -3, max: 3 }))
    .map(([identity, { address, ttl }, hours]) =>
      request(
        // As much time left as at any other hour.
        { ...identity, expiresAt: identity.expiresAt + hours * 3600 },
        ask(address, ttl === null ? {} : { ttlSeconds: ttl }),
        NOW + hours * HOUR,
      ),
    );
  const conditions = fc.option(
    fc.constantFrom(
      'identity.pod == "a"',
      'request.ttl < 1000',
      'request.time.getHours() < 10',
      'identity.node != "node-b"',
      'true',
    ),
  );
  const resources = fc
    .record({
      when: conditions,
      deny: conditions,
      max: fc.constantFrom('5m', '20m', '2h'),
      ends: fc.constantFrom(-1, 0, 1, 9),
    })
    .map(({ when, deny, max, ends }) => [
      PROD,
      GITHUB,
      svidMapping('till', { ...(when !== null && { when }), expiresAt: new Date(NOW + ends * HOUR).toISOString() }),
      awsMapping('role', { ttl: { max: '2h', outliveSubject: max !== '2h' } }),
      svidMapping('deploy', {
        subject: { issuer: 'github', claims: { ref: 'main' } },
        target: { jwtSvid: { audiences: ['deploys'] } },
      }),
      guardrail('cap', { maxTtl: max, ...(deny !== null && { deny: `!(${deny})` }) }),
    ]);

  test('leaves out what a mapping decides of which nothing may be told, and changes no figure of the others', () => {
    fc.assert(
      fc.property(
        resources,
        resources,
        fc.array(requests, { minLength: 1, maxLength: 30 }),
        fc.constantFrom('till', 'role', 'deploy'),
        (before, after, records, hidden) => {
          const isTold = (mapping: string) => mapping !== hidden;
          const told = replayed(before, after, records, isTold);
          expect(JSON.stringify(told)).not.toMatch(new RegExp(`"(before|after)":"${hidden}"`));
          expect(told.used.has(hidden)).toBe(false);
          const others = records.filter((record) =>
            [before, after].every((documents) => decidingMapping(documents, record) !== hidden),
          );
          expect(told.requests.replayed).toBe(others.length);
          expect(told.candidate).toEqual(replayed(before, after, others).candidate);
        },
      ),
      { numRuns: 100 },
    );
  });

  test('changes no figure: many requests at once are counted as each of them alone', () => {
    fc.assert(
      fc.property(
        resources,
        resources,
        fc.array(requests, { minLength: 1, maxLength: 40 }),
        (before, after, records) => {
          const together = replayed(before, after, records).candidate;
          const alone = records.map((record) => replayed(before, after, [record]).candidate);
          const sum = (of: (one: (typeof alone)[number]) => number) => alone.reduce((total, one) => total + of(one), 0);
          for (const of of [
            (one: typeof together) => one.same,
            (one: typeof together) => one.toRefused.count,
            (one: typeof together) => one.toAllowed.count,
            (one: typeof together) => one.changed.count,
            (one: typeof together) => one.refusedOtherwise,
          ]) {
            expect(of(together)).toBe(sum(of));
          }
          expect(labels([together])).toEqual(labels(alone));
        },
      ),
      { numRuns: 100 },
    );
  });
});
