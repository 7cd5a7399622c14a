import { describe, expect, test } from 'vitest';
import { createWhy } from '../../../src/admin/trail/why.ts';
import { AuditHistory } from '../../../src/audit/history.ts';
import { bench } from '../../audit/audit-fixture.ts';
import { event, oidcIdentity } from '../../audit/audit-records.ts';

const VIEWER = { issuer: 'i', subject: 's', roles: ['viewer'] } as const;

/** Whoever decides again in these tests is mistaken. */
const undecided = () => {
  throw new Error('nothing is to be decided');
};
const catalog = { current: undecided, loaded: undecided };
const stored = {
  history: () => {
    throw new Error('nobody here is limited');
  },
};

async function log() {
  const { directory, clock, open } = await bench();
  const audit = await open();
  const why = createWhy({ history: new AuditHistory({ directory, clock }), catalog, stored, clock });
  return { audit, clock, why: (trace: string) => why(VIEWER, trace) };
}

describe('why', () => {
  test('takes the records of one request, and not those of another that chose the same trace', async () => {
    const { audit, clock, why } = await log();
    await audit.record({ ...event('reused', 'same'), detail: 'yesterday' });
    clock.advance(61_000);
    await audit.record(event('issued', 'same'));
    await audit.record(event('issued', 'other'));
    clock.advance(1_000);
    await audit.record(event('failed', 'same'));
    const { records, story, today } = await why('same');
    expect(records.map(({ type }) => type)).toEqual(['issued', 'failed']);
    expect([story.length, today]).toEqual([2, undefined]);
  });

  test('of a record that was cut says that today cannot be told, and decides nothing', async () => {
    const { audit, why } = await log();
    const claims = { sub: 'a', long: 'x'.repeat(40_000) };
    await audit.record(event('allowed', 'long', oidcIdentity(claims)));
    const { story, today } = await why('long');
    expect([story.at(-1), today]).toEqual([expect.stringContaining('the record was cut to its limit'), undefined]);
  });

  test('of a refusal by a limit decides nothing, for policy was not asked', async () => {
    const { audit, why } = await log();
    const { reason: _, mapping: __, ...limited } = event('refused', 'often');
    await audit.record({ ...limited, error: 'rate_limited' });
    expect((await why('often')).story).toEqual([expect.stringContaining('It was refused (rate_limited)')]);
  });

  test('of a trace that nobody left, or of an empty directory, is not found', async () => {
    const { why } = await log();
    await expect(why('nothing')).rejects.toMatchObject({ key: 'not_found', field: 'trace' });
  });
});
