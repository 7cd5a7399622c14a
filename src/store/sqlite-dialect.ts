import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { SqliteDialect } from 'kysely';

/** What kysely's SQLite driver asks of a statement, over one of `node:sqlite`; every error passes `fault`. */
function statement(prepared: StatementSync, fault: (cause: unknown) => Error) {
  const guarded = <T>(work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      throw fault(cause);
    }
  };
  const values = (parameters: readonly unknown[]) => parameters as readonly SQLInputValue[];
  return {
    reader: prepared.columns().length > 0,
    all: (parameters: readonly unknown[]) => guarded(() => prepared.all(...values(parameters))),
    run: (parameters: readonly unknown[]) => guarded(() => prepared.run(...values(parameters))),
    iterate: (parameters: readonly unknown[]) => guarded(() => prepared.iterate(...values(parameters))),
  };
}

/** kysely's SQLite dialect on `node:sqlite`. */
export function nodeSqliteDialect(database: DatabaseSync, fault: (cause: unknown) => Error): SqliteDialect {
  return new SqliteDialect({
    database: {
      close: () => database.close(),
      prepare: (sql) => {
        try {
          return statement(database.prepare(sql), fault);
        } catch (cause) {
          throw fault(cause);
        }
      },
    },
  });
}
