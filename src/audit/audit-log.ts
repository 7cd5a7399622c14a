import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { OAuthError } from '../core/oauth-error.ts';
import type { DocumentStore } from '../store/document-store.ts';
import { type FileLock, lockFile } from '../store/file-lock.ts';
import type { Log } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { type Entry, EntryQueue } from './entry-queue.ts';
import { type AuditEvent, toBody } from './events.ts';
import { GroupCommit } from './group-commit.ts';
import { HeadKeeper } from './heads.ts';
import { type AuditLimits, DEFAULT_LIMITS } from './limits.ts';
import type { Head } from './line.ts';
import type { RecordBody } from './record.ts';
import { recover } from './recovery.ts';
import { RefusalCounts } from './refusal-counts.ts';
import { RefusalShare } from './refusal-share.ts';
import { ForeignWrite, SegmentWriter } from './segment-writer.ts';
import { isStreamName } from './segments.ts';

/** The durable record of everything that is decided and issued (DESIGN section 11). */
export interface AuditLog {
  /** Resolves once the record is on disk. Throws OAuthError `audit_unavailable`: then no credential may be answered. */
  record(event: AuditEvent): Promise<void>;
  /**
   * Records without anybody waiting. A "refused" may be left out when its bounded share is full and is then counted in
   * a summary; everything else is kept, through failures too, until it is on disk.
   */
  note(event: AuditEvent): void;
  /**
   * Counts a refusal that gets no record: before an identity was verified, or after it where `verified`. `issuer` is a
   * configured TrustedIssuer's name, undefined for all others; `reason` comes from a closed list.
   */
  countRefused(issuer: string | undefined, reason: string, verified?: boolean): void;
  /** The last record on disk. */
  head(): Head;
  /** Whether issuing is possible, for `/readyz`. */
  state(): { readonly ok: true } | { readonly ok: false; readonly reason: string };
  /** Writes what is queued, the summaries and a last record, stores the head and lets the stream go. */
  close(): Promise<void>;
}

export interface AuditLogDeps {
  /** Holds a folder per stream. */
  readonly directory: string;
  /** One writer each: the replica's name. Lower-case letters, digits, `.` and `-`, at most 63. */
  readonly stream: string;
  readonly store: DocumentStore;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log?: Log;
  readonly limits?: Partial<AuditLimits>;
  readonly disk?: Disk;
  /** Calls back each second until the returned function is called. */
  readonly everySecond?: (run: () => void) => () => void;
}

/** Another process, or another part of this one, writes the stream. */
export class StreamInUse extends Error {
  override readonly name = 'StreamInUse';
}

/**
 * Takes a stream for writing and goes on where it ended. Throws StreamInUse, AuditLogCorrupt when what is there cannot
 * be trusted, or what disk and store threw. A disk that is full does not fail the start: nothing is issued until it
 * takes records again.
 */
