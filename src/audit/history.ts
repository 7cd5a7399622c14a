import { join } from 'node:path';
import { setTimeout as pass } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import { type BackwardLine, BackwardLines, isPlace, type Place } from './backward-lines.ts';
import { isMissing } from './disk.ts';
import { parseLine } from './line.ts';
import type { AuditRecord } from './record.ts';
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
  /** Texts that a line must hold, as `containing` makes them: other lines are passed over without being parsed. */
  readonly containing?: readonly string[] | undefined;
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
  /** Lines that are no sound record; `carnet audit verify` says which. */
  readonly unreadable: number;
  /** Where to go on; absent at the end. */
  readonly next?: Places;
}

export interface HistoryLimits {
  readonly maxBytes: number;
  readonly maxMilliseconds: number;
  /** Between two pieces of 128 KiB, each of which takes one or two. */
  readonly pauseMilliseconds: number;
}

export const HISTORY_LIMITS: HistoryLimits = {
  maxBytes: 256 * 1024 * 1024,
  maxMilliseconds: 15_000,
  pauseMilliseconds: 3,
};

/** For a process that serves nobody else: nothing bounds it but the log. */
export const UNBOUNDED: HistoryLimits = {
  maxBytes: Number.POSITIVE_INFINITY,
  maxMilliseconds: Number.POSITIVE_INFINITY,
  pauseMilliseconds: 0,
};

/** Whoever has to wait behind more than these asks again later. */
const MAX_WAITING = 4;
/** Clocks that were set back put records out of the order of their times by at most this. */
const SLACK_MS = 10 * 60_000;

/** Too many readings wait already. */
export class HistoryBusy extends Error {
  override readonly name = 'HistoryBusy';
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
 * One reading at a time, bounded in bytes and time, in small pieces with pauses, so that exchanges go on beside it.
 */
export class AuditHistory {
  readonly #deps: HistoryDeps;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(deps: HistoryDeps) {
    this.#deps = deps;
  }

  /** Resolves once all was visited that could be. Throws HistoryBusy, UnknownPlace and what the disk throws. */
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
    const { directory, clock, limits = HISTORY_LIMITS } = this.#deps;
    const began = clock.now();
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
        const record = recordIn(line, query.containing ?? []);
        if (record === 'unreadable') seen.unreadable += 1;
        else if (record !== undefined && visit(record) === false) return stopped(seen, oldest, fronts);
      } else wentPast ||= line.at < from;
      if (front.lines.length > 0 && front.index >= front.lines.length) {
        const bytes = fronts.reduce((sum, { reader }) => sum + reader.bytes, 0);
        const isOver = bytes >= limits.maxBytes || clock.now() - began >= limits.maxMilliseconds;
        if (isOver) return stopped(seen, oldest, fronts);
        await pass(limits.pauseMilliseconds);
        await advance(front);
      }
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
  { until, after }: HistoryQuery,
): Promise<readonly Front[]> {
  if (Object.keys(after ?? {}).some((stream) => !streams.includes(stream))) throw new UnknownPlace();
  const wanted = after === undefined ? streams : streams.filter((stream) => Object.hasOwn(after, stream));
  const late = until === undefined ? undefined : instant(until + SLACK_MS);
  return Promise.all(
    wanted.map(async (stream) => {
      const folder = join(directory, stream);
      const known = after?.[stream];
      if (known !== undefined && !(await isPlace(folder, known))) throw new UnknownPlace();
      const place = known ?? (late === undefined ? undefined : await placeBefore(folder, late));
      const reader = await BackwardLines.open(folder, place);
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
function recordIn({ bytes }: BackwardLine, texts: readonly string[]): AuditRecord | 'unreadable' | undefined {
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
