import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Actor } from '../../../src/admin/actor.ts';
import { createReports } from '../../../src/admin/reports/reports.ts';
import { AuditTrail } from '../../../src/admin/trail/audit-trail.ts';
import { AuditHistory } from '../../../src/audit/history.ts';
import { GENESIS, type Head } from '../../../src/audit/line.ts';
import type { RecordBody } from '../../../src/audit/record.ts';
import { segmentName } from '../../../src/audit/segments.ts';
import type { Loaded } from '../../../src/catalog/load-resources.ts';
import type { StoredResource } from '../../../src/catalog/stored-resources.ts';
import { temporaryDirectory } from '../../audit/audit-fixture.ts';
import { event, toBody, toLine } from '../../audit/audit-records.ts';
import { compiled, NOW, svidMapping } from '../../support/policy-builders.ts';
import { fc } from '../../support/properties.ts';

const TEAM = { team: 'payments' };
const NAMES = ['till', 'books', 'shop', 'vault'] as const;
const MINUTE = 60_000;
const AUDITOR: Actor = {
  issuer: 'https://idp.example.org',
  subject: 'pat',
  roles: [],
  given: [{ role: 'auditor', claim: 'groups', value: 'payments', labels: TEAM }],
};
const limitedAs = (role: 'viewer' | 'editor'): Actor => ({
  ...AUDITOR,
  given: [{ role, claim: 'groups', value: 'payments', labels: TEAM }],
});

/** When a mapping was written, minutes after NOW, and whether it was the team's; undefined: it was deleted. */
type Version = readonly [minute: number, own: boolean | undefined];

function versionsOf(name: string, versions: readonly Version[]): readonly StoredResource[] {
  return versions.map(([minute, own], index) => {
    const { kind, spec } = svidMapping(name) as unknown as { kind: string; spec: object };
    const metadata = { name, labels: own === true ? TEAM : { team: 'others' } };
    const document = { apiVersion: 'carnet.dev/v1alpha1', kind, metadata, spec };
    const at = NOW + minute * MINUTE;
    return JSON.parse(JSON.stringify({ at, version: index + 1, ...(own !== undefined && { document }) }));
  });
}

interface Happened {
  readonly minute: number;
  readonly mapping: (typeof NAMES)[number] | undefined;
  readonly beside: (typeof NAMES)[number];
  readonly type: 'allowed' | 'refused' | 'issued' | 'changed';
}

function bodyOf({ mapping, beside, type }: Happened, number: number): RecordBody {
  const traceId = `trace-${number}`;
  if (type === 'changed') {
    const by = { issuer: 'i', subject: 's' };
    const admin = { by, action: 'put' as const, kind: 'FederationMapping', name: mapping ?? 'nobody' };
    return { type, traceId, outcome: 'admin', admin };
  }
  const body = toBody(event(type, traceId));
  return { ...body, mapping, beside: [{ mode: 'report', outcome: 'refused', mapping: beside, reason: 'guardrail' }] };
}

/** A log, the mappings of today with their versions, and what reads it. */
async function installed(
  directory: string,
  happened: readonly Happened[],
  versions: Readonly<Record<string, readonly Version[]>>,
  { storeDown = false } = {},
) {
  await mkdir(join(directory, 'carnet'), { recursive: true });
  let after: Head = GENESIS;
  let text = '';
  for (const [number, one] of happened.entries()) {
    const at = NOW + one.minute * MINUTE;
    const { line, head } = toLine({ stream: 'carnet', after, at, record: bodyOf(one, number) });
    [text, after] = [text + line, head];
  }
  await writeFile(join(directory, 'carnet', segmentName(1)), text);
  const documents = NAMES.flatMap((name) => {
    const own = versions[name]?.at(-1)?.[1];
    return own === undefined ? [] : [svidMapping(name, {}, { labels: own ? TEAM : { team: 'others' } })];
  });
  const found = compiled(documents);
  const catalog = { loaded: () => ({ documents, snapshot: found.snapshot, compiled: found }) as unknown as Loaded };
  const stored = {
    history: async (_: string, name: string) => {
      if (storeDown) throw new Error('gone');
      return versionsOf(name, versions[name] ?? []);
    },
  };
  const clock = { now: () => NOW + 200 * MINUTE };
  const deps = { history: new AuditHistory({ directory, clock }), catalog, stored, clock };
  return { trail: new AuditTrail(deps), report: createReports(deps) };
}

