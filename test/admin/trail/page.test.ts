import { describe, expect, test } from 'vitest';
import { pageOf } from '../../../src/admin/trail/page.ts';
import { AuditHistory } from '../../../src/audit/history.ts';
import { bench } from '../../audit/audit-fixture.ts';
import { event, oidcIdentity } from '../../audit/audit-records.ts';

/** Records of 16 KiB each. */
async function large(count: number) {
  const { directory, clock, open } = await bench();
  const audit = await open();
  const identity = oidcIdentity({ sub: 'a', long: 'x'.repeat(16_000) });
  for (let number = 0; number < count; number += 1) await audit.record(event('allowed', `trace-${number}`, identity));
  return new AuditHistory({ directory, clock });
}

describe('a page of records', () => {
  test('has as many as were asked for, newest first', async () => {
    const { items, coverage } = await pageOf(await large(4), { filter: { type: 'allowed' }, limit: 3 });
    expect(items.map(({ traceId }) => traceId)).toEqual(['trace-3', 'trace-2', 'trace-1']);
    expect(coverage.next).toBeDefined();
  });

  test('ends before it is too large to be sent, and the next goes on there', async () => {
    const history = await large(30);
    const filter = { type: 'allowed' };
    const first = await pageOf(history, { filter, limit: 500 });
    expect(first.items.length).toBeLessThan(20);
    const second = await pageOf(history, { filter, limit: 500, after: first.coverage.next });
    expect(first.items.length + second.items.length).toBe(30);
    expect(second.coverage.next).toBeUndefined();
  });

  test('that waits behind too many others is refused as one too many', async () => {
    const history = await large(1);
    const pages = Array.from({ length: 6 }, () => pageOf(history, { filter: {}, limit: 1 }));
    const settled = await Promise.allSettled(pages);
    expect(settled.filter(({ status }) => status === 'rejected')).toMatchObject([{ reason: { key: 'too_many' } }]);
  });
});
