import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import { OAuthError } from '../core/oauth-error.ts';
import type { Log } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type Entry, type EntryQueue, outlivesFailure } from './entry-queue.ts';
import { recordJson } from './events.ts';
import type { Head } from './line.ts';
import { LineBytes } from './line-bytes.ts';
import type { RecordType } from './record.ts';
import { ForeignWrite, type SegmentWriter } from './segment-writer.ts';

export interface CommitDeps {
  readonly stream: string;
  readonly queue: EntryQueue;
  readonly writer: SegmentWriter;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
}

export interface Failure {
  readonly reason: string;
  /** Nothing mends it but a restart after somebody has looked. */
  readonly final: boolean;
}

interface Batch {
  readonly entries: readonly Entry[];
  readonly bytes: Buffer;
  readonly head: Head;
}

/** So long a record for which nobody waits may wait for one that somebody waits for, and share its fsync. */
const UNAWAITED_MS = 10;

/** A request that is read in one turn of the event loop may be decided after this was looked at in the same turn. */
const QUIET_TURNS = 2;
/** Two records of each of the 64 exchanges that go on in one turn: whoever came first waits no longer. */
const LARGE_GROUP = 128;

/**
 * Commits whatever is queued in groups: one write and one fsync each, and everything queued meanwhile goes into the
 * next. The chain moves on only when a group is on disk.
 */
export class GroupCommit {
  readonly #deps: CommitDeps;
  readonly #lines = new LineBytes();
  #head: Head;
  #failure: Failure | undefined;
  #running: Promise<void> | undefined;
  /** Whether something queued may not wait any longer. */
  #due = false;
  #timer: NodeJS.Timeout | undefined;
  #writingSince: number | undefined;

  constructor(deps: CommitDeps, head: Head) {
    this.#deps = deps;
    this.#head = head;
  }

  /** The last record that is on disk. */
  get head(): Head {
    return this.#head;
  }

  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** When the commit under way began, milliseconds; undefined between commits. */
  get writingSince(): number | undefined {
    return this.#writingSince;
  }

  /** To be called after queueing what somebody waits for. While the log is broken only `retry` writes. */
  wake(): void {
    if (this.#failure === undefined) this.retry();
  }

  /** To be called after queueing what nobody waits for. */
  wakeSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.wake();
    }, UNAWAITED_MS);
  }

  /** Writes all that is queued; of use while the log is broken. */
  retry(): void {
    if (this.#failure?.final === true || this.#deps.queue.length === 0) return;
    this.#due = true;
    this.#running ??= this.#run();
  }

  /** Resolves when nothing is being written: all is on disk, or the log is broken. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Breaks the log for good: nothing more is written. */
  stopForGood(reason: string): void {
    this.#failure = { reason, final: true };
    this.#rejectWaiting();
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (this.#due && failures < 2) {
      await this.#gathered();
      if (this.#failure?.final === true) break;
      const batch = this.#build(this.#deps.queue.takeBatch());
      this.#due = this.#deps.queue.length > 0;
      if (await this.#commit(batch)) {
        failures = 0;
      } else {
        failures += 1;
        this.#due = true;
      }
    }
    if (this.#failure !== undefined) this.#rejectWaiting();
    this.#running = undefined;
  }

  /** Resolves when the requests that were already on their way have queued their records too, or the group is large. */
  async #gathered(): Promise<void> {
    const { queue } = this.#deps;
    for (let quiet = 0; quiet < QUIET_TURNS && queue.length < LARGE_GROUP; ) {
      const before = queue.length;
      await setImmediate();
      quiet = queue.length > before ? 0 : quiet + 1;
    }
  }

  #build(entries: readonly Entry[]): Batch {
    const { stream } = this.#deps;
    let head = this.#head;
    this.#lines.clear();
    for (const { record, at } of entries) head = this.#lines.add({ stream, after: head, at, record });
    return { entries, bytes: this.#lines.bytes, head };
  }

  async #commit({ entries, bytes, head }: Batch): Promise<boolean> {
    if (entries.length === 0) return true;
    const { stream, writer, clock, metrics, log } = this.#deps;
    const stopTimer = metrics.auditCommitSeconds.startTimer();
    this.#writingSince = clock.now();
    try {
      await writer.append(bytes, this.#head.seq + 1);
    } catch (error) {
      this.#fail(entries, error);
      return false;
    } finally {
      this.#writingSince = undefined;
    }
    stopTimer();
    this.#head = head;
    if (this.#failure?.final === false) {
      this.#failure = undefined;
      log.info('the audit log is written again', { stream, seq: head.seq });
    }
    for (const { settle } of entries) settle?.();
    for (const [type, count] of countByType(entries)) metrics.auditRecords.inc({ type }, count);
    return true;
  }

  #fail(entries: readonly Entry[], error: unknown): void {
    const { stream, queue, clock, log } = this.#deps;
    const reason = error instanceof Error ? error.message : 'unknown';
    const kept = this.#release(entries, reason);
    const first = this.#failure === undefined;
    if (this.#failure?.final !== true) this.#failure = { reason, final: error instanceof ForeignWrite };
    if (first) {
      log.error('the audit log cannot be written: nothing is issued until it can', {
        stream,
        detail: reason,
        cause: error,
      });
      const record = recordJson({ type: 'lifecycle', outcome: 'interrupted', detail: reason });
      kept.unshift({ record, at: clock.now() });
    }
    queue.putBack(kept);
  }

  #rejectWaiting(): void {
    const { queue } = this.#deps;
    queue.putBack(this.#release(queue.takeMain(), this.#failure?.reason ?? 'stopped'));
  }

  /** Tells everybody who waits that it failed, and gives back the entries that must still be written. */
  #release(entries: readonly Entry[], reason: string): Entry[] {
    for (const { settle } of entries) settle?.(new OAuthError('audit_unavailable', { detail: reason }));
    return entries.filter(outlivesFailure).map(({ record, at }) => ({ record, at }));
  }
}

function countByType(entries: readonly Entry[]): ReadonlyMap<RecordType, number> {
  const counts = new Map<RecordType, number>();
  for (const { record } of entries) counts.set(record.type, (counts.get(record.type) ?? 0) + 1);
  return counts;
}
