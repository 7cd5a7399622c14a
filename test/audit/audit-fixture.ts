import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type AuditLog, type AuditLogDeps, openAuditLog } from '../../src/audit/audit-log.ts';
import { type Disk, type DiskFile, nodeDisk } from '../../src/audit/disk.ts';
import { readAuditLog } from '../../src/audit/read-log.ts';
import type { AuditRecord } from '../../src/audit/record.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryStore, STREAM } from './audit-records.ts';

/** The real disk, counted, with faults that a test sets. */
export class FaultyDisk implements Disk {
  syncs = 0;
  directorySyncs = 0;
  truncates = 0;
  free = Number.MAX_SAFE_INTEGER;
  /** Asked before each write: an error to throw, or how many bytes of it reach the disk before ENOSPC. */
  onWrite: ((bytes: number) => Error | number | undefined) | undefined;
  onSync: (() => Promise<void> | Error | undefined) | undefined;
  onTruncate: (() => Error | undefined) | undefined;
  onSyncDirectory: (() => Error | undefined) | undefined;
  onOpen: ((path: string) => Error | undefined) | undefined;
  /** At most so many bytes of each write go in. */
  shortWrite = Number.POSITIVE_INFINITY;

  makeDirectory(path: string): Promise<void> {
    return nodeDisk.makeDirectory(path);
  }

  async syncDirectory(path: string): Promise<void> {
    this.directorySyncs += 1;
    raise(this.onSyncDirectory?.());
    await nodeDisk.syncDirectory(path);
  }

  sizeOf(path: string): Promise<number> {
    return nodeDisk.sizeOf(path);
  }

  async freeBytes(): Promise<number> {
    return this.free;
  }

  async open(path: string): Promise<DiskFile> {
    raise(this.onOpen?.(path));
    const file = await nodeDisk.open(path);
    return {
      write: async (bytes, position) => {
        const fault = this.onWrite?.(bytes.byteLength);
        if (fault instanceof Error) throw fault;
        if (typeof fault === 'number') {
          await file.write(bytes.subarray(0, fault), position);
          throw diskError('ENOSPC');
        }
        return file.write(bytes.subarray(0, this.shortWrite), position);
      },
      sync: async () => {
        this.syncs += 1;
        const fault = this.onSync?.();
        if (fault instanceof Error) throw fault;
        await fault;
        await file.sync();
      },
      truncate: async (length) => {
        this.truncates += 1;
        raise(this.onTruncate?.());
        await file.truncate(length);
      },
      stat: () => file.stat(),
      close: () => file.close(),
    };
  }
}

function raise(error: Error | undefined): void {
  if (error !== undefined) throw error;
}

export function diskError(code: string): Error {
  return Object.assign(new Error(`${code}: the disk says no`), { code });
}

/** Told to move on by hand. */
export class HandTimer {
  #run: (() => void) | undefined;

  readonly everySecond = (run: () => void) => {
    this.#run = run;
    return () => {
      this.#run = undefined;
    };
  };

  tick(): void {
    this.#run?.();
  }
}

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'carnet-audit-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

export interface Bench {
  readonly directory: string;
  readonly store: MemoryStore;
  readonly clock: FakeClock;
  readonly disk: FaultyDisk;
  readonly timer: HandTimer;
  readonly metrics: ReturnType<typeof createMetrics>;
  readonly open: (deps?: Partial<AuditLogDeps>) => Promise<AuditLog>;
  /** Opens the segments' folder of STREAM: names in order. */
  readonly files: () => Promise<readonly string[]>;
}

export async function bench(): Promise<Bench> {
  const directory = await temporaryDirectory();
  const parts = { store: new MemoryStore(), clock: new FakeClock(), disk: new FaultyDisk(), metrics: createMetrics() };
  const timer = new HandTimer();
  const logs: AuditLog[] = [];
  onTestFinished(async () => {
    for (const log of logs) await log.close();
  });
  return {
    directory,
    timer,
    ...parts,
    open: async (deps) => {
      const log = await openAuditLog({ directory, stream: STREAM, everySecond: timer.everySecond, ...parts, ...deps });
      logs.push(log);
      return log;
    },
    files: async () =>
      (await readdir(join(directory, STREAM)))
        .filter((name) => name.endsWith('.jsonl'))
        .sort()
        .map((name) => join(directory, STREAM, name)),
  };
}

export async function recordsOf(directory: string): Promise<readonly AuditRecord[]> {
  const records: AuditRecord[] = [];
  for await (const record of readAuditLog({ directory })) records.push(record);
  return records;
}

export async function edit(path: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  await writeFile(path, change(await readFile(path)));
}
