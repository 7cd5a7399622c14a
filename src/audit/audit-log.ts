import { join } from 'node:path';
import { ConfigFaults } from '../config/config-faults.ts';
import type { Clock } from '../core/clock.ts';
import type { DocumentStore } from '../store/document-store.ts';
import { type FileLock, lockFile } from '../store/file-lock.ts';
import type { Log } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { CommittingLog } from './committing-log.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { EntryQueue } from './entry-queue.ts';
import type { AuditEvent } from './events.ts';
import { GroupCommit } from './group-commit.ts';
import { HeadKeeper } from './heads.ts';
import { type AuditLimits, DEFAULT_LIMITS } from './limits.ts';
import type { Head } from './line.ts';
import { assertHolds, recover } from './recovery.ts';
import { RefusalCounts } from './refusal-counts.ts';
import { SegmentWriter } from './segment-writer.ts';
import { isStreamName } from './segments.ts';
import { StreamInUse } from './stream-in-use.ts';
import { Upkeep } from './upkeep.ts';

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

/**
 * Takes a stream for writing and goes on where it ended. Throws StreamInUse, ConfigFaults when the directory is none to
 * write to, AuditLogCorrupt when what is there cannot be trusted, or what disk and store threw. A disk that is full does
 * not fail the start: nothing is issued until it takes records again.
 */
export async function openAuditLog(deps: AuditLogDeps): Promise<AuditLog> {
  const { directory, stream } = deps;
  if (!isStreamName(stream)) throw new Error(`"${stream}" cannot name an audit stream`);
  const folder = join(directory, stream);
  const lock = await lockIn(folder, deps);
  if (lock === undefined) throw new StreamInUse(`audit stream ${stream} in ${directory} has another writer`);
  try {
    return await openLocked(deps, folder, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function lockIn(folder: string, { directory, disk = nodeDisk }: AuditLogDeps): Promise<FileLock | undefined> {
  try {
    await disk.makeDirectory(folder);
    await disk.syncDirectory(directory);
    return lockFile(join(folder, 'lock'));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    const hint = 'it has to be a folder of a local disk in which the user that runs Carnet may write';
    throw new ConfigFaults([{ path: 'audit.directory', message: `${folder} cannot be used${code}`, hint }]);
  }
}

async function openLocked(deps: AuditLogDeps, folder: string, lock: FileLock): Promise<AuditLog> {
  const { stream, store, clock, metrics, disk = nodeDisk, log = SILENT, everySecond = realSeconds } = deps;
  const limits = { ...DEFAULT_LIMITS, ...deps.limits };
  const heads = new HeadKeeper({
    store,
    stream,
    log,
    assertHeld: (held) => assertHolds(folder, commit.head, held),
  });
  const isAway = store.asOf?.() !== undefined;
  const { head, last, recovery } = await recover(folder, stream, isAway ? undefined : await heads.load());
  if (recovery?.torn !== undefined) {
    const { file, droppedBytes } = recovery.torn;
    log.warn('the last line of the audit log was torn and is taken off', { stream, source: file, count: droppedBytes });
  }
  const writer = new SegmentWriter({ disk, folder, maxSegmentBytes: limits.maxSegmentBytes, last });
  const queue = new EntryQueue(limits.maxRefusedQueued);
  const commit = new GroupCommit({ stream, queue, writer, clock, metrics, log }, head);
  if (isAway) heads.later();
  const counts = new RefusalCounts();
  const upkeep = new Upkeep({ folder, disk, clock, log, writer, heads, queue, commit, counts });
  const auditLog = new CommittingLog({ limits, clock, metrics, log, writer, queue, commit, counts, upkeep, lock });
  await auditLog.start({ type: 'lifecycle', outcome: 'started', recovery }, everySecond);
  return auditLog;
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
