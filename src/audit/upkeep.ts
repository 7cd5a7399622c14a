import type { Clock } from '../core/clock.ts';
import type { Log } from '../telemetry/logger.ts';
import type { Disk } from './disk.ts';
import type { EntryQueue } from './entry-queue.ts';
import { recordJson } from './events.ts';
import type { GroupCommit } from './group-commit.ts';
import type { HeadKeeper } from './heads.ts';
import { AuditLogCorrupt } from './recovery.ts';
import type { RefusalCounts } from './refusal-counts.ts';
import { ForeignWrite, type SegmentWriter } from './segment-writer.ts';

export interface UpkeepDeps {
  readonly folder: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  readonly writer: SegmentWriter;
  readonly heads: HeadKeeper;
  readonly queue: EntryQueue;
  readonly commit: GroupCommit;
  readonly counts: RefusalCounts;
}

/** What a log does each second: it looks at the disk, tries again what failed, writes summaries and stores its head. */
export class Upkeep {
  readonly #deps: UpkeepDeps;
  #freeBytes = Number.POSITIVE_INFINITY;
  #running: Promise<void> | undefined;
  #saving: Promise<void> | undefined;
  #stopSeconds: () => void = () => undefined;

  constructor(deps: UpkeepDeps) {
    this.#deps = deps;
  }

  /** Bytes on the disk at the last look; infinite until one was possible. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  start(everySecond: (run: () => void) => () => void): void {
    this.#stopSeconds = everySecond(() => {
      this.#running ??= this.#run().finally(() => {
        this.#running = undefined;
      });
    });
  }

  /** Resolves when nothing of it runs any more, but that a head may be on its way to the store. */
  async stop(): Promise<void> {
    this.#stopSeconds();
    await this.#running;
  }

  async measureSpace(): Promise<void> {
    const { disk, folder, log } = this.#deps;
    try {
      this.#freeBytes = await disk.freeBytes(folder);
    } catch (error) {
      log.warn('the free space of the audit log cannot be measured', { cause: error });
    }
  }

  /** A log that was moved away, or cut, while it is written: at the latest a second later nothing is issued. */
  async #lookAtFile(): Promise<void> {
    const { writer, commit, log } = this.#deps;
    if (commit.failure?.final === true) return;
    try {
      await writer.assertInPlace();
    } catch (error) {
      if (error instanceof ForeignWrite) commit.stopForGood(error.message);
      log.error('the audit log is not where it was written', {
        detail: error instanceof Error && error.message,
        cause: error,
      });
    }
  }

  summarise(): void {
    const { queue, commit, counts, clock } = this.#deps;
    const now = clock.now();
    for (const record of counts.take(now)) queue.push({ record: recordJson(record), at: now });
    commit.wake();
  }

  /** A store that is down, or hangs, stops nothing: the records are on disk, and the head follows. */
  async saveHead(): Promise<void> {
    await this.#saving;
    this.#saving = this.#saveHead().finally(() => {
      this.#saving = undefined;
    });
    await this.#saving;
  }

  async #saveHead(): Promise<void> {
    const { heads, commit, log } = this.#deps;
    if (commit.failure?.final === true || commit.head.seq === 0) return;
    try {
      await heads.save(commit.head);
    } catch (error) {
      const isFinal = error instanceof ForeignWrite || error instanceof AuditLogCorrupt;
      if (isFinal) commit.stopForGood(error.message);
      log.error('the head of the audit log cannot be stored', { cause: error });
    }
  }

  async #run(): Promise<void> {
    const { commit, counts, clock } = this.#deps;
    await this.measureSpace();
    await this.#lookAtFile();
    commit.retry();
    if (commit.failure === undefined && counts.isDue(clock.now())) this.summarise();
    if (this.#saving === undefined) void this.saveHead();
  }
}
