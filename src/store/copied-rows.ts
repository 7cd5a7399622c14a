import type { JsonValue } from '../core/json.ts';
import { inSlices, sorted } from '../core/steps.ts';
import type { StoredDocument } from './document-store.ts';

/** A millisecond's work or two. */
const CHARACTERS_AT_ONCE = 256 * 1024;

export type CopiedRow = readonly [name: string, version: number, value: JsonValue];

/** Documents as JSON texts of many rows each, which are never longer than one document more than there is to do at once. */
export function* rowTexts(documents: readonly StoredDocument[]): Generator<string> {
  let rows: string[] = [];
  let length = 0;
  for (const { name, version, value } of documents) {
    const row = JSON.stringify([name, version, value] satisfies CopiedRow);
    rows.push(row);
    length += row.length;
    if (length < CHARACTERS_AT_ONCE) continue;
    yield `[${rows.join()}]`;
    rows = [];
    length = 0;
  }
  if (rows.length > 0) yield `[${rows.join()}]`;
}

/** Rows of a collection of which the later ones count. */
export class CopiedRows {
  readonly #collection: string;
  readonly #documents = new Map<string, StoredDocument>();

  constructor(collection: string) {
    this.#collection = collection;
  }

  add(rows: readonly CopiedRow[]): void {
    const collection = this.#collection;
    for (const [name, version, value] of rows) this.#documents.set(name, { collection, name, version, value });
  }

  /** By name, ascending, as a store has them. */
  async documents(): Promise<readonly StoredDocument[]> {
    return await inSlices(sorted([...this.#documents.values()], byName));
  }
}

/** By code points, which is the order of their bytes. */
function byName({ name: one }: StoredDocument, { name: other }: StoredDocument): number {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at += 1) {
    const difference = (one.codePointAt(at) ?? 0) - (other.codePointAt(at) ?? 0);
    if (difference !== 0) return difference;
  }
  return one.length - other.length;
}
