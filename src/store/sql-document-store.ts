import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import { inTurns } from '../core/in-turns.ts';
import type { JsonValue } from '../core/json.ts';
import { ChangeWatch } from './change-watch.ts';
import { changedRows, type Row } from './changed-rows.ts';
import {
  type DocumentStore,
  type DocumentWrite,
  KEPT_COLLECTION,
  type KnownVersions,
  type StoredDocument,
  VersionConflict,
} from './document-store.ts';
import type { Sql, SqlDatabase } from './sql-database.ts';
import { type ChunkRow, keyOf, writeChunk } from './write-chunk.ts';

/** Rows of one statement: far below what either database binds, and short enough between two requests. */
const CHUNK_ROWS = 500;
/** Characters of JSON: a few milliseconds' work. */
const PARSED_AT_ONCE = 256 * 1024;

type Versioned = Pick<Row, 'version'>;

interface Counter {
  readonly collection: string;
  readonly counter: number | string;
}

const NONE: KnownVersions = new Map();

const INSERT = `insert into documents (collection, name, version, value, written_at) values ($1, $2, 1, $3, $4)
  on conflict do nothing returning version`;
const UPDATE = `update documents set version = version + 1, value = $3, written_at = $4
  where collection = $1 and name = $2 and version = $5 returning version`;
const DELETE = 'delete from documents where collection = $1 and name = $2 and version = $3 returning version';
/** No trigger counts a deletion. */
const COUNT = `insert into changes (collection, counter) values ($1, 1)
  on conflict (collection) do update set counter = changes.counter + 1`;

interface SqlStoreOptions {
  /** Its schema is up to date. */
  readonly db: SqlDatabase;
  readonly clock: Clock;
  /** How often the writes of other processes are looked for. */
  readonly watchIntervalMs: number;
  /** Does the work of one statement or transaction, again where the database asks for that. */
  readonly attempt: <T>(work: () => Promise<T>) => Promise<T>;
  /** What else ends with it. */
  readonly onClose?: () => void;
}

/** The one code path over every SQL database. */
export class SqlDocumentStore implements DocumentStore {
  readonly #options: SqlStoreOptions;
  readonly #db: SqlDatabase;
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
    const statement = 'select name, version, value from documents where collection = $1 and name = $2';
    const [row] = await this.#rows<Row>(statement, [text(collection), text(name)]);
    return row && fromRow(collection, row);
  }

  async put(collection: string, name: string, value: JsonValue, ifVersion: number): Promise<number> {
    if (!Number.isSafeInteger(ifVersion) || ifVersion < 0) throw new VersionConflict({ collection, name, ifVersion });
    const written = [text(collection), text(name), JSON.stringify(value), this.#options.clock.now()];
    const [row] = await (ifVersion === 0
      ? this.#rows<Versioned>(INSERT, written)
      : this.#rows<Versioned>(UPDATE, [...written, ifVersion]));
    if (row === undefined) throw new VersionConflict({ collection, name, ifVersion });
    await this.#watch.look();
    return Number(row.version);
  }

  async putAll(writes: readonly DocumentWrite[]): Promise<void> {
    const rows = await inTurns(writes, toRow);
    if (new Set(rows.map(keyOf)).size < rows.length) throw new RangeError('a batch names a document twice');
    const illegal = writes.find(({ ifVersion }) => !Number.isSafeInteger(ifVersion) || ifVersion < 0);
    if (illegal !== undefined) throw new VersionConflict(illegal);
    await this.#options.attempt(() => this.#writeAll(rows));
    await this.#watch.look();
  }

  async delete(collection: string, name: string, ifVersion: number): Promise<void> {
    if (collection === KEPT_COLLECTION) throw new RangeError(`of ${KEPT_COLLECTION} every version is kept`);
    const key = [text(collection), text(name)] as const;
    if (!Number.isSafeInteger(ifVersion)) throw new VersionConflict({ collection, name, ifVersion });
    const remove = async (sql: Sql) => {
      const [row] = await sql.rows<Versioned>(DELETE, [...key, ifVersion]);
      if (row === undefined) throw new VersionConflict({ collection, name, ifVersion });
      await sql.rows(COUNT, [collection]);
    };
    await this.#options.attempt(() => this.#db.transaction(remove));
    await this.#watch.look();
  }

  async history(collection: string, name: string): Promise<readonly StoredDocument[]> {
    const statement = 'select name, version, value from history where collection = $1 and name = $2 order by version';
    const rows = await this.#rows<Row>(statement, [text(collection), text(name)]);
    return rows.map((row) => fromRow(collection, row));
  }

  async list(collection: string, known: KnownVersions = NONE): Promise<readonly StoredDocument[]> {
    const rows = await this.#options.attempt(() => changedRows(this.#db, text(collection), known));
    const documents: StoredDocument[] = [];
    let parsed = 0;
    for (const row of rows) {
      documents.push(fromRow(collection, row));
      parsed += row.value.length;
      if (parsed < PARSED_AT_ONCE) continue;
      // Requests are served between two parts.
      await nextTurn();
      parsed = 0;
    }
    return documents;
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
    this.#options.onClose?.();
    await this.#db.close();
  }

  #rows<Found extends object>(statement: string, values: readonly (string | number)[]): Promise<readonly Found[]> {
    return this.#options.attempt(() => this.#db.rows<Found>(statement, values));
  }

  /** In the order of their keys, so that two batches do not wait for each other. */
  async #writeAll(rows: readonly ChunkRow[]): Promise<void> {
    const keyed = rows.map((row) => ({ row, key: keyOf(row) }));
    const sorted = keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ row }) => row);
    const isNew = ({ ifVersion }: ChunkRow) => ifVersion === 0;
    const parts = [sorted.filter(isNew), sorted.filter((row) => !isNew(row))];
    await this.#db.transaction(async (sql) => {
      for (const part of parts) {
        for (let from = 0; from < part.length; from += CHUNK_ROWS) {
          await writeChunk(sql, part.slice(from, from + CHUNK_ROWS), this.#options.clock.now());
          // Requests are served between two statements.
          await nextTurn();
        }
      }
    });
  }

  async #counters(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#db.rows<Counter>('select collection, counter from changes');
    return new Map(rows.map((row) => [row.collection, Number(row.counter)]));
  }
}

function toRow({ collection, name, value, ifVersion }: DocumentWrite): ChunkRow {
  return { collection: text(collection), name: text(name), value: JSON.stringify(value), ifVersion };
}

/** The one place where a row becomes a document. */
function fromRow(collection: string, row: Row): StoredDocument {
  return { collection, name: row.name, version: Number(row.version), value: JSON.parse(row.value) };
}

/** A lone surrogate or a NUL does not survive in every database: two names could become one. */
function text(name: string): string {
  if (name.isWellFormed() && !name.includes('\0')) return name;
  throw new RangeError('a document or collection name holds a NUL or a lone surrogate');
}
