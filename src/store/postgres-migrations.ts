import { type Kysely, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { KEPT_COLLECTION } from './document-store.ts';
import { CHANNEL } from './postgres-notices.ts';
import { StoreFault } from './store-fault.ts';

/**
 * Forward only: a migration that was released is never edited, and none has a way back. The version before runs on beside
 * a new one, so a migration only adds. Names are compared and ordered byte by byte, whatever the database's collation;
 * values are text and not jsonb, which cannot hold every JSON text. Rows of `changes` count the writes of a collection;
 * triggers move them within the writing transaction, so no commit can be missed.
 */
const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-documents': {
    async up(db: Kysely<unknown>): Promise<void> {
      const name = sql`text collate "C"`;
      await db.schema
        .createTable('documents')
        .addColumn('collection', name, (column) => column.notNull())
        .addColumn('name', name, (column) => column.notNull())
        .addColumn('version', 'bigint', (column) => column.notNull())
        .addColumn('value', 'text', (column) => column.notNull())
        .addColumn('written_at', 'bigint', (column) => column.notNull())
        .addPrimaryKeyConstraint('documents_key', ['collection', 'name'])
        .execute();
      await db.schema
        .createTable('changes')
        .addColumn('collection', name, (column) => column.notNull().primaryKey())
        .addColumn('counter', 'bigint', (column) => column.notNull())
        .execute();
      await sql`create function count_change() returns trigger language plpgsql as $$ begin
          insert into changes as known (collection, counter) values (new.collection, 1)
          on conflict (collection) do update set counter = known.counter + 1;
          perform pg_notify(${sql.lit(CHANNEL)}, left(new.collection, 1000));
          return null;
        end $$`.execute(db);
      await sql`create trigger documents_change after insert or update on documents
        for each row execute function count_change()`.execute(db);
    },
  },
  '0002-history': {
    async up(db: Kysely<unknown>): Promise<void> {
      const name = sql`text collate "C"`;
      await db.schema
        .createTable('history')
        .addColumn('collection', name, (column) => column.notNull())
        .addColumn('name', name, (column) => column.notNull())
        .addColumn('version', 'bigint', (column) => column.notNull())
        .addColumn('value', 'text', (column) => column.notNull())
        .addColumn('written_at', 'bigint', (column) => column.notNull())
        .addPrimaryKeyConstraint('history_key', ['collection', 'name', 'version'])
        .execute();
      // By statement: a counter that moved for each row of a large one would leave as many dead versions of itself.
      await sql`create function count_statement() returns trigger language plpgsql as $$ begin
          insert into changes as known (collection, counter) select distinct collection, 1 from written
          on conflict (collection) do update set counter = known.counter + 1;
          perform pg_notify(${sql.lit(CHANNEL)}, left(collection, 1000)) from (select distinct collection from written) as named;
          insert into history (collection, name, version, value, written_at)
          select collection, name, version, value, written_at from written
          where collection = ${sql.lit(KEPT_COLLECTION)};
          return null;
        end $$`.execute(db);
      for (const event of ['insert', 'update']) {
        await sql`create trigger ${sql.ref(`documents_${event}`)} after ${sql.raw(event)} on documents
          referencing new table as written for each statement execute function count_statement()`.execute(db);
      }
      await sql`drop trigger documents_change on documents`.execute(db);
      // Nobody writes any more until this is done: what was written before the triggers came is there to be copied.
      await sql`insert into history (collection, name, version, value, written_at)
        select collection, name, version, value, written_at from documents
        where collection = ${KEPT_COLLECTION}`.execute(db);
    },
  },
};

/**
 * Brings the schema up to date in one transaction under a lock of the server: of stores that are opened together, one
 * migrates and the others find it done; after a crash nothing is half done. Throws StoreFault.
 */
export async function migrate<Tables>(db: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  if (error instanceof StoreFault) throw error;
  throw new StoreFault(
    'store.postgres.url: the schema there is not one that this version knows; run the Carnet that wrote it, or a later one',
    { cause: error },
  );
}
