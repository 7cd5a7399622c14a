import { isJsonObject, type JsonValue } from '../core/json.ts';
import { type DocumentStore, VersionConflict } from '../store/document-store.ts';
import type { Log } from '../telemetry/logger.ts';
import type { Head } from './line.ts';
import { AuditLogCorrupt } from './recovery.ts';
import { ForeignWrite } from './segment-writer.ts';

/** Where the store keeps the head of each stream, by the stream's name. */
export const HEADS_COLLECTION = 'audit-heads';

/** The last heads that the store knows: read them before the files they are compared with. */
export async function readHeads(store: DocumentStore): Promise<ReadonlyMap<string, Head>> {
  const documents = await store.list(HEADS_COLLECTION);
  return new Map(documents.map(({ name, value }) => [name, toHead(value, name)]));
}

interface HeadKeeperDeps {
  readonly store: DocumentStore;
  readonly stream: string;
  readonly log: Log;
  /** Throws AuditLogCorrupt where the log does not hold a head. */
  readonly assertHeld: (head: Head) => Promise<void>;
}

/** Keeps the head of one stream in the store, so that a cut behind it is found. */
export class HeadKeeper {
  readonly #deps: HeadKeeperDeps;
  #version = 0;
  #stored: Head | undefined;
  /** Whether the log has to be looked at before what the store has is believed. */
  #isUnknown = false;
  /** Given to the store, which has not said what became of it. */
  #unanswered: Head | undefined;

  constructor(deps: HeadKeeperDeps) {
    this.#deps = deps;
  }

  /** The store is away: what it has is compared with the log as soon as it says so. */
  later(): void {
    this.#isUnknown = true;
  }

  /** What the store has now; undefined for a stream it has never seen. */
  async load(): Promise<Head | undefined> {
    const { store, stream } = this.#deps;
    const document = await store.get(HEADS_COLLECTION, stream);
    this.#version = document?.version ?? 0;
    this.#stored = document && toHead(document.value, stream);
    return this.#stored;
  }

  /** Throws ForeignWrite when another writer moved the head, AuditLogCorrupt, or what the store threw. */
  async save({ seq, hash }: Head): Promise<void> {
    if (this.#isUnknown) await this.#compare();
    if (this.#unanswered !== undefined) await this.#learnWhatBecameOf(this.#unanswered);
    if (this.#stored?.seq === seq) return;
    const { store, stream } = this.#deps;
    const head = { seq, hash };
    this.#unanswered = head;
    try {
      this.#version = await store.put(HEADS_COLLECTION, stream, head, this.#version);
    } catch (error) {
      if (!(error instanceof VersionConflict)) throw error;
      return await this.#goBackFrom(head);
    }
    this.#unanswered = undefined;
    this.#stored = head;
  }

  async #compare(): Promise<void> {
    const stored = await this.load();
    if (stored !== undefined) await this.#deps.assertHeld(stored);
    this.#isUnknown = false;
  }

  // A put may have reached the store although its answer did not reach us: that is no other writer.
  async #learnWhatBecameOf(unanswered: Head): Promise<void> {
    const before = this.#stored;
    const now = await this.load();
    const known = [before, unanswered].some((head) => head?.seq === now?.seq && head?.hash === now?.hash);
    if (!known) await this.#assertOwn(now);
    this.#unanswered = undefined;
  }

  // Refused, so it was not this put that brought what is there, were it the very same: two that start on one stream begin alike.
  async #goBackFrom(refused: Head): Promise<void> {
    const now = await this.load();
    if (now !== undefined && now.seq >= refused.seq) throw this.#foreign();
    await this.#assertOwn(now);
    this.#unanswered = undefined;
  }

  // A store that was failed over to a copy, or restored, has lost its last writes: an older head of this very log, or none.
  async #assertOwn(head: Head | undefined): Promise<void> {
    try {
      if (head !== undefined) await this.#deps.assertHeld(head);
    } catch (cause) {
      if (cause instanceof AuditLogCorrupt) throw this.#foreign();
      this.#isUnknown = true;
      throw cause;
    }
    const { stream, log } = this.#deps;
    // Or somebody took the head back, so that a cut behind it is not found: whoever runs Carnet has to know.
    log.warn('the store has lost its last head of the audit log', { stream, seq: head?.seq ?? 0 });
  }

  #foreign(): ForeignWrite {
    return new ForeignWrite(`another writer keeps the head of stream ${this.#deps.stream} in the store`);
  }
}

function toHead(value: JsonValue, stream: string): Head {
  if (isJsonObject(value)) {
    const { seq, hash } = value;
    if (typeof seq === 'number' && Number.isSafeInteger(seq) && typeof hash === 'string') return { seq, hash };
  }
  throw new Error(`the head of audit stream ${stream} in the store cannot be read`);
}
