import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { type BackwardLine, BackwardLines, isPlace, type Place } from './backward-lines.ts';
import { isMissing } from './disk.ts';
import { parseLine } from './line.ts';
import { ReadingPace } from './reading-pace.ts';
import type { AuditRecord, RecordType } from './record.ts';
import { placeBefore } from './seek.ts';
import { listStreams } from './segments.ts';

/** Where in each stream a reading goes on. */
export type Places = Readonly<Record<string, Place>>;

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

/** A place that is none of this directory. */
export class UnknownPlace extends Error {
  override readonly name = 'UnknownPlace';
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
    const fronts = await frontsOf(directory, streams, query);
    const from = instant(query.from ?? 0);
    const until = query.until === undefined ? undefined : instant(query.until);
    const earliest = instant(Math.max(0, (query.from ?? 0) - SLACK_MS));
    const seen = { streams, until: until ?? instant(began), unreadable: 0 };
    let oldest = seen.until;
    let wentPast = false;
    for (;;) {
      const front = newest(fronts);
      const line = front?.lines[front.index];
      if (front === undefined || line === undefined) break;
      front.index += 1;
      front.place = line.place;
      if (line.at === undefined) seen.unreadable += 1;
      else if (line.at < earliest) {
        front.lines = [];
        wentPast = true;
      } else if (line.at >= from && (until === undefined || line.at < until)) {
        oldest = line.at;
        const record = recordIn(line, query);
        if (record === 'unreadable') seen.unreadable += 1;
        else if (record !== undefined && visit(record) === false) return stopped(seen, oldest, fronts);
      } else wentPast ||= line.at < from;
      const isSpent = front.lines.length > 0 && front.index >= front.lines.length;
      if (!isSpent && !pace.isDue) continue;
      if (query.signal?.aborted) throw new ReaderGone();
      const bytes = fronts.reduce((sum, { reader }) => sum + reader.bytes, 0);
      const isOver = bytes >= limits.maxBytes || clock.now() - began >= limits.maxMilliseconds;
      if (isOver) return stopped(seen, oldest, fronts);
      if (pace.isDue) await pace.pause();
      if (isSpent) await advance(front);
    }
    return { ...seen, from: wentPast ? from : oldest, complete: true };
  }
}

/** A text that the line of a record holds whose member has this value, anywhere in it. */
export function containing(member: string, value: string): string {
  return `${JSON.stringify(member)}:${JSON.stringify(value)}`;
}

interface Front {
  readonly stream: string;
  readonly reader: BackwardLines;
  /** The line of it that was looked at last. */
  place: Place | undefined;
  lines: readonly BackwardLine[];
  index: number;
}

async function streamsOf(directory: string): Promise<readonly string[]> {
  return listStreams(directory).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
}

async function frontsOf(
  directory: string,
  streams: readonly string[],
  { until, after, containing: texts = [] }: HistoryQuery,
): Promise<readonly Front[]> {
  if (Object.keys(after ?? {}).some((stream) => !streams.includes(stream))) throw new UnknownPlace();
  const wanted = after === undefined ? streams : streams.filter((stream) => Object.hasOwn(after, stream));
  const late = until === undefined ? undefined : instant(until + SLACK_MS);
  // The longest is the one that fewest lines hold, and the one that is found fastest.
  const [longest] = texts.toSorted((one, other) => other.length - one.length);
  return Promise.all(
    wanted.map(async (stream) => {
      const folder = join(directory, stream);
      const known = after?.[stream];
      if (known !== undefined && !(await isPlace(folder, known))) throw new UnknownPlace();
      const place = known ?? (late === undefined ? undefined : await placeBefore(folder, late));
      const reader = await BackwardLines.open(folder, place, longest);
      const front: Front = { stream, reader, place: undefined, lines: [], index: 0 };
      await advance(front);
      return front;
    }),
  );
}

async function advance(front: Front): Promise<void> {
  front.lines = (await front.reader.next()) ?? [];
  front.index = 0;
}

/** The front with the newest line; what is no record is passed first, for it has no time. */
function newest(fronts: readonly Front[]): Front | undefined {
  let best: Front | undefined;
  for (const front of fronts) {
    const line = front.lines[front.index];
    if (line === undefined) continue;
    if (line.at === undefined) return front;
    const at = best?.lines[best.index]?.at;
    if (at === undefined || line.at > at) best = front;
  }
  return best;
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

function stopped(
  seen: Omit<Coverage, 'from' | 'complete' | 'next'>,
  oldest: string,
  fronts: readonly Front[],
): Coverage {
  const places = fronts.flatMap((front) => {
    const place = placeOf(front);
    return place === undefined ? [] : [[front.stream, place] as const];
  });
  return { ...seen, from: oldest, complete: false, next: Object.fromEntries(places) };
}

/** Where a front goes on: behind its last line, or before its first. A stream that has ended has none. */
function placeOf({ place, lines: [first] }: Front): Place | undefined {
  if (first === undefined) return undefined;
  const { segment, offset } = first.place;
  return place ?? { segment, offset: offset + first.bytes.length + 1 };
}

function instant(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
