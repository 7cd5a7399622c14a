import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../core/clock.ts';
import type { DocumentStore } from './document-store.ts';
import { whenUnlocked } from './locked.ts';
import { SqlDocumentStore } from './sql-document-store.ts';
import { SqliteDatabase } from './sqlite-database.ts';
import { openSqliteFile } from './sqlite-file.ts';
import { migrate } from './sqlite-migrations.ts';
import { sqliteFault } from './store-fault.ts';

interface SqliteStoreOptions {
  readonly path: string;
  readonly clock: Clock;
  /** How often the writes of other processes are looked for. Default 1 s. */
  readonly watchIntervalMs?: number;
  /** How long a statement waits for another process that writes. Default 5 s. */
  readonly busyTimeoutMs?: number;
}

/**
 * Opens the SQLite file, creating it (0600) and its folder (0700) where missing, and brings its schema up to date.
 * Throws StoreFault, which names `store.sqlite.path` and the mend.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<DocumentStore> {
  const { path, clock, watchIntervalMs = 1000, busyTimeoutMs = 5000 } = options;
  const fault = (cause: unknown) => sqliteFault(path, cause);
  let database: DatabaseSync | undefined;
  try {
    database = openSqliteFile(path, busyTimeoutMs);
    await migrate(database, busyTimeoutMs);
    return await SqlDocumentStore.open({
      db: new SqliteDatabase(database, fault),
      clock,
      watchIntervalMs,
      attempt: (work) => whenUnlocked(work, busyTimeoutMs),
    });
  } catch (cause) {
    if (database?.isOpen) database.close();
    throw fault(cause);
  }
}