export async function openAuditLog(deps: AuditLogDeps): Promise<AuditLog> {
  const { directory, stream, disk = nodeDisk } = deps;
  if (!isStreamName(stream)) throw new Error(`"${stream}" cannot name an audit stream`);
  const folder = join(directory, stream);
  await disk.makeDirectory(folder);
  await disk.syncDirectory(directory);
  const lock = lockFile(join(folder, 'lock'));
  if (lock === undefined) throw new StreamInUse(`audit stream ${stream} in ${directory} has another writer`);
  try {
    return await openLocked(deps, folder, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function openLocked(deps: AuditLogDeps, folder: string, lock: FileLock): Promise<AuditLog> {
  const { stream, store, clock, metrics, disk = nodeDisk, log = SILENT, everySecond = realSeconds } = deps;
  const limits = { ...DEFAULT_LIMITS, ...deps.limits };
  const heads = new HeadKeeper(store, stream);
  const { head, last, recovery } = await recover(folder, stream, await heads.load());
  if (recovery?.torn !== undefined) {
    const { file, droppedBytes } = recovery.torn;
    log.warn('the last line of the audit log was torn and is taken off', { stream, source: file, count: droppedBytes });
  }
  const writer = new SegmentWriter({ disk, folder, maxSegmentBytes: limits.maxSegmentBytes, last });
  const queue = new EntryQueue(limits.maxRefusedQueued);
  const commit = new GroupCommit({ stream, queue, writer, clock, metrics, log }, head);
  const parts = { folder, limits, disk, clock, metrics, log, heads, writer, queue, commit, lock };
  const auditLog = new CommittingLog(parts);
  await auditLog.start({ type: 'lifecycle', outcome: 'started', recovery }, everySecond);
  return auditLog;
}

interface Parts {
  readonly folder: string;
  readonly limits: AuditLimits;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly heads: HeadKeeper;
  readonly writer: SegmentWriter;
  readonly queue: EntryQueue;
  readonly commit: GroupCommit;
  readonly lock: FileLock;
}

class CommittingLog implements AuditLog {
  readonly #parts: Parts;
  readonly #counts = new RefusalCounts();
  readonly #share: RefusalShare;
  #stopSeconds: () => void = () => undefined;
  #freeBytes = Number.POSITIVE_INFINITY;
  #ticking: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #closed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { refusedPerSecond, refusedBurst } = parts.limits;
    this.#share = new RefusalShare(refusedPerSecond, refusedBurst, parts.clock.now());
  }

  async start(body: RecordBody, everySecond: (run: () => void) => () => void): Promise<void> {
    await this.#measureSpace();
    this.#enqueue({ body, at: this.#parts.clock.now() });
    this.#parts.commit.wake();
    await this.#parts.commit.settled();
    await this.#saveHead();
    await this.#refuseForeign();
    this.#stopSeconds = everySecond(() => this.#tick());
  }

  /** Two replicas that have started on one new stream at once: the store has the head of the other one. */
  async #refuseForeign(): Promise<void> {
    const { commit, writer } = this.#parts;
    if (commit.failure?.final !== true) return;
    await writer.close();
    throw new StreamInUse(`${commit.failure.reason}; give each replica a name of its own in audit.stream`);
  }

  record(event: AuditEvent): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const entry: Entry = {
      body: toBody(event),
      at: this.#parts.clock.now(),
      settle: (error) => (error === undefined ? resolve() : reject(error)),
    };
    const obstacle = this.#obstacleFor(event);
    if (obstacle === undefined) {
      this.#enqueue(entry);
    } else {
      reject(new OAuthError('audit_unavailable', { detail: obstacle }));
      if (event.type === 'issued' || event.type === 'failed') this.#enqueue({ body: entry.body, at: entry.at });
    }
    return promise;
  }

  note(event: AuditEvent): void {
    const entry: Entry = { body: toBody(event), at: this.#parts.clock.now() };
    if (event.type !== 'refused') this.#enqueue(entry);
    else if (this.#hasRoomForRefusal(entry)) this.#parts.commit.wakeSoon();
    else this.#leaveOut(event.identity.issuer, event.error ?? 'refused');
  }

  countRefused(issuer: string | undefined, reason: string, verified = false): void {
    this.#counts.add({ issuer, reason, verified }, this.#parts.clock.now());
  }

  head(): Head {
    return this.#parts.commit.head;
  }

  state(): ReturnType<AuditLog['state']> {
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
    if (this.#parts.queue.mainLength >= this.#parts.limits.maxQueued) return 'too many records wait for the disk';
    const releases = type === 'allowed' || type === 'reused';
    return releases && this.#isLow(1) ? 'the disk of the audit log is nearly full' : undefined;
  }

  #brokenBecause(): string | undefined {
    const { commit, clock, limits } = this.#parts;
    if (commit.failure !== undefined) return commit.failure.reason;
    if (this.#closing !== undefined) return 'the audit log is closed';
    const stalled = clock.now() - (commit.writingSince ?? clock.now()) > limits.maxCommitMilliseconds;
    return stalled ? 'the disk of the audit log does not answer' : undefined;
  }

  /** Whether less than so many times the reserve is free. */
  #isLow(times: number): boolean {
    return this.#freeBytes < times * this.#parts.limits.minFreeBytes;
  }

  #enqueue(entry: Entry): void {
    if (this.#closed) {
      this.#parts.log.error('a record came after the audit log had closed', { kind: entry.body.type });
      return;
    }
    const { queue, commit } = this.#parts;
    queue.push(entry);
    if (entry.settle === undefined) commit.wakeSoon();
    else commit.wake();
  }

  // The last room on the disk is for what must be recorded, so refusals give way at twice the reserve.
  #hasRoomForRefusal(entry: Entry): boolean {
    const open = this.#brokenBecause() === undefined && !this.#isLow(2);
    return open && this.#share.take(entry.at) && this.#parts.queue.pushRefused(entry);
  }

  #leaveOut(issuer: string, reason: string): void {
    this.#parts.metrics.auditDropped.inc();
    this.#counts.add({ issuer, reason, verified: true }, this.#parts.clock.now());
  }

  #tick(): void {
    if (this.#ticking !== undefined || this.#closing !== undefined) return;
    this.#ticking = this.#maintain().finally(() => {
      this.#ticking = undefined;
    });
  }

  async #maintain(): Promise<void> {
    const { commit, clock } = this.#parts;
    await this.#measureSpace();
    commit.retry();
    if (commit.failure === undefined && this.#counts.isDue(clock.now())) this.#summarise();
    await this.#saveHead();
  }

  #summarise(): void {
    const now = this.#parts.clock.now();
    for (const body of this.#counts.take(now)) this.#parts.queue.push({ body, at: now });
    this.#parts.commit.wake();
  }

  async #measureSpace(): Promise<void> {
    const { disk, folder, log } = this.#parts;
    try {
      this.#freeBytes = await disk.freeBytes(folder);
    } catch (error) {
      log.warn('the free space of the audit log cannot be measured', { cause: error });
    }
  }

  // A store that is down does not stop issuing: the records are on disk, and the head follows.
  async #saveHead(): Promise<void> {
    const { heads, commit, log } = this.#parts;
    if (commit.failure?.final === true || commit.head.seq === 0) return;
    try {
      await heads.save(commit.head);
    } catch (error) {
      if (error instanceof ForeignWrite) commit.stopForGood(error.message);
      log.error('the head of the audit log cannot be stored', { cause: error });
    }
  }

  async #close(): Promise<void> {
    const { commit, writer, queue, clock, lock, log } = this.#parts;
    this.#stopSeconds();
    await this.#ticking;
    await commit.settled();
    if (commit.failure === undefined) this.#summarise();
    queue.push({ body: { type: 'lifecycle', outcome: 'stopped' }, at: clock.now() });
    this.#closed = true;
    commit.retry();
    await commit.settled();
    if (queue.length > 0) log.error('the audit log closes with records it cannot write', { count: queue.length });
    await this.#saveHead();
    await writer.close();
    lock.release();
  }
}

const SILENT: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

function realSeconds(run: () => void): () => void {
  const timer = setInterval(run, 1_000).unref();
  return () => clearInterval(timer);
}
