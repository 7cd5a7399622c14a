import { type Kysely, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { CHANNEL } from './postgres-notices.ts';
import { StoreFault } from './store-fault.ts';

/**
 * Forward only: a migration that was released is never edited, and none has a way back. The version before runs on beside
 * a new one, so a migration only adds. Names are compared and ordered byte by byte, whatever the database's collation;
 * values are text and not jsonb, which cannot hold every JSON text. Rows of `changes` count the writes of a collection;
 * the trigger moves them within the writing transaction, so no commit can be missed.
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
