import { describe, expect, test } from 'vitest';
import { PromotionTally } from '../../../src/admin/reports/promotion.ts';
import type { AuditRecord, RecordedBeside } from '../../../src/audit/record.ts';
import { recordOf } from '../trail/records.ts';
import { mapping } from './mappings.ts';

const MAPPINGS = [
  mapping('mesh', { mode: 'report', until: '2026-12-20T00:00:00Z' }),
  mapping('tight', { mode: 'shadow' }),
  mapping('plain'),
];

function promotions(records: readonly AuditRecord[]) {
  const tally = new PromotionTally();
  for (const record of records) tally.add(record);
  return Object.fromEntries(tally.of(MAPPINGS).map((one) => [one.mapping, one]));
}

const beside = (mode: 'report' | 'shadow', outcome: 'allowed' | 'refused', name: string): RecordedBeside => ({
  mode,
  outcome,
  mapping: name,
  ...(outcome === 'refused' && { reason: 'condition_not_met', detail: 'false' }),
});

describe('the promotion of a mapping that does not enforce', () => {
  test('is safe where it would have refused nobody who was served', () => {
    const found = promotions([
      recordOf('allowed', { beside: [beside('report', 'allowed', 'mesh')] }),
      recordOf('refused', { beside: [beside('shadow', 'refused', 'tight')] }),
    ]);
    expect(found['mesh']).toMatchObject({ requests: 1, refuses: 0, verdict: 'safe', until: '2026-12-20T00:00:00Z' });
    expect(found['tight']).toMatchObject({ requests: 1, refuses: 0, allows: 0, verdict: 'safe' });
  });

  test('is not where it would have, with how often, why, and whom', () => {
    const refused = recordOf('allowed', { traceId: 'a', beside: [beside('report', 'refused', 'mesh')] });
    const { mesh } = promotions([refused, ...Array.from({ length: 7 }, () => refused)]);
    expect(mesh).toMatchObject({ requests: 8, refuses: 8, reasons: { condition_not_met: 8 }, verdict: 'refuses' });
    expect(mesh?.refused).toHaveLength(5);
    expect(mesh?.refused[0]).toEqual({
      traceId: 'a',
      at: '2026-11-27T08:00:00.000Z',
      workload: 'eu-1 payments/reports',
      reason: 'condition_not_met',
      detail: 'false',
    });
  });

  test('tells what a shadow would allow beyond today', () => {
    const { tight } = promotions([recordOf('refused', { beside: [beside('shadow', 'allowed', 'tight')] })]);
    expect(tight).toMatchObject({
      allows: 1,
      refuses: 0,
      verdict: 'safe',
      allowed: [{ workload: 'eu-1 payments/reports' }],
    });
  });

  test('of one that nobody asked is unknown, and one that enforces has none', () => {
    const found = promotions([recordOf('allowed', { beside: [beside('shadow', 'refused', 'mesh')] })]);
    expect(found['mesh']).toMatchObject({ requests: 0, verdict: 'unused' });
    expect(found['plain']).toBeUndefined();
  });
});
