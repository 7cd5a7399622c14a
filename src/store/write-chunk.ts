import { type DocumentWrite, VersionConflict } from './document-store.ts';
import type { Sql } from './sql-database.ts';

export interface ChunkRow extends Omit<DocumentWrite, 'value'> {
  /** JSON text. */
  readonly value: string;
}

/**
 * Writes rows in one statement: documents that are new (`ifVersion` 0), or documents that are there, never both. Throws
 * VersionConflict when one of them is not at its version; the others may have been written then, so it belongs into a
 * transaction.
 */
export async function writeChunk(sql: Sql, rows: readonly ChunkRow[], writtenAt: number): Promise<void> {
  const written = await (rows[0]?.ifVersion === 0 ? insert(sql, rows, writtenAt) : update(sql, rows, writtenAt));
  const done = new Set(written.map(keyOf));
  const left = rows.find((row) => !done.has(keyOf(row)));
  if (left !== undefined) throw new VersionConflict(left);
}

/** Tells documents apart, whatever their names hold. */
export function keyOf({ collection, name }: Pick<ChunkRow, 'collection' | 'name'>): string {
  return JSON.stringify([collection, name]);
}

type Written = Pick<ChunkRow, 'collection' | 'name'>;

function insert(sql: Sql, rows: readonly ChunkRow[], writtenAt: number): Promise<readonly Written[]> {
  const places = rows.map((_, index) => `($${3 * index + 2}, $${3 * index + 3}, 1, $${3 * index + 4}, $1)`);
  const statement = `insert into documents (collection, name, version, value, written_at) values ${places.join()}
    on conflict do nothing returning collection, name`;
  const values = rows.flatMap(({ collection, name, value }) => [collection, name, value]);
  return sql.rows(statement, [writtenAt, ...values]);
}

/** Both databases call the columns of VALUES so. A parameter there has no type of its own. */
function update(sql: Sql, rows: readonly ChunkRow[], writtenAt: number): Promise<readonly Written[]> {
  const places = rows.map((_, index) => `($${4 * index + 2}, $${4 * index + 3}, $${4 * index + 4}, $${4 * index + 5})`);
  const statement = `update documents
    set version = cast(wanted.column4 as bigint) + 1, value = wanted.column3, written_at = $1
    from (values ${places.join()}) as wanted
    where documents.collection = wanted.column1 and documents.name = wanted.column2
      and documents.version = cast(wanted.column4 as bigint)
    returning documents.collection, documents.name`;
  const values = rows.flatMap(({ collection, name, value, ifVersion }) => [collection, name, value, String(ifVersion)]);
  return sql.rows(statement, [writtenAt, ...values]);
}
