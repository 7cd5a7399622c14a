type SqlValue = string | number;

/** Where statements go. `$1` is the first value in every database. */
export interface Sql {
  /** What the statement returns; nothing where it has no RETURNING and is no SELECT. Throws StoreFault. */
  rows<Row extends object>(statement: string, values?: readonly SqlValue[]): Promise<readonly Row[]>;
}

export interface SqlDatabase extends Sql {
  /** All that `work` does, or nothing where it throws; nothing else comes between. Throws what `work` throws. */
  transaction(work: (sql: Sql) => Promise<void>): Promise<void>;
  /** What `work` gives, which only reads: all that it reads is of one moment. Throws what `work` throws. */
  reading<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
