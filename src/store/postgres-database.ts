import { CompiledQuery, type Kysely, type QueryExecutorProvider } from 'kysely';
import type { Sql, SqlDatabase } from './sql-database.ts';

/** A PostgreSQL by way of kysely, which lends the connections. */
export function postgresDatabase(db: Kysely<unknown>): SqlDatabase {
  return {
    ...sqlOf(db),
    transaction: (work) => db.transaction().execute((transaction) => work(sqlOf(transaction))),
    reading: (work) =>
      db
        .transaction()
        .setIsolationLevel('repeatable read')
        .setAccessMode('read only')
        .execute((transaction) => work(sqlOf(transaction))),
    close: () => db.destroy(),
  };
}

function sqlOf(db: QueryExecutorProvider): Sql {
  return {
    async rows<Row>(statement: string, values: readonly unknown[] = []) {
      const { rows } = await db.getExecutor().executeQuery<Row>(CompiledQuery.raw(statement, [...values]));
      return rows;
    },
  };
}
