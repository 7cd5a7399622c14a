import { Kysely, sql } from 'kysely';
import type { Clock } from '../core/clock.ts';
import type { DocumentStore } from './document-store.ts';
import { type PostgresOptions, postgresClient, postgresPool } from './postgres-connections.ts';
import { postgresDatabase } from './postgres-database.ts';
import { whenNotDeadlocked } from './postgres-deadlock.ts';
import { pooledDialect } from './postgres-dialect.ts';
import { migrate } from './postgres-migrations.ts';
import { PostgresNotices } from './postgres-notices.ts';
import { SqlDocumentStore } from './sql-document-store.ts';
import { StoreFault } from './store-fault.ts';

export interface PostgresStoreOptions extends PostgresOptions {
  readonly clock: Clock;
  /** Refuses a database in which no Carnet has been. Default false. */
  readonly existing?: boolean;
  /** How often the writes of other processes are looked for, beside their notices. Default 1 s. */
  readonly watchIntervalMs?: number;
}

/**
 * The store that replicas share. Connects, and brings the schema up to date. Throws StoreFault, which names the field and
 * the mend; while PostgreSQL is away each call throws one after the bounds of `PostgresOptions`, and works again after.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<DocumentStore> {
  const { clock, watchIntervalMs = 1000 } = options;
  const db = new Kysely<unknown>({ dialect: pooledDialect(postgresPool(options)) });
  try {
    await checkEncoding(db);
    if (options.existing === true) await checkExisting(db);
    await migrate(db);
    let notices: PostgresNotices | undefined;
    const store = await SqlDocumentStore.open({
      db: postgresDatabase(db),
      clock,
      watchIntervalMs,
      attempt: whenNotDeadlocked,
      onClose: () => notices?.close(),
    });
    notices = new PostgresNotices(
      (socket) => postgresClient(options, socket),
      (collection) => store.notice(collection),
    );
    return store;
  } catch (cause) {
    await db.destroy();
    throw cause;
  }
}

async function checkExisting(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ found: boolean }>`select to_regclass('documents') is not null as found`.execute(db);
  if (rows[0]?.found === true) return;
  throw new StoreFault('store.postgres.url: there is nothing in the database; has the service run with it?');
}

/** In another encoding two names could become one, or one could not be written. */
async function checkEncoding(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ encoding: string }>`select current_setting('server_encoding') as encoding`.execute(db);
  if (rows[0]?.encoding === 'UTF8') return;
  throw new StoreFault('store.postgres.url: the database is not in UTF8; create one with encoding UTF8');
}
