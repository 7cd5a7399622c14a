import { setImmediate as nextTurn } from 'node:timers/promises';
import type { KnownVersions } from './document-store.ts';
import type { Sql, SqlDatabase } from './sql-database.ts';

/** Rows of one statement: a few milliseconds for either database, between which requests are served. */
const PAGE_ROWS = 2000;
const NAMES_AT_ONCE = 500;

/** As every database gives it: `value` is JSON text, and PostgreSQL gives 64-bit numbers as text. */
export interface Row {
  readonly name: string;
  readonly version: number | string;
  readonly value: string;
}
/** Without a value where only the version was asked for. */
type Head = Omit<Row, 'value'> & Partial<Row>;

/** Those rows of a collection that are not at the version in `known`, by name, ascending, as they were at one moment. */
export async function changedRows(db: SqlDatabase, collection: string, known: KnownVersions): Promise<readonly Row[]> {
  const wanted = { collection, known };
  // What fits into one page is of one moment by itself.
  const first = await page(db, wanted, '');
  if (first.length === 0) return [];
  if (first.length < PAGE_ROWS && known.size === 0) return await valuesOf(db, wanted, first);
  return await db.reading(async (sql) => await valuesOf(sql, wanted, await pages(sql, wanted)));
}

interface Wanted {
  readonly collection: string;
  readonly known: KnownVersions;
}

/** Rows after a name; with their values where none is known, for then all of them are wanted. */
function page(sql: Sql, { collection, known }: Wanted, after: string): Promise<readonly Head[]> {
  const columns = known.size === 0 ? 'name, version, value' : 'name, version';
  // The one name that is not after the empty one is the empty one.
  const bound = after === '' ? '>=' : '>';
  const statement = `select ${columns} from documents where collection = $1 and name ${bound} $2
    order by name limit ${PAGE_ROWS}`;
  return sql.rows<Head>(statement, [collection, after]);
}

/** Of all pages, the rows that are not at the version that is known. */
async function pages(sql: Sql, wanted: Wanted): Promise<readonly Head[]> {
  const rows: Head[] = [];
  let found: readonly Head[] = [];
  for (let after = ''; ; after = found.at(-1)?.name ?? '') {
    found = await page(sql, wanted, after);
    for (const row of found) if (wanted.known.get(row.name)?.version !== Number(row.version)) rows.push(row);
    if (found.length < PAGE_ROWS) return rows;
    await nextTurn();
  }
}

async function valuesOf(sql: Sql, { collection }: Wanted, heads: readonly Head[]): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const names: string[] = [];
  for (const { name, version, value } of heads) {
    if (value !== undefined) rows.push({ name, version, value });
    else names.push(name);
  }
  for (let from = 0; from < names.length; from += NAMES_AT_ONCE) {
    const part = names.slice(from, from + NAMES_AT_ONCE);
    const places = part.map((_, index) => `$${index + 2}`);
    const statement = `select name, version, value from documents where collection = $1 and name in (${places.join()})
      order by name`;
    rows.push(...(await sql.rows<Row>(statement, [collection, ...part])));
    await nextTurn();
  }
  return rows;
}
