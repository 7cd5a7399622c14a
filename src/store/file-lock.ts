import { DatabaseSync } from 'node:sqlite';
import { SQLITE_BUSY, sqliteCode } from './store-fault.ts';

/** Held until `release`, or until the process is gone, however it went. */
export interface FileLock {
  release(): void;
}

/**
 * Takes the one lock that a file stands for, or returns undefined while another process, or another part of this one,
 * holds it. The operating system keeps it (the lock of an empty SQLite database), so kill -9 leaves nothing stale and
 * no process id has to be believed. Needs a file system with working locks, as the store itself does.
 */
export function lockFile(path: string): FileLock | undefined {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (sqliteCode(error) === SQLITE_BUSY) return undefined;
    throw error;
  }
  return { release: () => database.close() };
}
