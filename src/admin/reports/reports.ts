import type { AuditHistory, Coverage, HistoryQuery } from '../../audit/history.ts';

import type { Catalog } from '../../catalog/catalog.ts';
import type { StoredResources } from '../../catalog/stored-resources.ts';
import type { Clock } from '../../core/clock.ts';
import type { Actor } from '../actor.ts';
import { OwnRecords } from '../trail/own-records.ts';
import type { Window } from '../trail/page.ts';
import { reading } from '../trail/reading.ts';
import { type Advice, adviceOf } from './advice.ts';
import { mappingFacts } from './mapping-facts.ts';
import { type Promotion, PromotionTally } from './promotion.ts';
import { type ReviewRow, reviewOf } from './review.ts';
import { Usage } from './usage.ts';

/** Kinds of reports about mappings. */
export const REPORTS = ['promotion', 'advice', 'review'] as const;
export type ReportKind = (typeof REPORTS)[number];

/** One of them is there: the one that was asked for. */
export interface Report {
  readonly promotion?: readonly Promotion[];
  readonly advice?: readonly Advice[];
  readonly review?: readonly ReviewRow[];
  readonly coverage: Coverage;
}

/** Throws AdminError. Without a window: the last 30 days. */
export type MakeReport = (actor: Actor, kind: ReportKind, window: Window) => Promise<Report>;

interface ReportsDeps {
  readonly history: AuditHistory;
  readonly catalog: Pick<Catalog, 'loaded'>;
  readonly stored: Pick<StoredResources, 'history'>;
  readonly clock: Clock;
}

const DEFAULT_WINDOW_MS = 30 * 86_400_000;

/** What the mappings of today were used for, or would have done, by the audit log. */
export function createReports({ history, catalog, stored, clock }: ReportsDeps): MakeReport {
  return async (actor, kind, { from = clock.now() - DEFAULT_WINDOW_MS, until, signal }) => {
    const own = await OwnRecords.of(actor, { loaded: catalog.loaded(), stored, right: 'read the audit log' });
    const usage = new Usage();
    const promotion = new PromotionTally();
    const wanted: Partial<HistoryQuery> =
      kind === 'promotion' ? { containing: ['"beside":['] } : { types: ['allowed'] };
    const all = await reading(history, { from, until, signal, ...wanted }, (record) => {
      if (own?.holds(record) === false) return true;
      if (kind === 'promotion') promotion.add(record);
      else usage.add(record);
      return true;
    });
    const coverage = own === undefined ? all : own.covered(all);
    const mappings = mappingFacts(catalog.loaded()).filter(({ name }) => own?.has(name) !== false);
    if (kind === 'promotion') return { promotion: promotion.of(mappings), coverage };
    if (kind === 'advice') return { advice: adviceOf(mappings, usage, clock.now()), coverage };
    return { review: reviewOf(mappings, usage, clock.now()), coverage };
  };
}
