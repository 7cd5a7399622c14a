import type { Kysely } from 'kysely';
import type { Clock } from '../core/clock.ts';
import type { JsonValue } from '../core/json.ts';
import { ChangeWatch } from './change-watch.ts';
import { type DocumentStore, type StoredDocument, VersionConflict } from './document-store.ts';

/** What a migration of every database makes. `value` is JSON text everywhere; PostgreSQL gives 64-bit numbers as text. */
export interface Tables {
  documents: { collection: string; name: string; version: number | string; value: string; written_at: number };
  changes: { collection: string; counter: number | string };
}

interface SqlStoreOptions {
  /** Its schema is up to date. */
  readonly db: Kysely<Tables>;
  readonly clock: Clock;
  /** How often the writes of other processes are looked for. */
  readonly watchIntervalMs: number;
  /** Does the work of one statement, again where the database asks for that. */
  readonly attempt: <T>(work: () => Promise<T>) => Promise<T>;
  /** Lets the database go. */
  readonly release: () => Promise<void>;
}

/** The one code path over every SQL database. */
export class SqlDocumentStore implements DocumentStore {
  readonly #options: SqlStoreOptions;
  readonly #db: Kysely<Tables>;
  readonly #watch: ChangeWatch;

  private constructor(options: SqlStoreOptions) {
    this.#options = options;
    this.#db = options.db;
    this.#watch = new ChangeWatch(() => this.#counters(), options.watchIntervalMs);
  }

  /** Knows what had changed until now: no listener is told of that. */
  static async open(options: SqlStoreOptions): Promise<SqlDocumentStore> {
    const store = new SqlDocumentStore(options);
    await store.#watch.look();
    return store;
  }

  async get(collection: string, name: string): Promise<StoredDocument | undefined> {
    const query = this.#db
      .selectFrom('documents')
      .select(['name', 'version', 'value'])
      .where('collection', '=', text(collection))
      .where('name', '=', text(name));
    const row = await this.#options.attempt(() => query.executeTakeFirst());
    return row && fromRow(collection, row);
  }

  async put(collection: string, name: string, value: JsonValue, ifVersion: number): Promise<number> {
    const written = { value: JSON.stringify(value), written_at: this.#options.clock.now() };
    const key = { collection: text(collection), name: text(name) };
    const row = await this.#options.attempt(() => this.#write(key, written, ifVersion));
    if (row === undefined) throw new VersionConflict(`${collection}/${name} is not at version ${ifVersion}`);
    await this.#watch.look();
    return Number(row.version);
  }

  async list(collection: string): Promise<readonly StoredDocument[]> {
    const query = this.#db
      .selectFrom('documents')
      .select(['name', 'version', 'value'])
      .where('collection', '=', text(collection))
      .orderBy('name');
    const rows = await this.#options.attempt(() => query.execute());
    return rows.map((row) => fromRow(collection, row));
  }

  watch(collection: string, onChange: () => void): () => void {
    return this.#watch.add(text(collection), onChange);
  }

  /** Another process has written to a collection whose name begins so. */
  notice(beginning: string): void {
    this.#watch.notice(beginning);
  }

  async close(): Promise<void> {
    this.#watch.stop();
    await this.#options.release();
  }

  async #write(key: Key, written: Written, ifVersion: number): Promise<{ version: number | string } | undefined> {
    if (!Number.isSafeInteger(ifVersion) || ifVersion < 0) return undefined;
    return await (ifVersion === 0 ? this.#insert(key, written) : this.#update(key, written, ifVersion));
  }

  #insert(key: Key, written: Written) {
    return this.#db
      .insertInto('documents')
      .values({ ...key, ...written, version: 1 })
      .onConflict((conflict) => conflict.doNothing())
      .returning('version')
      .executeTakeFirst();
  }

  #update(key: Key, written: Written, ifVersion: number) {
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
    return new Map(rows.map((row) => [row.collection, Number(row.counter)]));
  }
}

type Key = Pick<Tables['documents'], 'collection' | 'name'>;
type Written = Pick<Tables['documents'], 'value' | 'written_at'>;

/** The one place where a row becomes a document. */
function fromRow(collection: string, row: { name: string; version: number | string; value: string }): StoredDocument {
  return { collection, name: row.name, version: Number(row.version), value: JSON.parse(row.value) };
}

/** A lone surrogate or a NUL does not survive in every database: two names could become one. */
function text(name: string): string {
  if (name.isWellFormed() && !name.includes('\0')) return name;
  throw new RangeError('a document or collection name holds a NUL or a lone surrogate');
}
