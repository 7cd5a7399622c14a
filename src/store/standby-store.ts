import type { Clock } from '../core/clock.ts';
import type { JsonValue } from '../core/json.ts';
import type { DocumentStore, DocumentWrite, KnownVersions, StoredDocument } from './document-store.ts';
import { type Copied, RENEWED_AFTER_MS, type StoreCopy } from './store-copy.ts';
import { StoreAway, StoreFault } from './store-fault.ts';

const RETRY_MS = 2_000;
const COPIED_AFTER_MS = 1_000;
/** While the store cannot be read. */
const AGAIN_MS = 10_000;
const COLLECTION = /^[a-z][a-z-]{0,62}$/;

interface StandbyOptions {
  /** Throws StoreAway where trying again may help. */
  readonly open: () => Promise<DocumentStore>;
  readonly copy: StoreCopy;
  readonly clock: Clock;
  /** Collections of which no start may believe a copy. */
  readonly except: ReadonlySet<string>;
  /** Collections of which no document is ever deleted: of them only what has changed is read and copied. */
  readonly lasting: ReadonlySet<string>;
  /** A copy cannot be kept, and there is none of the collection then. Must not throw. */
  readonly onFailure: (collection: string, cause: unknown) => void;
  /** The store cannot be had at the start, or for another reason than before; `undefined`: it is there. Must not throw. */
  readonly onAway: (reason: string | undefined) => void;
}

interface Listener {
  readonly collection: string;
  readonly onChange: () => void;
  stop?: () => void;
}

/**
 * A store that is elsewhere, and a copy of what was read of it for a start that does not find it. Whatever is listed is in
 * the copy before anybody has it, so that nothing comes into force that the next start would not know; what is read or written
 * otherwise is copied within about a second.
 *
 * A start without the store reads the copy, until `started`. From then on it is a store that is down, until it is back.
 */
export class StandbyStore implements DocumentStore {
  readonly #options: StandbyOptions;
  readonly #listeners = new Set<Listener>();
  /** Copies that are kept, each with the reading that is under way. */
  readonly #kept = new Map<string, Promise<unknown>>();
  readonly #soon = new Map<string, NodeJS.Timeout>();
  readonly #read = new Map<string, Copied>();
  #store: DocumentStore | undefined;
  #away: StoreFault | undefined;
  #isStarting = true;
  #retry: NodeJS.Timeout | undefined;
  #renewal: NodeJS.Timeout | undefined;
  #opening: Promise<void> | undefined;
  #closed = false;

  private constructor(options: StandbyOptions) {
    this.#options = options;
  }

  /** Throws what `open` throws where the store is not just away. */
  static async open(options: StandbyOptions): Promise<StandbyStore> {
    const standby = new StandbyStore(options);
    try {
      standby.#take(await options.open());
    } catch (cause) {
      if (!(cause instanceof StoreAway)) throw cause;
      standby.#isAway(cause);
      standby.#retryLater();
    }
    return standby;
  }

