import type { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import type { Clock } from '../core/clock.ts';
import type { JsonValue } from '../core/json.ts';
import { ChangeWatch } from './change-watch.ts';
import { type DocumentStore, type StoredDocument, VersionConflict } from './document-store.ts';
import { whenUnlocked } from './locked.ts';
import { nodeSqliteDialect } from './sqlite-dialect.ts';
import { openSqliteFile } from './sqlite-file.ts';
import { migrate } from './sqlite-migrations.ts';
import { sqliteFault } from './store-fault.ts';

interface Tables {
  documents: { collection: string; name: string; version: number; value: string; written_at: number };
  changes: { collection: string; counter: number };
}

const DEFAULT_BUSY_TIMEOUT_MS = 5000;

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
  const fault = (cause: unknown) => sqliteFault(options.path, cause);
  const { busyTimeoutMs = DEFAULT_BUSY_TIMEOUT_MS } = options;
  let database: DatabaseSync | undefined;
  try {
    database = openSqliteFile(options.path, busyTimeoutMs);
    const db = new Kysely<Tables>({ dialect: nodeSqliteDialect(database, fault) });
    await migrate(database, db, busyTimeoutMs);
    return new SqliteDocumentStore(db, options);
  } catch (cause) {
    if (database?.isOpen) database.close();
    throw fault(cause);
  }
}

class SqliteDocumentStore implements DocumentStore {
  readonly #db: Kysely<Tables>;
  readonly #clock: Clock;
  readonly #watch: ChangeWatch;
  readonly #busyTimeoutMs: number;

  constructor(db: Kysely<Tables>, options: SqliteStoreOptions) {
    const { clock, watchIntervalMs = 1000, busyTimeoutMs = DEFAULT_BUSY_TIMEOUT_MS } = options;
    this.#db = db;
    this.#clock = clock;
    this.#busyTimeoutMs = busyTimeoutMs;
    this.#watch = new ChangeWatch(() => this.#counters(), watchIntervalMs);
  }

  async get(collection: string, name: string): Promise<StoredDocument | undefined> {
    const query = this.#db
      .selectFrom('documents')
      .select(['name', 'version', 'value'])
      .where('collection', '=', text(collection))
      .where('name', '=', text(name));
    const row = await this.#whenUnlocked(() => query.executeTakeFirst());
    return row && fromRow(collection, row);
  }

  async put(collection: string, name: string, value: JsonValue, ifVersion: number): Promise<number> {
    const written = { value: JSON.stringify(value), written_at: this.#clock.now() };
    const key = { collection: text(collection), name: text(name) };
    const row = await this.#whenUnlocked(() =>
      ifVersion === 0 ? this.#insert(key, written) : this.#update(key, written, ifVersion),
    );
    if (row === undefined) throw new VersionConflict(`${collection}/${name} is not at version ${ifVersion}`);
    await this.#watch.look();
    return row.version;
  }

  async list(collection: string): Promise<readonly StoredDocument[]> {
    const query = this.#db
      .selectFrom('documents')
      .select(['name', 'version', 'value'])
      .where('collection', '=', text(collection))
      .orderBy('name');
    const rows = await this.#whenUnlocked(() => query.execute());
    return rows.map((row) => fromRow(collection, row));
  }

  watch(collection: string, onChange: () => void): () => void {
    return this.#watch.add(text(collection), onChange);
  }

  async close(): Promise<void> {
    this.#watch.stop();
    await this.#db.destroy();
  }

  #whenUnlocked<T>(work: () => Promise<T>): Promise<T> {
    return whenUnlocked(work, this.#busyTimeoutMs);
  }

  #insert(key: { collection: string; name: string }, written: { value: string; written_at: number }) {
    return this.#db
      .insertInto('documents')
      .values({ ...key, ...written, version: 1 })
      .onConflict((conflict) => conflict.doNothing())
      .returning('version')
      .executeTakeFirst();
  }

  #update(
    key: { collection: string; name: string },
    written: { value: string; written_at: number },
    ifVersion: number,
  ) {
    return this.#db
      .updateTable('documents')
      .set({ ...written, version: ifVersion + 1 })
      .where('collection', '=', key.collection)
      .where('name', '=', key.name)
      .where('version', '=', ifVersion)
      .returning('version')
      .executeTakeFirst();
  }

  async #counters(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#db.selectFrom('changes').select(['collection', 'counter']).execute();
    return new Map(rows.map((row) => [row.collection, row.counter]));
  }
}

/** The one place where a row becomes a document: the value's column is JSON text in every database. */
function fromRow(collection: string, row: { name: string; version: number; value: string }): StoredDocument {
  return { collection, name: row.name, version: row.version, value: JSON.parse(row.value) };
}

/** A lone surrogate or a NUL does not survive in every database: two names could become one. */
function text(name: string): string {
  if (name.isWellFormed() && !name.includes('\0')) return name;
  throw new RangeError('a document or collection name holds a NUL or a lone surrogate');
}
