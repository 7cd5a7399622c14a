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
  #check: ((stored: Head) => Promise<void>) | undefined;
  /** Given to the store, which has not said what became of it. */
  #unanswered: Head | undefined;

  constructor(store: DocumentStore, stream: string) {
    this.#store = store;
    this.#stream = stream;
  }

  /** The store is away: what it has is compared as soon as it says so. `check` throws where the log does not hold that. */
  later(check: (stored: Head) => Promise<void>): void {
    this.#check = check;
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
    if (this.#check !== undefined) await this.#compare(this.#check);
    if (this.#unanswered !== undefined) await this.#learnWhatBecameOf(this.#unanswered);
    if (this.#stored?.seq === seq) return;
    const head = { seq, hash };
    this.#unanswered = head;
    try {
      this.#version = await this.#store.put(HEADS_COLLECTION, this.#stream, head, this.#version);
    } catch (error) {
      if (error instanceof VersionConflict) throw this.#foreign();
      throw error;
    }
    this.#unanswered = undefined;
    this.#stored = head;
  }

  async #compare(check: (stored: Head) => Promise<void>): Promise<void> {
    const stored = await this.load();
    if (stored !== undefined) await check(stored);
    this.#check = undefined;
  }

  // A put may have reached the store although its answer did not reach us: that is no other writer.
  async #learnWhatBecameOf(unanswered: Head): Promise<void> {
    const before = this.#stored;
    const now = await this.load();
    const own = [before, unanswered].some((head) => head?.seq === now?.seq && head?.hash === now?.hash);
    if (!own) throw this.#foreign();
    this.#unanswered = undefined;
  }

  #foreign(): ForeignWrite {
    return new ForeignWrite(`another writer keeps the head of stream ${this.#stream} in the store`);
  }
}

function toHead(value: JsonValue, stream: string): Head {
  if (isJsonObject(value)) {
    const { seq, hash } = value;
    if (typeof seq === 'number' && Number.isSafeInteger(seq) && typeof hash === 'string') return { seq, hash };
  }
  throw new Error(`the head of audit stream ${stream} in the store cannot be read`);
}
