import type { AuditHistory, Coverage } from '../../audit/history.ts';
import type { Catalog } from '../../catalog/catalog.ts';
import type { StoredResources } from '../../catalog/stored-resources.ts';
import type { Clock } from '../../core/clock.ts';
import type { Actor } from '../actor.ts';
import { textsOf } from './audit-filter.ts';
import { type Outstanding, OutstandingCredentials, type OutstandingMatch } from './outstanding.ts';
import { OwnRecords } from './own-records.ts';
import { pageOf, type RecordsPage, type RecordsQuery, type Window } from './page.ts';
import { reading } from './reading.ts';

interface AuditTrailDeps {
  readonly history: AuditHistory;
  readonly catalog: Pick<Catalog, 'loaded'>;
  readonly stored: Pick<StoredResources, 'history'>;
  readonly clock: Clock;
}

/** No credential that is issued lives longer: AWS and Google Cloud give 12 hours at most, Entra 24. */
const LONGEST_LIFE_MS = 24 * 3_600_000;

/** The audit log of this replica, for those who may read it, or some of it. Everything that throws, throws AdminError. */
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
  async records(actor: Actor, query: RecordsQuery): Promise<RecordsPage> {
    return await pageOf(this.#deps.history, { ...query, own: await this.#ownOf(actor) });
  }

  /** What was issued and has not ended. Without a window: what the last 24 hours issued. */
  async outstanding(
    actor: Actor,
    match: OutstandingMatch,
    window: Window,
  ): Promise<{ outstanding: readonly Outstanding[]; more: number; coverage: Coverage }> {
    const own = await this.#ownOf(actor);
    const { history, clock } = this.#deps;
    const now = clock.now();
    const found = new OutstandingCredentials(match, now);
    const { from = now - LONGEST_LIFE_MS, until, signal } = window;
    const query = { from, until, signal, containing: [...textsOf(match), '"credential":'] };
    const coverage = await reading(history, query, (record) => {
      if (own?.holds(record) !== false) found.add(record);
      return true;
    });
    return { ...found.list(), coverage: own === undefined ? coverage : own.covered(coverage) };
  }

  #ownOf(actor: Actor): Promise<OwnRecords | undefined> {
    const { catalog, stored } = this.#deps;
    return OwnRecords.of(actor, { loaded: catalog.loaded(), stored, right: 'read the audit log' });
  }
}
