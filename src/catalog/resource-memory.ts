import { hash } from 'node:crypto';
import type { JsonValue } from '../core/json.ts';
import type { Document, FaultyDocument, Kind, ValidDocument } from '../resources/document.ts';
import { documentFromLine, documentLine } from '../resources/stored-document.ts';
import { type DocumentStore, VersionConflict } from '../store/document-store.ts';
import { type Entry, entriesFrom, entriesTo, entryKey, mergeEntries, sameEntries } from './memory-entries.ts';

/** Name of the collection in the store. */
const RESOURCE_HISTORY = 'resource-history';
const MAX_ATTEMPTS = 8;

interface Chunk {
  readonly version: number;
  readonly entries: ReadonlyMap<string, Entry>;
}
type Chunks = Map<string, Chunk>;

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
  /** The entries of all chunks by their keys. */
  readonly #known = new Map<string, Entry>();
  /** Seen and not stored yet. */
  readonly #fresh = new Map<string, number>();
  /** What `documentLine` gave: most documents are there again at the next reading. */
  readonly #lines = new WeakMap<ValidDocument, string>();

  constructor(store: DocumentStore) {
    this.#store = store;
  }

  async load(): Promise<void> {
    for (const { name, version, value } of await this.#store.list(RESOURCE_HISTORY)) {
      this.#hold(name, { version, entries: entriesFrom(value) });
    }
  }

  /** Gives documents that are new the next ordinal, the same to all of one reading. */
  see(documents: readonly Document[]): void {
    const next = this.nextOrdinal();
    for (const { kind, name, source } of documents) {
      if (this.firstSeen(kind, name, source.id) === undefined) this.#fresh.set(entryKey(kind, name, source.id), next);
    }
  }

  /** What new documents of the next reading are given. */
  nextOrdinal(): number {
    let highest = 0;
    for (const { seen } of this.#known.values()) highest = Math.max(highest, seen);
    for (const seen of this.#fresh.values()) highest = Math.max(highest, seen);
    return highest + 1;
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

  /** Last good versions. One that equals its present document is that document, so that it is not parsed again. */
  lastGood(present: readonly Document[]): readonly ValidDocument[] {
    const current = new Map(present.flatMap((document) => (document.valid ? [[keyOf(document), document]] : [])));
    return this.#entries().flatMap((entry) => {
      if (entry.good === undefined) return [];
      const same = current.get(entryKey(entry.kind, entry.name, entry.source));
      if (same !== undefined && this.#lineOf(same) === entry.good) return [same];
      return documentFromLine(entry.good) ?? [];
    });
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
    const good = new Map(accepted.map((document) => [keyOf(document), this.#lineOf(document)]));
    const wanted = new Map<string, Map<string, Entry>>();
    for (const { kind, name, source } of present) {
      const key = entryKey(kind, name, source.id);
      const line = good.get(key) ?? this.#known.get(key)?.good ?? this.#goodOfAnySource(kind, name);
      const seen = this.firstSeen(kind, name, source.id) ?? this.nextOrdinal();
      const entry: Entry = { kind, name, source: source.id, seen, ...(line !== undefined && { good: line }) };
      const chunk = chunkOf(kind, name);
      wanted.set(chunk, (wanted.get(chunk) ?? new Map<string, Entry>()).set(key, entry));
    }
    let reordered = false;
    for (const chunk of new Set([...wanted.keys(), ...this.#chunks.keys()])) {
      reordered = (await this.#write(chunk, wanted.get(chunk) ?? new Map())) || reordered;
    }
    return reordered;
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
        const theirs = await this.#read(name);
        entries = mergeEntries({ base, ours: wanted, theirs });
      }
    }
    for (const key of wanted.keys()) this.#fresh.delete(key);
    return [...wanted].some(([key, { seen }]) => entries.get(key)?.seen !== seen);
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
    for (const [key, entry] of chunk.entries) this.#known.set(key, entry);
  }

  #lineOf(document: ValidDocument): string {
    const known = this.#lines.get(document);
    if (known !== undefined) return known;
    const line = documentLine(document);
    this.#lines.set(document, line);
    return line;
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

function keyOf({ kind, name, source }: Document): string {
  return entryKey(kind, name, source.id);
}

/** One of 64. */
function chunkOf(kind: Kind, name: string): string {
  const first = Number.parseInt(hash('sha256', `${kind}/${name}`).slice(0, 2), 16);
  return `chunk-${(first % 64).toString().padStart(2, '0')}`;
}
