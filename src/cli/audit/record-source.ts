import { AdminError } from '../../admin/admin-error.ts';
import type { AuditFilter } from '../../admin/trail/audit-filter.ts';
import { cursorOf, placesOf } from '../../admin/trail/cursor.ts';
import { INSTANT_FORM, instantFrom } from '../../admin/trail/instant.ts';
import { pageOf } from '../../admin/trail/page.ts';
import { AuditHistory, type Coverage, UNBOUNDED } from '../../audit/history.ts';
import type { AuditRecord } from '../../audit/record.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { type AdminOptions, adminClient } from '../admin-client.ts';
import { loadConfiguration } from '../configuration.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import type { Surroundings } from '../surroundings.ts';

/** Where records come from: the directory of a configuration, or a server. */
export interface SourceOptions extends AdminOptions {
  readonly config?: string;
}

export interface PageQuery {
  readonly filter: AuditFilter;
  /** As a person writes it: an instant, or how long ago. */
  readonly from?: string | undefined;
  readonly until?: string | undefined;
  /** 1 to 500. */
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export interface Page {
  readonly items: readonly AuditRecord[];
  readonly next: string | undefined;
  readonly coverage: Omit<Coverage, 'next'>;
}

export interface RecordSource {
  /** Newest first. Throws CommandError. */
  page(query: PageQuery): Promise<Page>;
}

/** Throws CommandError where neither or both are named, or the configuration is bad. */
export function recordSource(options: SourceOptions, surroundings: Surroundings): RecordSource {
  if (options.config === undefined) return ofServer(options, surroundings);
  if (options.endpoint !== undefined) throw new CommandError(ExitCode.usage, 'give --config or --endpoint, not both');
  return ofDirectory(loadConfiguration(options.config, surroundings).audit.directory, surroundings);
}

function ofDirectory(directory: string, { clock }: Surroundings): RecordSource {
  const history = new AuditHistory({ directory, clock, limits: UNBOUNDED });
  return {
    async page({ filter, limit, cursor, from, until }) {
      const window = { from: instant('--from', from, clock.now()), until: instant('--until', until, clock.now()) };
      const after = cursor === undefined ? undefined : placesOf(cursor);
      const { items, coverage } = await pageOf(history, { filter, limit, ...window, after }).catch(unreadable);
      const { next, ...covered } = coverage;
      return { items, next: next && cursorOf(next), coverage: covered };
    },
  };
}

function instant(option: string, text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const found = instantFrom(text, now);
  if (found === undefined) throw new CommandError(ExitCode.usage, `${option} must be ${INSTANT_FORM}`);
  return found;
}

function unreadable(error: unknown): never {
  if (!(error instanceof AdminError)) throw error;
  throw new CommandError(ExitCode.configuration, error.message, { cause: error });
}

function ofServer(options: SourceOptions, surroundings: Surroundings): RecordSource {
  const client = adminClient(options, surroundings);
  return {
    async page({ filter, limit, ...rest }) {
      const named = Object.entries({ ...filter, ...rest }).filter(
        (one): one is [string, string] => one[1] !== undefined,
      );
      const query = { ...Object.fromEntries(named), limit: String(limit) };
      const { body } = await client.ask({ method: 'GET', path: 'audit', query });
      const { items, next } = body;
      return {
        items: Array.isArray(items) ? items.filter(isRecord) : [],
        next: typeof next === 'string' ? next : undefined,
        coverage: coverageOf(body),
      };
    },
  };
}

/** What an answer covers; where it does not say, nothing is known. */
export function coverageOf({ coverage }: JsonObject): Omit<Coverage, 'next'> {
  const { streams, from, until, complete, unreadable } = isJsonObject(coverage) ? coverage : {};
  return {
    streams: Array.isArray(streams) ? streams.filter((one) => typeof one === 'string') : [],
    from: String(from),
    until: String(until),
    complete: complete === true,
    unreadable: Number(unreadable ?? 0),
  };
}

// What else it says is printed as text, whatever it is.
function isRecord(value: unknown): value is AuditRecord {
  if (!isJsonObject(value)) return false;
  const { stream, seq, at, type } = value;
  return typeof stream === 'string' && typeof seq === 'number' && typeof at === 'string' && typeof type === 'string';
}
