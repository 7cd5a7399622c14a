import type { AuditFilter } from '../../admin/trail/audit-filter.ts';
import { ExitCode } from '../exit-code.ts';
import { styleOf } from '../style.ts';
import type { Surroundings } from '../surroundings.ts';
import { coverageLine } from './coverage-line.ts';
import { jsonLine, recordLine } from './record-line.ts';
import { recordSource, type SourceOptions } from './record-source.ts';

export interface QueryOptions extends SourceOptions, AuditFilter {
  readonly from?: string;
  readonly until?: string;
  readonly limit: number;
  /** Absent: a table on a terminal, else JSON lines. */
  readonly output?: 'table' | 'json';
}

const PAGE = 500;

/** The filter among the options of a command. */
export function filterOf(options: AuditFilter): AuditFilter {
  const { type, outcome, issuer, namespace, serviceAccount, mapping, trace, reason, credential } = options;
  return { type, outcome, issuer, namespace, serviceAccount, mapping, trace, reason, credential };
}

/** `carnet audit query`: records of the log, newest first. Resolves to the exit code. */
export async function auditQuery(options: QueryOptions, surroundings: Surroundings): Promise<ExitCode> {
  const { out, err, env } = surroundings;
  const source = recordSource(options, surroundings);
  const isTable = (options.output ?? (out.isTTY === true ? 'table' : 'json')) === 'table';
  const style = styleOf(out, env);
  const query = { filter: filterOf(options), from: options.from, until: options.until };
  let left = options.limit;
  let cursor: string | undefined;
  for (;;) {
    const { items, next, coverage } = await source.page({ ...query, limit: Math.min(left, PAGE), cursor });
    for (const record of items) out.write(isTable ? recordLine(record, style) : jsonLine(record));
    left -= items.length;
    cursor = next;
    // A page that a bound has ended says so itself: whoever wants what is older asks for it.
    if (next === undefined || left <= 0 || items.length === 0) {
      err.write(coverageLine(coverage, styleOf(err, env)));
      return ExitCode.ok;
    }
  }
}
