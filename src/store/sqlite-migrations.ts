import type { DatabaseSync } from 'node:sqlite';
import { type Kysely, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { KEPT_COLLECTION } from './document-store.ts';
import { whenUnlocked } from './locked.ts';
import { StoreFault } from './store-fault.ts';

/**
 * Forward only: a migration that was released is never edited, and none has a way back. Rows of `changes` count the
 * writes of a collection; the triggers move them within the writing statement, so no commit can be missed.
 */
const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-documents': {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .createTable('documents')
        .addColumn('collection', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('value', 'text', (column) => column.notNull())
        .addColumn('written_at', 'integer', (column) => column.notNull())
        .addPrimaryKeyConstraint('documents_key', ['collection', 'name'])
        .execute();
      await db.schema
        .createTable('changes')
        .addColumn('collection', 'text', (column) => column.notNull().primaryKey())
        .addColumn('counter', 'integer', (column) => column.notNull())
        .execute();
      for (const event of ['insert', 'update']) {
        await sql`create trigger ${sql.ref(`documents_${event}`)} after ${sql.raw(event)} on documents begin
          insert into changes (collection, counter) values (new.collection, 1)
          on conflict (collection) do update set counter = counter + 1;
        end`.execute(db);
      }
    },
  },
  '0002-history': {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .createTable('history')
        .addColumn('collection', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('version', 'integer', (column) => column.notNull())
        .addColumn('value', 'text', (column) => column.notNull())
        .addColumn('written_at', 'integer', (column) => column.notNull())
        .addPrimaryKeyConstraint('history_key', ['collection', 'name', 'version'])
        .execute();
      for (const event of ['insert', 'update']) {
        await sql`create trigger ${sql.ref(`documents_keep_${event}`)} after ${sql.raw(event)} on documents
          when new.collection = ${sql.lit(KEPT_COLLECTION)} begin
            insert into history (collection, name, version, value, written_at)
            values (new.collection, new.name, new.version, new.value, new.written_at);
          end`.execute(db);
      }
      await sql`insert into history (collection, name, version, value, written_at)
        select collection, name, version, value, written_at from documents
        where collection = ${KEPT_COLLECTION}`.execute(db);
    },
  },
};

/**
 * Brings the schema up to date. One transaction that holds the write lock from the start: of stores that are opened
 * together on one file, one migrates and the others find it done; after a crash nothing is half done.
 */
export async function migrate<Tables>(
  database: DatabaseSync,
  db: Kysely<Tables>,
  busyTimeoutMs: number,
): Promise<void> {
  // Its holder may be another store of this very process.
  await whenUnlocked(() => database.exec('begin immediate'), busyTimeoutMs);
  const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return database.exec('commit');
  if (database.isTransaction) database.exec('rollback');
  if (error instanceof StoreFault) throw error;
  throw new Error('its schema is not one that this version knows; run the Carnet that wrote it, or a later one', {
    cause: error,
  });
}
