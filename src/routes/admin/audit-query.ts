import type { FastifyRequest } from 'fastify';
import { AdminError } from '../../admin/admin-error.ts';
import { REPORTS, type ReportKind } from '../../admin/reports/reports.ts';
import type { AuditFilter } from '../../admin/trail/audit-filter.ts';
import { placesOf } from '../../admin/trail/cursor.ts';
import { INSTANT_FORM, instantFrom } from '../../admin/trail/instant.ts';
import type { RecordsQuery, Window } from '../../admin/trail/page.ts';
import { RECORD_TYPES } from '../../audit/record.ts';
import { queryOf } from './admin-request.ts';

/** Parameters that name a member of records and the value it must have. */
const FILTERS = [
  'type',
  'outcome',
  'issuer',
  'namespace',
  'serviceAccount',
  'mapping',
  'trace',
  'reason',
  'credential',
] as const satisfies readonly (keyof AuditFilter)[];
/** What goes with each wish that is none for records; `from` and `until` go with all. */
const OUTSTANDING_TAKES: readonly string[] = ['outstanding', 'issuer', 'namespace', 'serviceAccount', 'mapping'];
const REPORT_TAKES: readonly string[] = ['report'];
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 500;
const MAX_VALUE = 2048;

/** What a request wants of the audit log. */
export type AuditWish =
  | ({ readonly kind: 'records' } & RecordsQuery)
  | { readonly kind: 'report'; readonly report: ReportKind; readonly window: Window }
  | { readonly kind: 'outstanding'; readonly filter: AuditFilter; readonly window: Window };

/** The query of `GET /admin/v1/audit`; `now` in milliseconds. Throws AdminError `malformed` naming the parameter. */
export function auditWish(request: FastifyRequest, now: number): AuditWish {
  const query = queryOf(request, [...FILTERS, 'from', 'until', 'limit', 'cursor', 'outstanding', 'report']);
  const window = { from: instantOf(query, 'from', now), until: instantOf(query, 'until', now) };
  const filter = filterOf(query);
  const outstanding = query.get('outstanding') ?? 'false';
  if (outstanding !== 'true' && outstanding !== 'false') throw refused('outstanding', 'true or false');
  if (outstanding === 'true') {
    assertOnly(query, OUTSTANDING_TAKES);
    return { kind: 'outstanding', filter, window };
  }
  const asked = query.get('report');
  const report = REPORTS.find((kind) => kind === asked);
  if (report !== undefined) {
    assertOnly(query, REPORT_TAKES);
    return { kind: 'report', report, window };
  }
  if (asked !== undefined) throw refused('report', REPORTS.join(', '));
  const limit = query.get('limit') ?? String(DEFAULT_LIMIT);
  if (!/^[1-9][0-9]{0,2}$/.test(limit) || Number(limit) > MAX_LIMIT) throw refused('limit', `1 to ${MAX_LIMIT}`);
  const cursor = query.get('cursor');
  const after = cursor === undefined ? undefined : placesOf(cursor);
  if (cursor !== undefined && after === undefined) throw refused('cursor', 'the `next` of the page before');
  return { kind: 'records', filter, ...window, limit: Number(limit), after };
}

function assertOnly(query: ReadonlyMap<string, string>, names: readonly string[]): void {
  const odd = [...query.keys()].find((name) => ![...names, 'from', 'until'].includes(name));
  if (odd !== undefined) throw new AdminError('malformed', { field: odd, detail: `does not go with ${names[0]}` });
}

/** A type that there is none of would find nothing, which reads as if nothing had happened. */
function filterOf(query: ReadonlyMap<string, string>): AuditFilter {
  const type = query.get('type');
  if (type !== undefined && !RECORD_TYPES.some((known) => known === type)) {
    throw refused('type', RECORD_TYPES.join(', '));
  }
  const found = FILTERS.flatMap((name) => {
    const value = query.get(name);
    if (value === undefined) return [];
    if (value === '' || value.length > MAX_VALUE) throw refused(name, `a text of 1 to ${MAX_VALUE} characters`);
    return [[name, value] as const];
  });
  return Object.fromEntries(found);
}

function instantOf(query: ReadonlyMap<string, string>, name: string, now: number): number | undefined {
  const text = query.get(name);
  const instant = text === undefined ? undefined : instantFrom(text, now);
  if (text !== undefined && instant === undefined) throw refused(name, INSTANT_FORM);
  return instant;
}

function refused(field: string, legal: string): AdminError {
  return new AdminError('malformed', { field, detail: `must be ${legal}` });
}
