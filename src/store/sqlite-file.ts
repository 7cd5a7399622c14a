import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * Opens the file, creating it (0600) and its folder (0700) where missing, so that a statement that has returned is on
 * disk: write-ahead log, FULL synchronisation. Opening waits, and blocks, up to `busyTimeoutMs` for a process that holds the
 * lock; a statement does not wait (`whenUnlocked` does).
 */
export function openSqliteFile(path: string, busyTimeoutMs: number): DatabaseSync {
  createFile(path);
  const database = new DatabaseSync(path, { timeout: busyTimeoutMs });
  try {
    setDurability(database);
    database.exec('pragma busy_timeout = 0');
    return database;
  } catch (cause) {
    database.close();
    throw cause;
  }
}

/** SQLite would create the file readable by everybody; its -wal and -shm files take over this one's mode. */
function createFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600));
}

function setDurability(database: DatabaseSync): void {
  const mode = database.prepare('pragma journal_mode = wal').get()?.['journal_mode'];
  if (mode !== 'wal') throw new Error('its file system has no shared memory for the write-ahead log; use a local disk');
  // NORMAL would lose the last writes in a power cut. Said outright: the default depends on how SQLite was built.
  database.exec('pragma synchronous = full');
}
