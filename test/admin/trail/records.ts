import type { ExchangeEvent } from '../../../src/audit/events.ts';
import type { AuditRecord, RecordBody } from '../../../src/audit/record.ts';
import { event, toBody } from '../../audit/audit-records.ts';

export const NOW = Date.parse('2026-11-27T08:00:00.000Z');

/** A record as it is read back, of an event of ServiceAccount payments/reports that asks for `mesh`. */
export function recordOf(
  type: ExchangeEvent['type'],
  { at = NOW, traceId = 'trace', ...body }: Partial<RecordBody> & { readonly at?: number } = {},
): AuditRecord {
  const place = { v: 1, stream: 'replica-0', seq: 1, at: new Date(at).toISOString(), prev: '', hash: '' };
  return JSON.parse(JSON.stringify({ ...place, ...toBody(event(type, traceId)), ...body }));
}