  /** While the store is away: the moment at which it had what a start has read of the copy, milliseconds. */
  asOf(): number | undefined {
    if (this.#store !== undefined) return undefined;
    return Math.min(this.#options.clock.now(), ...[...this.#read.values()].map(({ at }) => at));
  }

  /** Nothing is read of the copy any more. */
  started(): void {
    this.#isStarting = false;
    // When it was taken is still asked for.
    for (const [collection, { at }] of this.#read) this.#read.set(collection, { at, documents: [] });
  }

  async get(collection: string, name: string): Promise<StoredDocument | undefined> {
    if (this.#store === undefined) {
      const { documents } = await this.#copied(collection);
      return documents.find((one) => one.name === name);
    }
    this.#copyOf(collection);
    return await this.#store.get(collection, name);
  }

  async list(collection: string, known?: KnownVersions): Promise<readonly StoredDocument[]> {
    const store = this.#store;
    if (store === undefined) return (await this.#copied(collection)).documents;
    this.#follow(collection);
    // What was to be copied is read now.
    clearTimeout(this.#soon.get(collection));
    this.#soon.delete(collection);
    if (!this.#kept.has(collection)) return await store.list(collection, known);
    // One after the other: what was read first must not be copied last.
    const before = this.#kept.get(collection) ?? Promise.resolve();
    const turn = before.then(() => this.#listed(store, collection, known));
    this.#kept.set(
      collection,
      // Not with the documents, of which there may be many.
      turn.then(
        () => undefined,
        () => this.#copySoon(collection, AGAIN_MS),
      ),
    );
    return await turn;
  }

  async put(collection: string, name: string, value: JsonValue, ifVersion: number): Promise<number> {
    this.#copyOf(collection);
    return await this.#there().put(collection, name, value, ifVersion);
  }

  async putAll(writes: readonly DocumentWrite[]): Promise<void> {
    for (const { collection } of writes) this.#copyOf(collection);
    await this.#there().putAll(writes);
  }

  /** Throws RangeError also for what is `lasting`. */
  async delete(collection: string, name: string, ifVersion: number): Promise<void> {
    if (this.#options.lasting.has(collection)) throw new RangeError(`of ${collection} nothing is deleted`);
    await this.#there().delete(collection, name, ifVersion);
  }

  async history(collection: string, name: string): Promise<readonly StoredDocument[]> {
    return await this.#there().history(collection, name);
  }

  watch(collection: string, onChange: () => void): () => void {
    const listener: Listener = { collection, onChange };
    this.#listeners.add(listener);
    if (this.#store !== undefined) listener.stop = this.#store.watch(collection, onChange);
    return () => {
      this.#listeners.delete(listener);
      listener.stop?.();
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearInterval(this.#renewal);
    for (const timer of this.#soon.values()) clearTimeout(timer);
    await this.#opening;
    await Promise.all(this.#kept.values());
    for (const { stop } of this.#listeners) stop?.();
    await this.#store?.close();
  }

  #there(): DocumentStore {
    if (this.#store !== undefined) return this.#store;
    throw this.#fault();
  }

  #fault(): StoreFault {
    return new StoreAway(this.#away?.message ?? 'the store is away', { cause: this.#away });
  }

  async #copied(collection: string): Promise<Copied> {
    if (!this.#isStarting || this.#options.except.has(collection)) throw this.#fault();
    const { copy, clock } = this.#options;
    const found = this.#read.get(collection) ?? (await copy.read(collection, clock.now()));
    if (found === undefined) throw this.#fault();
    this.#read.set(collection, found);
    return found;
  }

  async #listed(
    store: DocumentStore,
    collection: string,
    known: KnownVersions | undefined,
  ): Promise<readonly StoredDocument[]> {
    const { copy, clock, onFailure } = this.#options;
    const copied = this.#versions(collection);
    const at = clock.now();
    if (copied !== undefined) {
      const changed = await store.list(collection, known && inBoth(known, copied));
      if (await copy.add(collection, { at, documents: changed })) return changed;
    }
    const documents = await store.list(collection);
    await copy.keep(collection, { at, documents }).catch((cause) => onFailure(collection, cause));
    return documents;
  }

  /** Of what a copy is kept of by adding to it: what that has. */
  #versions(collection: string): KnownVersions | undefined {
    return this.#options.lasting.has(collection) ? this.#options.copy.versions(collection) : undefined;
  }

  /** Of a collection that is used for the first time, and not by listing it. */
  #copyOf(collection: string): void {
    if (this.#follow(collection)) this.#copySoon(collection);
  }

  /** True the first time that somebody uses a collection of which there is to be a copy. */
  #follow(collection: string): boolean {
    if (this.#kept.has(collection) || this.#options.except.has(collection) || !COLLECTION.test(collection))
      return false;
    if (this.#store === undefined) return false;
    this.#kept.set(collection, Promise.resolve());
    this.watch(collection, () => this.#copySoon(collection));
    return true;
  }

  #copySoon(collection: string, afterMs = COPIED_AFTER_MS): void {
    if (this.#closed || this.#soon.has(collection)) return;
    const timer = setTimeout(() => {
      this.#soon.delete(collection);
      void this.list(collection, this.#versions(collection)).catch(() => undefined);
    }, afterMs).unref();
    this.#soon.set(collection, timer);
  }

  #take(store: DocumentStore): void {
    this.#store = store;
    this.#read.clear();
    for (const listener of this.#listeners) {
      listener.stop = store.watch(listener.collection, listener.onChange);
      // Whatever has changed since the copy was taken.
      queueMicrotask(listener.onChange);
    }
    this.#renewal = setInterval(() => {
      for (const collection of this.#kept.keys()) this.#copySoon(collection);
    }, RENEWED_AFTER_MS).unref();
  }

  #retryLater(): void {
    if (this.#closed) return;
    this.#retry = setTimeout(() => {
      this.#opening = this.#reopen();
    }, RETRY_MS).unref();
  }

  async #reopen(): Promise<void> {
    try {
      const store = await this.#options.open();
      if (this.#closed) return await store.close();
      this.#take(store);
      this.#options.onAway(undefined);
    } catch (cause) {
      this.#isAway(cause instanceof StoreFault ? cause : new StoreFault('the store cannot be used', { cause }));
      this.#retryLater();
    }
  }

  #isAway(fault: StoreFault): void {
    if (fault.message !== this.#away?.message) this.#options.onAway(fault.message);
    this.#away = fault;
  }
}

/** What is left out by this is known to whoever asks, and in the copy. */
function inBoth(known: KnownVersions, copied: KnownVersions): KnownVersions {
  return {
    size: Math.min(known.size, copied.size),
    get: (name) => {
      const one = known.get(name);
      return one?.version === copied.get(name)?.version ? one : undefined;
    },
  };
}
