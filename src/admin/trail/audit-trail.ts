import type { AuditHistory, Coverage, Places } from '../../audit/history.ts';
import type { AuditRecord } from '../../audit/record.ts';
import type { Clock } from '../../core/clock.ts';
import { type Actor, assertMay } from '../actor.ts';
import { type AuditFilter, matches, textsOf } from './audit-filter.ts';
import { type Outstanding, OutstandingCredentials, type OutstandingMatch } from './outstanding.ts';
import { reading } from './reading.ts';

/** Milliseconds; records from `from` on and before `until`. */
export interface Window {
  readonly from?: number | undefined;
  readonly until?: number | undefined;
}

export interface RecordsQuery extends Window {
  readonly filter: AuditFilter;
  readonly limit: number;
  readonly after?: Places | undefined;
}

interface AuditTrailDeps {
  readonly history: AuditHistory;
  readonly clock: Clock;
}

/** So that a page stays within what clients of the API take at once. */
const MAX_PAGE_CHARACTERS = 256 * 1024;
/** No credential that is issued lives longer: AWS and Google Cloud give 12 hours at most, Entra 24. */
const LONGEST_LIFE_MS = 24 * 3_600_000;

/** The audit log of this replica, for those who may read it. Everything that throws, throws AdminError. */
export class AuditTrail {
  readonly #deps: AuditTrailDeps;

  constructor(deps: AuditTrailDeps) {
    this.#deps = deps;
  }

  /** The time that windows are reckoned from, milliseconds. */
  now(): number {
    return this.#deps.clock.now();
  }

  /** A page of records, newest first. */
  async records(
    actor: Actor,
    { filter, limit, ...window }: RecordsQuery,
  ): Promise<{ items: readonly AuditRecord[]; coverage: Coverage }> {
    assertMay(actor, 'read the audit log');
    const items: AuditRecord[] = [];
    let characters = 0;
    const coverage = await reading(this.#deps.history, { ...window, containing: textsOf(filter) }, (record) => {
      if (!matches(record, filter)) return true;
      items.push(record);
      characters += JSON.stringify(record).length;
      return items.length < limit && characters < MAX_PAGE_CHARACTERS;
    });
    return { items, coverage };
  }

  /** What was issued and has not ended. Without a window: what the last 24 hours issued. */
  async outstanding(
    actor: Actor,
    match: OutstandingMatch,
    window: Window,
  ): Promise<{ outstanding: readonly Outstanding[]; more: number; coverage: Coverage }> {
    assertMay(actor, 'read the audit log');
    const { history, clock } = this.#deps;
    const now = clock.now();
    const found = new OutstandingCredentials(match, now);
    const { from = now - LONGEST_LIFE_MS, until } = window;
    const query = { from, until, containing: [...textsOf(match), '"credential":'] };
    const coverage = await reading(history, query, (record) => {
      found.add(record);
      return true;
    });
    return { ...found.list(), coverage };
  }
}
