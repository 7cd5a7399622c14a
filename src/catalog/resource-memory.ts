import { hash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { inTurns } from '../core/in-turns.ts';
import type { JsonValue } from '../core/json.ts';
import type { Document, FaultyDocument, Kind, ValidDocument } from '../resources/document.ts';
import { documentFromLine, documentLine, keepLine } from '../resources/stored-document.ts';
import { type DocumentStore, VersionConflict } from '../store/document-store.ts';
import { type Entry, entriesFrom, entriesTo, entryKey, mergeEntries, sameEntries } from './memory-entries.ts';

/** Name of the collection in the store, of which no document is ever deleted. */
export const RESOURCE_HISTORY = 'resource-history';
const MAX_ATTEMPTS = 8;

interface Chunk {
  readonly version: number;
  readonly entries: ReadonlyMap<string, Entry>;
}
type Chunks = Map<string, Chunk>;

interface Kept {
  readonly present: ReadonlySet<Document>;
  readonly accepted: ReadonlySet<Document>;
}

/**
 * Remembers when each (kind, name, source) was first seen and its last good version, so that a restart does not forget
 * who was there first or what a faulty document used to say.
 *
 * Entries are spread over 64 stored documents by the hash of kind and name: a start writes only those that changed, at
 * most 64 commits however many mappings there are, and one changed mapping rewrites a 64th of the whole. What is no
 * longer in any source is forgotten. Replicas that share the store agree on the order: whoever wrote first is right.
 */
export class ResourceMemory {
  readonly #store: DocumentStore;
  readonly #chunks: Chunks = new Map();
  #highest = 0;
  #order = 0;
  /** What was kept last, and is in the store. */
  #kept: Kept | undefined;
  #merged = false;
  /** The entries of all chunks by their keys. */
  readonly #known = new Map<string, Entry>();
  /** Seen and not stored yet. */
  readonly #fresh = new Map<string, number>();

  constructor(store: DocumentStore) {
    this.#store = store;
  }

  async load(): Promise<void> {
    for (const { name, version, value } of await this.#store.list(RESOURCE_HISTORY)) {
      this.#hold(name, { version, entries: entriesFrom(value) });
    }
  }

  /** Gives documents that are new the next ordinal, the same to all of one reading. */
  async see(documents: readonly Document[]): Promise<void> {
    const next = this.nextOrdinal();
    await inTurns(documents, ({ kind, name, source }) => {
      if (this.firstSeen(kind, name, source.id) !== undefined) return;
      this.#fresh.set(entryKey(kind, name, source.id), next);
      this.#highest = next;
    });
  }

  /** What new documents of the next reading are given. */
  nextOrdinal(): number {
    return this.#highest + 1;
  }

  /** Grows whenever an ordinal that was given becomes another one. */
  get order(): number {
    return this.#order;
  }

  /** Ordinal of the reading in which a document was first seen in a source. */
  firstSeen(kind: Kind, name: string, sourceId: string): number | undefined {
    const key = entryKey(kind, name, sourceId);
    return this.#known.get(key)?.seen ?? this.#fresh.get(key);
  }

  /** Names of one kind that were there at the last reading, here or before the last start. */
  names(kind: Kind): ReadonlySet<string> {
    return new Set(this.#entries().flatMap((entry) => (entry.kind === kind ? [entry.name] : [])));
  }

  /**
   * Last good versions of the names of all these documents but those that are `settled`: of them it is known that what they
   * say is good. One that equals its present document is that document, so that it is not parsed again.
   */
  async lastGood(
    present: readonly Document[],
    isSettled: (document: Document) => boolean = () => false,
  ): Promise<readonly ValidDocument[]> {
    if (this.#chunks.size === 0) return [];
    const unsettled = present.filter((document) => !isSettled(document));
    const isAll = unsettled.length === present.length;
    const names = isAll ? undefined : new Set(await inTurns(unsettled, nameOf));
    const chunks = new Set(isAll ? this.#chunks.keys() : unsettled.map(({ kind, name }) => chunkOf(kind, name)));
    const current = new Map<string, ValidDocument>();
    await inTurns(unsettled, (one) => one.valid && current.set(keyOf(one), one));
    const good: ValidDocument[] = [];
    for (const chunk of chunks) {
      for (const [key, entry] of this.#chunks.get(chunk)?.entries ?? []) {
        if (entry.good === undefined || names?.has(nameOf(entry)) === false) continue;
        const same = current.get(key);
        const version = same !== undefined && says(same, entry.good) ? same : documentFromLine(entry.good);
        if (version !== undefined) good.push(version);
      }
      await nextTurn();
    }
    return good;
  }

  /**
   * Remembered documents of sources whose content is unknown, which `present` does not have: faulty, so that what they
   * said stays in force or refuses, and never vanishes by accident.
   */
  missing(present: readonly Document[], unknown: readonly string[]): readonly FaultyDocument[] {
    if (unknown.length === 0) return [];
    const there = new Set(present.map(keyOf));
    return this.#entries().flatMap((entry) => {
      const isUnknown = unknown.some((path) => entry.source === path || entry.source.startsWith(`${path}/`));
      if (!isUnknown || there.has(entryKey(entry.kind, entry.name, entry.source))) return [];
      const good = entry.good === undefined ? undefined : documentFromLine(entry.good);
      return {
        kind: entry.kind,
        name: entry.name,
        valid: false as const,
        labels: good?.labels ?? {},
        raw: good?.spec,
        index: good?.index ?? 0,
        source: good?.source ?? { id: entry.source, line: () => 1 },
      };
    });
  }

  /**
   * Makes durable what is present and which documents are good from now on. Resolves to true when another replica had
   * seen some of them earlier: the order that was used for compiling has changed.
   */
  async keep(present: readonly Document[], accepted: readonly ValidDocument[]): Promise<boolean> {
    const now = { present: new Set(present), accepted: new Set<Document>(accepted) };
    const before = this.#kept ?? (await this.#storedOf(now));
    // Until all of it is written.
    this.#kept = undefined;
    this.#merged = false;
    let reordered = false;
    for (const [chunk, entries] of await this.#wanted(present, now, before)) {
      reordered = (await this.#write(chunk, entries)) || reordered;
      // SQLite writes at once: requests are served between two parts.
      await nextTurn();
    }
    // What came from another replica may be of documents that are not here.
    if (!this.#merged) this.#kept = now;
    return reordered;
  }

  /** The documents of which the store has what it should have; undefined where it has others beside these. */
  async #storedOf({ present, accepted }: Kept): Promise<Kept | undefined> {
    const found = new Set<Entry>();
    const stored = { present: new Set<Document>(), accepted: new Set<Document>() };
    await inTurns([...present], (document) => {
      const entry = this.#known.get(keyOf(document));
      if (entry === undefined) return;
      found.add(entry);
      const isGood = accepted.has(document) && document.valid;
      if (isGood ? entry.good !== documentLine(document) : entry.good === undefined) return;
      stored.present.add(document);
      if (isGood) stored.accepted.add(document);
    });
    return found.size === this.#known.size ? stored : undefined;
  }

  /** The chunks in which something may be different from what was kept, whole. */
  async #wanted(
    present: readonly Document[],
    now: Kept,
    before: Kept | undefined,
  ): Promise<ReadonlyMap<string, Map<string, Entry>>> {
    const wanted = new Map<string, Map<string, Entry>>();
    const entriesOf = (name: string) => {
      const entries = wanted.get(name) ?? new Map(before && this.#chunks.get(name)?.entries);
      wanted.set(name, entries);
      return entries;
    };
    if (before === undefined) for (const name of this.#chunks.keys()) entriesOf(name);
    for (const document of before?.present ?? []) {
      if (!now.present.has(document)) entriesOf(chunkOf(document.kind, document.name)).delete(keyOf(document));
    }
    const changed = present.filter(
      (one) => !before?.present.has(one) || before.accepted.has(one) !== now.accepted.has(one),
    );
    await inTurns(changed, (document) => {
      const { kind, name } = document;
      const key = keyOf(document);
      entriesOf(chunkOf(kind, name)).set(key, this.#entryOf(key, document, now.accepted.has(document)));
    });
    return wanted;
  }

  #entryOf(key: string, document: Document, isGood: boolean): Entry {
    const { kind, name, source } = document;
    const known = this.#known.get(key);
    const line = isGood && document.valid ? documentLine(document) : (known?.good ?? this.#goodOfAnySource(kind, name));
    const seen = known?.seen ?? this.#fresh.get(key) ?? this.nextOrdinal();
    return { kind, name, source: source.id, seen, ...(line !== undefined && { good: line }) };
  }

  async #write(name: string, wanted: ReadonlyMap<string, Entry>): Promise<boolean> {
    const base = this.#chunks.get(name)?.entries ?? new Map<string, Entry>();
    let entries = wanted;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const known = this.#chunks.get(name);
      if (sameEntries(known?.entries ?? new Map(), entries)) break;
      try {
        const version = await this.#store.put(RESOURCE_HISTORY, name, entriesTo(entries), known?.version ?? 0);
        this.#hold(name, { version, entries });
        break;
      } catch (error) {
        if (!(error instanceof VersionConflict) || attempt === MAX_ATTEMPTS - 1) throw error;
        this.#merged = true;
        const theirs = await this.#read(name);
        entries = mergeEntries({ base, ours: wanted, theirs });
      }
    }
    for (const key of wanted.keys()) this.#fresh.delete(key);
    const reordered = wanted.entries().some(([key, { seen }]) => entries.get(key)?.seen !== seen);
    if (reordered) this.#order += 1;
    return reordered;
  }

  async #read(name: string): Promise<ReadonlyMap<string, Entry>> {
    const stored = await this.#store.get(RESOURCE_HISTORY, name);
    const entries = stored === undefined ? new Map<string, Entry>() : entriesFrom(stored.value as JsonValue);
    this.#hold(name, { version: stored?.version ?? 0, entries });
    return entries;
  }

  #hold(name: string, chunk: Chunk): void {
    for (const key of this.#chunks.get(name)?.entries.keys() ?? []) this.#known.delete(key);
    this.#chunks.set(name, chunk);
    for (const [key, entry] of chunk.entries) {
      this.#known.set(key, entry);
      this.#highest = Math.max(this.#highest, entry.seen);
    }
  }

  /** A file that is renamed and damaged at once keeps what it used to say. */
  #goodOfAnySource(kind: Kind, name: string): string | undefined {
    const entries = this.#chunks.get(chunkOf(kind, name))?.entries.values() ?? [];
    return [...entries].find((entry) => entry.kind === kind && entry.name === name && entry.good !== undefined)?.good;
  }

  #entries(): readonly Entry[] {
    return [...this.#known.values()];
  }
}

function says(document: ValidDocument, line: string): boolean {
  if (documentLine(document) !== line) return false;
  // One text in memory and not two.
  keepLine(document, line);
  return true;
}

function nameOf({ kind, name }: Pick<Document, 'kind' | 'name'>): string {
  return `${kind} ${name}`;
}

function keyOf({ kind, name, source }: Document): string {
  return entryKey(kind, name, source.id);
}

/** One of 64. */
function chunkOf(kind: Kind, name: string): string {
  const first = Number.parseInt(hash('sha256', `${kind}/${name}`).slice(0, 2), 16);
  return `chunk-${(first % 64).toString().padStart(2, '0')}`;
}
