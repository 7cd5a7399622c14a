import type { Places } from '../../audit/fronts.ts';
import type { AuditHistory, Coverage } from '../../audit/history.ts';
import type { AuditRecord } from '../../audit/record.ts';
import { type AuditFilter, matches, textsOf } from './audit-filter.ts';
import type { OwnRecords } from './own-records.ts';
import { reading } from './reading.ts';

/** Milliseconds; records from `from` on and before `until`. */
export interface Window {
  readonly from?: number | undefined;
  readonly until?: number | undefined;
  /** Ends the reading: nobody waits for it any more. */
  readonly signal?: AbortSignal | undefined;
}

export interface RecordsQuery extends Window {
  readonly filter: AuditFilter;
  readonly limit: number;
  readonly after?: Places | undefined;
  /** Of whom it is, where that is not everybody's. */
  readonly own?: OwnRecords | undefined;
}

export interface RecordsPage {
  readonly items: readonly AuditRecord[];
  readonly coverage: Coverage;
}

/** So that a page stays within what clients of the API take at once. */
const MAX_PAGE_CHARACTERS = 256 * 1024;

/** A page of records, newest first. Throws AdminError. */
export async function pageOf(
  history: AuditHistory,
  { filter, limit, own, ...window }: RecordsQuery,
): Promise<RecordsPage> {
  const items: AuditRecord[] = [];
  let characters = 0;
  const coverage = await reading(history, { ...window, containing: textsOf(filter) }, (record) => {
    if (!matches(record, filter) || own?.holds(record) === false) return true;
    items.push(own === undefined ? record : own.shown(record));
    characters += JSON.stringify(record).length;
    return items.length < limit && characters < MAX_PAGE_CHARACTERS;
  });
  return { items, coverage: own === undefined ? coverage : own.covered(coverage) };
}
