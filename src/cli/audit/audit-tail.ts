import { setTimeout as pass } from 'node:timers/promises';
import { type AuditFilter, matches } from '../../admin/trail/audit-filter.ts';
import type { AuditRecord } from '../../audit/record.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { styleOf } from '../style.ts';
import type { Surroundings } from '../surroundings.ts';
import { filterOf } from './audit-query.ts';
import { jsonLine, recordLine } from './record-line.ts';
import { type RecordSource, recordSource, type SourceOptions } from './record-source.ts';

export interface TailOptions extends SourceOptions, AuditFilter {
  readonly output?: 'table' | 'json';
}

const PAGE = 50;
/** Beyond this many pages at once something was missed, and says so. */
const MAX_PAGES = 200;
const EVERY_MS = 1_000;

/**
 * `carnet audit tail`: the last records, and each that follows, until a signal or until nobody reads them. A server that is
 * away meanwhile is asked again. Resolves to the exit code.
 */
export async function auditTail(
  options: TailOptions,
  surroundings: Surroundings,
  everyMs: number = EVERY_MS,
): Promise<ExitCode> {
  const { out, err, env } = surroundings;
  const source = recordSource(options, surroundings);
  const filter = filterOf(options);
  const isTable = (options.output ?? (out.isTTY === true ? 'table' : 'json')) === 'table';
  const style = styleOf(out, env);
  const ending = new AbortController();
  const forget = surroundings.onSignal(['SIGINT', 'SIGTERM'], () => ending.abort());
  surroundings.whenOutputIsLost(() => ending.abort());
  const seen = new Map<string, number>();
  let isAway = false;
  try {
    while (!ending.signal.aborted) {
      const fresh = await newSince(source, seen).catch((error: unknown) => {
        if (!(error instanceof CommandError) || error.exitCode !== ExitCode.unavailable || seen.size === 0) throw error;
        if (!isAway) err.write(`carnet: ${error.message}; asking again\n`);
        isAway = true;
        return undefined;
      });
      if (fresh !== undefined) isAway = false;
      for (const record of fresh ?? []) {
        if (matches(record, filter)) out.write(isTable ? recordLine(record, style) : jsonLine(record));
      }
      await pass(everyMs, undefined, { signal: ending.signal }).catch(() => undefined);
    }
    return ExitCode.ok;
  } finally {
    forget();
  }
}

/** Records that were not seen yet, oldest first; the first time those of one page. */
async function newSince(source: RecordSource, seen: Map<string, number>): Promise<readonly AuditRecord[]> {
  const found: AuditRecord[] = [];
  const isFirst = seen.size === 0;
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    // Without a filter: the newest are at hand, while what matches might stand far back.
    const { items, next } = await source.page({ filter: {}, limit: PAGE, cursor });
    const fresh = items.filter(({ stream, seq }) => seq > (seen.get(stream) ?? 0));
    found.push(...fresh);
    cursor = next;
    if (isFirst || next === undefined || fresh.length < items.length) break;
  }
  for (const { stream, seq } of found) seen.set(stream, Math.max(seq, seen.get(stream) ?? 0));
  return found.reverse();
}