describe('whoever may read the records of some mappings', () => {
  const happening = fc
    .array(
      fc.record({
        minute: fc.integer({ min: 1, max: 100 }),
        mapping: fc.option(fc.constantFrom(...NAMES), { nil: undefined }),
        beside: fc.constantFrom(...NAMES),
        type: fc.constantFrom('allowed', 'refused', 'issued', 'changed'),
      }),
      { minLength: 1, maxLength: 30 },
    )
    .map((list) => list.toSorted((one, other) => one.minute - other.minute));
  const history = fc
    .array(fc.tuple(fc.integer({ min: 0, max: 99 }), fc.constantFrom(true, true, false, undefined)), { maxLength: 4 })
    .map((list): readonly Version[] => list.toSorted(([one], [other]) => one - other));
  const histories = fc.record(Object.fromEntries(NAMES.map((name) => [name, history])));

  /** The reference: of today's owner, and nobody else's at any time from a minute before the record on. */
  function isOwn({ minute, mapping }: Happened, versions: Readonly<Record<string, readonly Version[]>>): boolean {
    const all = versions[mapping ?? ''] ?? [];
    if (all.at(-1)?.[1] !== true) return false;
    return all.every(([from, own], index) => {
      const isOver = (all[index + 1]?.[0] ?? Number.POSITIVE_INFINITY) <= minute - 1;
      return own !== false || isOver || from === undefined;
    });
  }

  test('gets each of them and never one that is, or was, of another, also not in what is counted', async () => {
    const directory = await temporaryDirectory();
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(happening, histories, async (happened, versions) => {
        runs += 1;
        const { trail, report } = await installed(join(directory, String(runs)), happened, versions);
        const own = happened.flatMap((one, number) =>
          isOwn(one, versions) ? [{ ...one, trace: `trace-${number}` }] : [],
        );
        const { items } = await trail.records(AUDITOR, { filter: {}, limit: 500 });
        expect(items.map(({ traceId }) => traceId)).toEqual(own.map(({ trace }) => trace).toReversed());
        const others = NAMES.filter((name) => versions[name]?.at(-1)?.[1] !== true);
        const { outstanding, more } = await trail.outstanding(AUDITOR, {}, {});
        const reports = await Promise.all(
          (['review', 'advice', 'promotion'] as const).map((kind) => report(AUDITOR, kind, { from: NOW })),
        );
        const told = JSON.stringify([items, outstanding, more, reports]);
        for (const name of others) expect(told).not.toContain(`"${name}"`);
        const counts = reports[0]?.review?.map(({ mapping, allowed }) => [mapping, allowed]) ?? [];
        for (const [mapping, allowed] of counts) {
          expect(allowed).toBe(own.filter((one) => one.mapping === mapping && one.type === 'allowed').length);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('is not told how many lines of the log are no sound records, as whoever may read all of it is', async () => {
    const directory = await temporaryDirectory();
    const { trail } = await installed(directory, [], {});
    await writeFile(join(directory, 'carnet', segmentName(1)), 'no record\n');
    const unreadable = async (actor: Actor) =>
      (await trail.records(actor, { filter: {}, limit: 1 })).coverage.unreadable;
    expect(await unreadable({ ...AUDITOR, roles: ['auditor'] })).toBe(1);
    expect(await unreadable(AUDITOR)).toBe(0);
  });

  test('has to be an auditor: a viewer or an editor of the same mappings is refused', async () => {
    const { trail, report } = await installed(await temporaryDirectory(), [], {});
    expect((await trail.records(AUDITOR, { filter: {}, limit: 1 })).items).toEqual([]);
    for (const actor of [limitedAs('viewer'), limitedAs('editor')]) {
      await expect(trail.records(actor, { filter: {}, limit: 1 })).rejects.toMatchObject({ key: 'forbidden' });
      await expect(trail.outstanding(actor, {}, {})).rejects.toMatchObject({ key: 'forbidden' });
      await expect(report(actor, 'review', {})).rejects.toMatchObject({ key: 'forbidden' });
    }
  });

  test('is refused while the store cannot say whose a mapping was', async () => {
    const { trail } = await installed(await temporaryDirectory(), [], { till: [[0, true]] }, { storeDown: true });
    await expect(trail.records(AUDITOR, { filter: {}, limit: 1 })).rejects.toMatchObject({ key: 'unavailable' });
    const all = { ...AUDITOR, roles: ['auditor'] as const };
    expect((await trail.records(all, { filter: {}, limit: 1 })).items).toEqual([]);
  });
});
