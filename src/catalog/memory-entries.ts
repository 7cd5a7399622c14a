import { isJsonObject, type JsonValue } from '../core/json.ts';
import { KINDS, type Kind } from '../resources/document.ts';

/** What is remembered of one document. */
export interface Entry {
  readonly kind: Kind;
  readonly name: string;
  readonly source: string;
  /** Ordinal of the reading in which it was first seen. */
  readonly seen: number;
  /** Its last good version as a line of JSON. */
  readonly good?: string;
}
export type Entries = ReadonlyMap<string, Entry>;

/** Neither a kind nor a name has a space in it. */
export function entryKey(kind: Kind, name: string, source: string): string {
  return `${kind} ${name} ${source}`;
}

/** Entries as they are stored, in an order of their own. */
export function entriesTo(entries: Entries): JsonValue {
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    v: 1,
    entries: sorted.map(([, { kind, name, source, seen, good }]) => [kind, name, source, seen, good ?? null]),
  };
}

/** Kind, name and source are in the keys. */
export function sameEntries(some: Entries, others: Entries): boolean {
  if (some.size !== others.size) return false;
  return some.entries().every(([key, { seen, good }]) => {
    const other = others.get(key);
    return other !== undefined && other.seen === seen && other.good === good;
  });
}

/** Entries of a stored value. What is not understood is left out: it is then as if the document had not been seen. */
export function entriesFrom(value: JsonValue): Entries {
  const list = isJsonObject(value) && value['v'] === 1 && Array.isArray(value['entries']) ? value['entries'] : [];
  const entries = new Map<string, Entry>();
  for (const item of list) {
    const entry = Array.isArray(item) ? entryFrom(item) : undefined;
    if (entry !== undefined) entries.set(entryKey(entry.kind, entry.name, entry.source), entry);
  }
  return entries;
}

function entryFrom([written, name, source, seen, good]: readonly JsonValue[]): Entry | undefined {
  const kind = KINDS.find((known) => known === written);
  if (kind === undefined || typeof name !== 'string' || typeof source !== 'string') return undefined;
  if (typeof seen !== 'number' || !Number.isSafeInteger(seen) || seen < 1) return undefined;
  return { kind, name, source, seen, ...(typeof good === 'string' && { good }) };
}

/**
 * Ours after somebody else wrote: their order stands where both have seen a document, what they added stays, what we
 * no longer have goes.
 */
export function mergeEntries({ base, ours, theirs }: Readonly<Record<'base' | 'ours' | 'theirs', Entries>>): Entries {
  const merged = new Map<string, Entry>();
  for (const [key, entry] of theirs) if (!base.has(key)) merged.set(key, entry);
  for (const [key, entry] of ours) merged.set(key, { ...entry, seen: theirs.get(key)?.seen ?? entry.seen });
  return merged;
}
