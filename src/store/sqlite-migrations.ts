import type { DatabaseSync } from 'node:sqlite';
import { KEPT_COLLECTION } from './document-store.ts';
import { whenUnlocked } from './locked.ts';

/**
 * Forward only: a migration that was released is never edited, and none has a way back. Rows of `changes` count the
 * writes of a collection; the triggers move them within the writing statement, so no commit can be missed.
 */
const MIGRATIONS: readonly { readonly name: string; readonly up: string }[] = [
  {
    name: '0001-documents',
    up: `
      create table documents (
        collection text not null, name text not null, version integer not null, value text not null,
        written_at integer not null, constraint documents_key primary key (collection, name)
      );
      create table changes (collection text not null primary key, counter integer not null);
      ${onEveryWrite(
        'documents',
        `insert into changes (collection, counter) values (new.collection, 1)
          on conflict (collection) do update set counter = counter + 1;`,
      )}`,
  },
  {
    name: '0002-history',
    up: `
      create table history (
        collection text not null, name text not null, version integer not null, value text not null,
        written_at integer not null, constraint history_key primary key (collection, name, version)
      );
      ${onEveryWrite(
        'documents_keep',
        `insert into history (collection, name, version, value, written_at)
          values (new.collection, new.name, new.version, new.value, new.written_at);`,
        `when new.collection = '${KEPT_COLLECTION}'`,
      )}
      insert into history (collection, name, version, value, written_at)
        select collection, name, version, value, written_at from documents where collection = '${KEPT_COLLECTION}';`,
  },
];

function onEveryWrite(name: string, body: string, when = ''): string {
  const triggers = ['insert', 'update'].map(
    (event) => `create trigger ${name}_${event} after ${event} on documents ${when} begin ${body} end;`,
  );
  return triggers.join('\n');
}

/** The name and the columns are kysely's, which made the table for the first versions. */
const APPLIED = `create table if not exists kysely_migration
  (name varchar(255) not null primary key, timestamp varchar(255) not null)`;

/**
 * Brings the schema up to date. One transaction that holds the write lock from the start: of stores that are opened
 * together on one file, one migrates and the others find it done; after a crash nothing is half done.
 */
export async function migrate(database: DatabaseSync, busyTimeoutMs: number): Promise<void> {
  // Its holder may be another store of this very process.
  await whenUnlocked(() => database.exec('begin immediate'), busyTimeoutMs);
  try {
    apply(database);
    database.exec('commit');
  } catch (cause) {
    if (database.isTransaction) database.exec('rollback');
    throw cause;
  }
}

function apply(database: DatabaseSync): void {
  database.exec(APPLIED);
  const applied = database.prepare('select name from kysely_migration order by name').all();
  if (applied.some(({ name }, index) => name !== MIGRATIONS[index]?.name)) {
    throw new Error('its schema is not one that this version knows; run the Carnet that wrote it, or a later one');
  }
  const note = database.prepare(
    `insert into kysely_migration (name, timestamp) values ($name, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))`,
  );
  for (const { name, up } of MIGRATIONS.slice(applied.length)) {
    database.exec(up);
    note.run({ $name: name });
  }
}
