import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import type { Clock } from '../core/clock.ts';
import { inTurns } from '../core/in-turns.ts';
import type { JsonValue } from '../core/json.ts';
import { ChangeWatch } from './change-watch.ts';
import { type DocumentStore, type DocumentWrite, type StoredDocument, VersionConflict } from './document-store.ts';
import { type ChunkRow, keyOf, writeChunk } from './write-chunk.ts';

/** Rows of one statement: far below what either database binds, and short enough between two requests. */
const CHUNK_ROWS = 500;

/** What a migration of every database makes. `value` is JSON text everywhere; PostgreSQL gives 64-bit numbers as text. */
export interface Tables {
  documents: { collection: string; name: string; version: number | string; value: string; written_at: number };
  changes: { collection: string; counter: number | string };
  /** Filled by triggers alone. */
  history: { collection: string; name: string; version: number | string; value: string; written_at: number };
}

interface SqlStoreOptions {
  /** Its schema is up to date. */
  readonly db: Kysely<Tables>;
  readonly clock: Clock;
  /** How often the writes of other processes are looked for. */
  readonly watchIntervalMs: number;
  /** Does the work of one statement or transaction, again where the database asks for that. */
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
    if (row === undefined) throw new VersionConflict({ collection, name, ifVersion });
    await this.#watch.look();
    return Number(row.version);
  }

  async putAll(writes: readonly DocumentWrite[]): Promise<void> {
    const rows = writes.map(toRow);
    if (new Set(rows.map(keyOf)).size < rows.length) throw new RangeError('a batch names a document twice');
    const illegal = writes.find(({ ifVersion }) => !Number.isSafeInteger(ifVersion) || ifVersion < 0);
    if (illegal !== undefined) throw new VersionConflict(illegal);
    await this.#options.attempt(() => this.#writeAll(rows));
    await this.#watch.look();
  }

  async history(collection: string, name: string): Promise<readonly StoredDocument[]> {
    const query = this.#db
      .selectFrom('history')
      .select(['name', 'version', 'value'])
      .where('collection', '=', text(collection))
      .where('name', '=', text(name))
      .orderBy('version');
    const rows = await this.#options.attempt(() => query.execute());
    return rows.map((row) => fromRow(collection, row));
  }

  async list(collection: string): Promise<readonly StoredDocument[]> {
    const query = this.#db
      .selectFrom('documents')
      .select(['name', 'version', 'value'])
      .where('collection', '=', text(collection))
      .orderBy('name');
    const rows = await this.#options.attempt(() => query.execute());
    return await inTurns(rows, (row) => fromRow(collection, row));
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

  /** In the order of their keys, so that two batches do not wait for each other. */
  async #writeAll(rows: readonly ChunkRow[]): Promise<void> {
    const sorted = rows.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    const isNew = ({ ifVersion }: ChunkRow) => ifVersion === 0;
    const parts = [sorted.filter(isNew), sorted.filter((row) => !isNew(row))];
    await this.#db.transaction().execute(async (transaction) => {
      for (const part of parts) {
        for (let from = 0; from < part.length; from += CHUNK_ROWS) {
          await writeChunk(transaction, part.slice(from, from + CHUNK_ROWS), this.#options.clock.now());
          // Requests are served between two statements.
          await nextTurn();
        }
      }
    });
  }

  async #counters(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#db.selectFrom('changes').select(['collection', 'counter']).execute();
    return new Map(rows.map((row) => [row.collection, Number(row.counter)]));
  }
}

type Key = Pick<Tables['documents'], 'collection' | 'name'>;
type Written = Pick<Tables['documents'], 'value' | 'written_at'>;

function toRow({ collection, name, value, ifVersion }: DocumentWrite): ChunkRow {
  return { collection: text(collection), name: text(name), value: JSON.stringify(value), ifVersion };
}

/** The one place where a row becomes a document. */
function fromRow(collection: string, row: { name: string; version: number | string; value: string }): StoredDocument {
  return { collection, name: row.name, version: Number(row.version), value: JSON.parse(row.value) };
}

/** A lone surrogate or a NUL does not survive in every database: two names could become one. */
function text(name: string): string {
  if (name.isWellFormed() && !name.includes('\0')) return name;
  throw new RangeError('a document or collection name holds a NUL or a lone surrogate');
}
