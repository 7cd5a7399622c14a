import type { JsonValue } from '../../src/core/json.ts';
import {
  type DocumentStore,
  type DocumentWrite,
  KEPT_COLLECTION,
  type KnownVersions,
  type StoredDocument,
  VersionConflict,
} from '../../src/store/document-store.ts';

interface Row {
  readonly version: number;
  readonly text: string;
  readonly before?: Row;
}
/** What several stores over the same data share. */
export interface MemoryDocuments {
  readonly collections: Map<string, Map<string, Row>>;
  readonly listeners: Set<{ readonly collection: string; readonly onChange: () => void }>;
}
export const memoryDocuments = (): MemoryDocuments => ({ collections: new Map(), listeners: new Set() });

/** A DocumentStore that forgets; it keeps the same contract as the real ones (test/store/contract.ts). */
export class MemoryDocumentStore implements DocumentStore {
  readonly #shared: MemoryDocuments;
  readonly #own = new Set<() => void>();

  constructor(shared: MemoryDocuments = memoryDocuments()) {
    this.#shared = shared;
  }

  async get(collection: string, name: string): Promise<StoredDocument | undefined> {
    const key = legal(name);
    const row = this.#shared.collections.get(legal(collection))?.get(key);
    return row && { collection, name, version: row.version, value: JSON.parse(row.text) };
  }

  async put(collection: string, name: string, value: JsonValue, ifVersion: number): Promise<number> {
    const key = legal(name);
    const documents = this.#shared.collections.get(legal(collection)) ?? new Map<string, Row>();
    const present = documents.get(key)?.version ?? 0;
    if (present !== ifVersion) throw new VersionConflict({ collection, name, ifVersion });
    const before = collection === KEPT_COLLECTION ? documents.get(key) : undefined;
    documents.set(key, { version: present + 1, text: JSON.stringify(value), ...(before && { before }) });
    this.#shared.collections.set(collection, documents);
    for (const listener of this.#shared.listeners)
      if (listener.collection === collection) queueMicrotask(listener.onChange);
    return present + 1;
  }

  async putAll(writes: readonly DocumentWrite[]): Promise<void> {
    const keys = new Set(writes.map(({ collection, name }) => JSON.stringify([legal(collection), legal(name)])));
    if (keys.size < writes.length) throw new RangeError('a batch names a document twice');
    for (const write of writes) {
      const present = this.#shared.collections.get(write.collection)?.get(write.name)?.version ?? 0;
      if (present !== write.ifVersion) throw new VersionConflict(write);
    }
    for (const { collection, name, value, ifVersion } of writes) void this.put(collection, name, value, ifVersion);
  }

  async delete(collection: string, name: string, ifVersion: number): Promise<void> {
    if (collection === KEPT_COLLECTION) throw new RangeError(`of ${KEPT_COLLECTION} every version is kept`);
    const documents = this.#shared.collections.get(legal(collection));
    if (ifVersion === 0 || documents?.get(legal(name))?.version !== ifVersion) {
      throw new VersionConflict({ collection, name, ifVersion });
    }
    documents.delete(name);
    for (const listener of this.#shared.listeners)
      if (listener.collection === collection) queueMicrotask(listener.onChange);
  }

  async history(collection: string, name: string): Promise<readonly StoredDocument[]> {
    if (collection !== KEPT_COLLECTION) return [];
    const versions: StoredDocument[] = [];
    for (let row = this.#shared.collections.get(collection)?.get(legal(name)); row !== undefined; row = row.before)
      versions.unshift({ collection, name, version: row.version, value: JSON.parse(row.text) });
    return versions;
  }

  async list(collection: string, known?: KnownVersions): Promise<readonly StoredDocument[]> {
    const rows = [...(this.#shared.collections.get(legal(collection)) ?? [])];
    return rows
      .filter(([name, { version }]) => known?.get(name)?.version !== version)
      .toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .map(([name, row]) => ({ collection, name, version: row.version, value: JSON.parse(row.text) }));
  }

  watch(collection: string, onChange: () => void): () => void {
    const listener = { collection: legal(collection), onChange };
    this.#shared.listeners.add(listener);
    const stop = () => {
      this.#shared.listeners.delete(listener);
      this.#own.delete(stop);
    };
    this.#own.add(stop);
    return stop;
  }

  async close(): Promise<void> {
    for (const stop of this.#own) stop();
  }
}

function legal(name: string): string {
  if (name.isWellFormed() && !name.includes('\0')) return name;
  throw new RangeError('a document or collection name holds a NUL or a lone surrogate');
}
