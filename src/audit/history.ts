import type { Clock } from '../core/clock.ts';
import type { BackwardLine } from './backward-lines.ts';
import { isMissing } from './disk.ts';
import { Fronts, type Places } from './fronts.ts';
import { parseLine } from './line.ts';
import { ReadingPace } from './reading-pace.ts';
import type { AuditRecord, RecordType } from './record.ts';
import { listStreams } from './segments.ts';

export interface HistoryQuery {
  /** Milliseconds; records from then on. Absent: from the beginning. */
  readonly from?: number | undefined;
  /** Milliseconds; records before then. Absent: up to now. */
  readonly until?: number | undefined;
  /** Where an earlier reading stopped. Throws UnknownPlace where nothing could have stopped. */
  readonly after?: Places | undefined;
  /** Texts that a line must hold, as `containing` makes them: other lines are passed over without being looked at. */
  readonly containing?: readonly string[] | undefined;
  /** Records of other types are passed over without being parsed. */
  readonly types?: readonly RecordType[] | undefined;
  /** Ends the reading, or the waiting for it. */
  readonly signal?: AbortSignal | undefined;
}

/** What was looked at: what an answer covers, and what it cannot know. */
export interface Coverage {
  /** All streams of this directory. What other replicas write is in theirs. */
  readonly streams: readonly string[];
  /** RFC 3339: every record of these streams between the two was looked at. Where the log begins later, its beginning. */
  readonly from: string;
  readonly until: string;
  /** False: a bound, or the visitor, ended the reading before the beginning of what was asked for. */
  readonly complete: boolean;
  /** Of the lines that were not passed over: those that are no sound record; `carnet audit verify` says which. */
  readonly unreadable: number;
  /** Where to go on; absent at the end. */
  readonly next?: Places;
}

export interface HistoryLimits {
  readonly maxBytes: number;
  readonly maxMilliseconds: number;
  /** How much of the time it may work, in pieces of a millisecond: the rest is for exchanges. */
  readonly share: number;
}

export const HISTORY_LIMITS: HistoryLimits = {
  maxBytes: 4 * 1024 * 1024 * 1024,
  maxMilliseconds: 15_000,
  share: 1 / 4,
};

/** For a process that serves nobody else: nothing bounds it but the log. */
export const UNBOUNDED: HistoryLimits = {
  maxBytes: Number.POSITIVE_INFINITY,
  maxMilliseconds: Number.POSITIVE_INFINITY,
  share: 1,
};

/** Whoever has to wait behind more than these asks again later. */
const MAX_WAITING = 4;
/** Clocks that were set back put records out of the order of their times by at most this. */
const SLACK_MS = 10 * 60_000;

/** Too many readings wait already. */
export class HistoryBusy extends Error {
  override readonly name = 'HistoryBusy';
}

/** Whoever asked is not there any more. */
export class ReaderGone extends Error {
  override readonly name = 'ReaderGone';
}

interface HistoryDeps {
  /** The audit directory: a folder per stream. */
  readonly directory: string;
  readonly clock: Clock;
  readonly limits?: HistoryLimits;
}

/** Looks at a record; false ends the reading after it. */
export type Visit = (record: AuditRecord) => boolean | undefined;

/**
 * The records of a directory, newest first, also while it is written: the writer is never waited for and never waits.
 * One reading at a time, bounded in bytes and time, in pieces of a millisecond with pauses, so that exchanges go on beside it.
 */
export class AuditHistory {
  readonly #deps: HistoryDeps;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(deps: HistoryDeps) {
    this.#deps = deps;
  }

  /** Resolves once all was visited that could be. Throws HistoryBusy, UnknownPlace, ReaderGone and what the disk throws. */
  read(query: HistoryQuery, visit: Visit): Promise<Coverage> {
    if (this.#waiting > MAX_WAITING) throw new HistoryBusy('other readings of the audit log are under way');
    this.#waiting += 1;
    const turn = this.#tail
      .then(() => this.#read(query, visit))
      .finally(() => {
        this.#waiting -= 1;
      });
    this.#tail = turn.catch(() => undefined);
    return turn;
  }

  async #read(query: HistoryQuery, visit: Visit): Promise<Coverage> {
    if (query.signal?.aborted) throw new ReaderGone();
    const { directory, clock, limits = HISTORY_LIMITS } = this.#deps;
    const began = clock.now();
    const pace = new ReadingPace(limits.share);
    const streams = await streamsOf(directory);
    const late = query.until === undefined ? undefined : instant(query.until + SLACK_MS);
    await using fronts = await Fronts.open(directory, streams, { ...query, late, pace });
    const from = instant(query.from ?? 0);
    const until = query.until === undefined ? undefined : instant(query.until);
    const earliest = instant(Math.max(0, (query.from ?? 0) - SLACK_MS));
    const seen = { streams, until: until ?? instant(began), unreadable: 0 };
    let oldest = seen.until;
    let wentPast = false;
    const stopped = (): Coverage => ({ ...seen, from: oldest, complete: false, next: fronts.places() });
    for (;;) {
      const line = fronts.newest();
      if (line === undefined) break;
      if (line.at === undefined) seen.unreadable += 1;
      else if (line.at < earliest) {
        fronts.leave();
        wentPast = true;
      } else if (line.at >= from && (until === undefined || line.at < until)) {
        oldest = line.at;
        const record = recordIn(line, query);
        if (record === 'unreadable') seen.unreadable += 1;
        else if (record !== undefined && visit(record) === false) return stopped();
      } else wentPast ||= line.at < from;
      if (!fronts.isSpent && !pace.isDue) continue;
      if (query.signal?.aborted) throw new ReaderGone();
      if (fronts.bytes >= limits.maxBytes || clock.now() - began >= limits.maxMilliseconds) return stopped();
      if (pace.isDue) await pace.pause();
      await fronts.refill();
    }
    return { ...seen, from: wentPast ? from : oldest, complete: true };
  }
}

/** A text that the line of a record holds whose member has this value, anywhere in it. */
export function containing(member: string, value: string): string {
  return `${JSON.stringify(member)}:${JSON.stringify(value)}`;
}

async function streamsOf(directory: string): Promise<readonly string[]> {
  return listStreams(directory).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
}

// `parseLine` has checked the members that hold the chain; the rest is as written by this or an older version.
function recordIn(
  { bytes, type }: BackwardLine,
  { containing: texts = [], types }: HistoryQuery,
): AuditRecord | 'unreadable' | undefined {
  if (type !== undefined && types?.some((wanted) => wanted === type) === false) return undefined;
  if (!texts.every((text) => bytes.includes(text))) return undefined;
  const link = parseLine(bytes);
  return 'fault' in link || !isRecord(link.members) ? 'unreadable' : link.members;
}

function isRecord(members: unknown): members is AuditRecord {
  return typeof members === 'object' && members !== null && 'outcome' in members;
}

function instant(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
