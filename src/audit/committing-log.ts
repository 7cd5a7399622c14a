import type { Clock } from '../core/clock.ts';
import { OAuthError } from '../core/oauth-error.ts';
import type { FileLock } from '../store/file-lock.ts';
import type { Log } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { EntryQueue, Settle } from './entry-queue.ts';
import { type AuditEvent, type Recordable, recordJson } from './events.ts';
import type { GroupCommit } from './group-commit.ts';
import type { AuditLimits } from './limits.ts';
import type { Head } from './line.ts';
import type { RecordBody } from './record.ts';
import type { RefusalCounts } from './refusal-counts.ts';
import { RefusalShare } from './refusal-share.ts';
import type { SegmentWriter } from './segment-writer.ts';
import { StreamInUse } from './stream-in-use.ts';
import type { Upkeep } from './upkeep.ts';

export interface CommittingLogDeps {
  readonly limits: AuditLimits;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly writer: SegmentWriter;
  readonly queue: EntryQueue;
  readonly commit: GroupCommit;
  readonly counts: RefusalCounts;
  readonly upkeep: Upkeep;
  readonly lock: FileLock;
}

/** The log of one stream: what it takes, what it leaves out, and when it says that it cannot. */
export class CommittingLog {
  readonly #deps: CommittingLogDeps;
  readonly #share: RefusalShare;
  #closing: Promise<void> | undefined;
  #closed = false;

  constructor(deps: CommittingLogDeps) {
    this.#deps = deps;
    const { refusedPerSecond, refusedBurst } = deps.limits;
    this.#share = new RefusalShare(refusedPerSecond, refusedBurst, deps.clock.now());
  }

  /** Writes the first record. Throws StreamInUse. */
  async start(record: RecordBody, everySecond: (run: () => void) => () => void): Promise<void> {
    const { clock, commit, upkeep } = this.#deps;
    await upkeep.measureSpace();
    this.#enqueue(record, clock.now());
    commit.wake();
    await commit.settled();
    await upkeep.saveHead();
    await this.#refuseForeign();
    upkeep.start(everySecond);
  }

  /** Two replicas that have started on one new stream at once: the store has the head of the other one. */
  async #refuseForeign(): Promise<void> {
    const { commit, writer } = this.#deps;
    if (commit.failure?.final !== true) return;
    await writer.close();
    throw new StreamInUse(`${commit.failure.reason}; give each replica a name of its own in audit.stream`);
  }

  record(event: AuditEvent): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const now = this.#deps.clock.now();
    const obstacle = this.#obstacleFor(event);
    if (obstacle === undefined) {
      this.#enqueue(event, now, (error) => (error === undefined ? resolve() : reject(error)));
    } else {
      reject(new OAuthError('audit_unavailable', { detail: obstacle }));
      if (event.type === 'issued' || event.type === 'failed') this.#enqueue(event, now);
    }
    return promise;
  }

  note(event: AuditEvent): void {
    const now = this.#deps.clock.now();
    if (event.type !== 'refused' || this.#hasRoomForRefusal(now)) this.#enqueue(event, now);
    else this.#leaveOut(event.about.identity.issuer, event.error ?? 'refused');
  }

  countRefused(issuer: string | undefined, reason: string, verified = false): void {
    this.#deps.counts.add({ issuer, reason, verified }, this.#deps.clock.now());
  }

  head(): Head {
    return this.#deps.commit.head;
  }

  state(): { readonly ok: true } | { readonly ok: false; readonly reason: string } {
    const reason = this.#brokenBecause() ?? (this.#isLow(1) ? 'the disk of the audit log is nearly full' : undefined);
    return reason === undefined ? { ok: true } : { ok: false, reason };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #obstacleFor({ type }: AuditEvent): string | undefined {
    const broken = this.#brokenBecause();
    if (broken !== undefined || type === 'issued' || type === 'failed') return broken;
    if (this.#deps.queue.mainLength >= this.#deps.limits.maxQueued) return 'too many records wait for the disk';
    const releases = type === 'allowed' || type === 'reused';
    return releases && this.#isLow(1) ? 'the disk of the audit log is nearly full' : undefined;
  }

  #brokenBecause(): string | undefined {
    const { commit, clock, limits } = this.#deps;
    if (commit.failure !== undefined) return commit.failure.reason;
    if (this.#closing !== undefined) return 'the audit log is closed';
    const since = commit.writingSince;
    const stalled = since !== undefined && clock.now() - since > limits.maxCommitMilliseconds;
    return stalled ? 'the disk of the audit log does not answer' : undefined;
  }

  /** Whether less than so many times the reserve is free. */
  #isLow(times: number): boolean {
    const { upkeep, limits } = this.#deps;
    return upkeep.freeBytes < times * limits.minFreeBytes;
  }

  #enqueue(recordable: Recordable, at: number, settle?: Settle): void {
    const { queue, commit, log } = this.#deps;
    const { type } = recordable;
    if (this.#closed) {
      log.error('a record came after the audit log had closed', { kind: type });
      return;
    }
    try {
      const entry = { record: recordJson(recordable), at, settle };
      if (type === 'refused' && settle === undefined) queue.pushRefused(entry);
      else queue.push(entry);
    } catch (error) {
      log.error('an audit record cannot be written as JSON', { kind: type, cause: error });
      settle?.(new OAuthError('audit_unavailable', { detail: 'record is not JSON', cause: error }));
      return;
    }
    if (settle === undefined) commit.wakeSoon();
    else commit.wake();
  }

  // The last room on the disk is for what must be recorded, so refusals give way at twice the reserve.
  #hasRoomForRefusal(now: number): boolean {
    const open = this.#brokenBecause() === undefined && !this.#isLow(2);
    return open && this.#share.take(now) && !this.#deps.queue.isFullOfRefused;
  }

  #leaveOut(issuer: string, reason: string): void {
    this.#deps.metrics.auditDropped.inc();
    this.#deps.counts.add({ issuer, reason, verified: true }, this.#deps.clock.now());
  }

  async #close(): Promise<void> {
    const { commit, writer, queue, clock, lock, log, upkeep } = this.#deps;
    await upkeep.stop();
    await commit.settled();
    if (commit.failure === undefined) upkeep.summarise();
    queue.push({ record: recordJson({ type: 'lifecycle', outcome: 'stopped' }), at: clock.now() });
    this.#closed = true;
    commit.retry();
    await commit.settled();
    if (queue.length > 0) log.error('the audit log closes with records it cannot write', { count: queue.length });
    await upkeep.saveHead();
    await writer.close();
    lock.release();
  }
}
