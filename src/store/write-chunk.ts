import { type QueryExecutorProvider, type RawBuilder, sql } from 'kysely';
import { type DocumentWrite, VersionConflict } from './document-store.ts';

export interface ChunkRow extends Omit<DocumentWrite, 'value'> {
  /** JSON text. */
  readonly value: string;
}

/**
 * Writes rows in one statement: documents that are new (`ifVersion` 0), or documents that are there, never both. Throws
 * VersionConflict when one of them is not at its version; the others may have been written then, so it belongs into a
 * transaction.
 */
export async function writeChunk(
  db: QueryExecutorProvider,
  rows: readonly ChunkRow[],
  writtenAt: number,
): Promise<void> {
  const statement = rows[0]?.ifVersion === 0 ? insertion(rows, writtenAt) : update(rows, writtenAt);
  const written = await statement.execute(db);
  const done = new Set(written.rows.map(keyOf));
  const left = rows.find((row) => !done.has(keyOf(row)));
  if (left !== undefined) throw new VersionConflict(left);
}

/** Tells documents apart, whatever their names hold. */
export function keyOf({ collection, name }: Pick<ChunkRow, 'collection' | 'name'>): string {
  return JSON.stringify([collection, name]);
}

type Written = Pick<ChunkRow, 'collection' | 'name'>;

function insertion(rows: readonly ChunkRow[], writtenAt: number): RawBuilder<Written> {
  const values = rows.map(({ collection, name, value }) => sql`(${collection}, ${name}, 1, ${value}, ${writtenAt})`);
  return sql<Written>`insert into documents (collection, name, version, value, written_at) values ${sql.join(values)}
    on conflict do nothing returning collection, name`;
}

/** Both databases call the columns of VALUES so. A parameter there has no type of its own. */
function update(rows: readonly ChunkRow[], writtenAt: number): RawBuilder<Written> {
  const values = rows.map(({ collection, name, value, ifVersion }) => {
    return sql`(${collection}, ${name}, ${value}, ${String(ifVersion)})`;
  });
  return sql<Written>`update documents
    set version = cast(wanted.column4 as bigint) + 1, value = wanted.column3, written_at = ${writtenAt}
    from (values ${sql.join(values)}) as wanted
    where documents.collection = wanted.column1 and documents.name = wanted.column2
      and documents.version = cast(wanted.column4 as bigint)
    returning documents.collection, documents.name`;
}
