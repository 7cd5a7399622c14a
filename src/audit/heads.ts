import { isJsonObject, type JsonValue } from '../core/json.ts';
import { type DocumentStore, VersionConflict } from '../store/document-store.ts';
import type { Head } from './line.ts';
import { ForeignWrite } from './segment-writer.ts';

/** Where the store keeps the head of each stream, by the stream's name. */
export const HEADS_COLLECTION = 'audit-heads';

/** The last heads that the store knows: read them before the files they are compared with. */
export async function readHeads(store: DocumentStore): Promise<ReadonlyMap<string, Head>> {
  const documents = await store.list(HEADS_COLLECTION);
  return new Map(documents.map(({ name, value }) => [name, toHead(value, name)]));
}

/** Keeps the head of one stream in the store, so that a cut behind it is found. */
export class HeadKeeper {
  readonly #store: DocumentStore;
  readonly #stream: string;
  #version = 0;
  #stored: Head | undefined;
  #tried: Head | undefined;

  constructor(store: DocumentStore, stream: string) {
    this.#store = store;
    this.#stream = stream;
  }

  /** What the store has now; undefined for a stream it has never seen. */
  async load(): Promise<Head | undefined> {
    const document = await this.#store.get(HEADS_COLLECTION, this.#stream);
    this.#version = document?.version ?? 0;
    this.#stored = document && toHead(document.value, this.#stream);
    return this.#stored;
  }

  /** Throws ForeignWrite when another writer moved the head, or what the store threw. */
  async save({ seq, hash }: Head): Promise<void> {
    if (this.#stored?.seq === seq) return;
    try {
      await this.#put({ seq, hash });
    } catch (error) {
      if (!(error instanceof VersionConflict)) throw error;
      await this.#adoptOwnWrite();
      if (this.#stored?.seq !== seq) await this.#put({ seq, hash });
    }
  }

  async #put(head: Head): Promise<void> {
    this.#tried = head;
    this.#version = await this.#store.put(HEADS_COLLECTION, this.#stream, { ...head }, this.#version);
    this.#stored = head;
  }

  // A put may have reached the store although its answer did not reach us.
  async #adoptOwnWrite(): Promise<void> {
    const before = this.#stored;
    const tried = this.#tried;
    const now = await this.load();
    const own = [before, tried].some((head) => head?.seq === now?.seq && head?.hash === now?.hash);
    if (!own) throw new ForeignWrite(`another writer keeps the head of stream ${this.#stream} in the store`);
  }
}

function toHead(value: JsonValue, stream: string): Head {
  if (isJsonObject(value)) {
    const { seq, hash } = value;
    if (typeof seq === 'number' && Number.isSafeInteger(seq) && typeof hash === 'string') return { seq, hash };
  }
  throw new Error(`the head of audit stream ${stream} in the store cannot be read`);
}
