import type { DatabaseSync } from 'node:sqlite';
import type { Sql, SqlDatabase } from './sql-database.ts';

/** One connection: what is asked for while a transaction is under way waits for its end. Every error passes `fault`. */
export class SqliteDatabase implements SqlDatabase {
  readonly #database: DatabaseSync;
  readonly #fault: (cause: unknown) => Error;
  #before: Promise<unknown> = Promise.resolve();

  constructor(database: DatabaseSync, fault: (cause: unknown) => Error) {
    this.#database = database;
    this.#fault = fault;
  }

  rows: Sql['rows'] = (...statement) => this.#inLine(() => this.#run(...statement));

  transaction(work: (sql: Sql) => Promise<void>): Promise<void> {
    return this.#within('begin immediate', work);
  }

  reading<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#within('begin', work);
  }

  close(): Promise<void> {
    return this.#inLine(async () => this.#database.close());
  }

  #within<T>(begin: string, work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#inLine(async () => {
      await this.#run(begin);
      try {
        const result = await work({ rows: this.#run });
        await this.#run('commit');
        return result;
      } catch (cause) {
        // SQLite itself has rolled back after some errors.
        if (this.#database.isTransaction) await this.#run('rollback');
        throw cause;
      }
    });
  }

  #inLine<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#before.then(work);
    this.#before = done.catch(() => undefined);
    return done;
  }

  readonly #run: Sql['rows'] = async <Row extends object>(
    statement: string,
    values: readonly (string | number)[] = [],
  ) => {
    try {
      const named = Object.fromEntries(values.map((value, index) => [`$${index + 1}`, value]));
      return this.#database.prepare(statement).all(named) as Row[];
    } catch (cause) {
      throw this.#fault(cause);
    }
  };
}
