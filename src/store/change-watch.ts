interface Listener {
  readonly collection: string;
  readonly onChange: () => void;
  /** The counter at the last call back; at first the one that was known when the listener came. */
  seen: number;
}

/**
 * Calls listeners when the write counter of their collection is another, whoever wrote: `look` after own writes and where
 * another process gives notice, a timer for all else. Several writes between two looks are one call; a write of another
 * process right before a listener came can be one too. The timer runs only while somebody listens and never keeps a
 * process alive.
 */
export class ChangeWatch {
  readonly #counters: () => Promise<ReadonlyMap<string, number>>;
  readonly #intervalMs: number;
  readonly #listeners = new Set<Listener>();
  readonly #known = new Map<string, number>();
  #looking: Promise<void> = Promise.resolve();
  /** A look that begins after it was asked for; all who ask during one look share the next. */
  #next: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** `counters`: writes of each collection since the beginning. To be looked at once before the first listener comes. */
  constructor(counters: () => Promise<ReadonlyMap<string, number>>, intervalMs: number) {
    this.#counters = counters;
    this.#intervalMs = intervalMs;
  }

  add(collection: string, onChange: () => void): () => void {
    const listener: Listener = { collection, onChange, seen: this.#known.get(collection) ?? 0 };
    this.#listeners.add(listener);
    this.#timer ??= setInterval(() => void this.look(), this.#intervalMs).unref();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stopTimer();
    };
  }

  /** Never throws: a store that cannot be read is asked again at the next look, and then tells of what was missed. */
  look(): Promise<void> {
    this.#next ??= this.#looking.then(() => {
      this.#next = undefined;
      this.#looking = this.#look();
      return this.#looking;
    });
    return this.#next;
  }

  /** Looks, if somebody listens to a collection whose name begins so: nobody does to what is written each second. */
  notice(beginning: string): void {
    if ([...this.#listeners].some(({ collection }) => collection.startsWith(beginning))) void this.look();
  }

  stop(): void {
    this.#listeners.clear();
    this.#stopTimer();
  }

  async #look(): Promise<void> {
    const counters = await this.#counters().catch(() => new Map<string, number>());
    for (const [collection, counter] of counters) this.#known.set(collection, counter);
    for (const listener of this.#listeners) this.#tell(listener);
  }

  #tell(listener: Listener): void {
    const counter = this.#known.get(listener.collection) ?? 0;
    // Lower where the store was restored from a backup.
    if (counter === listener.seen) return;
    listener.seen = counter;
    // A task of its own: what a listener throws is not the writer's failure.
    queueMicrotask(listener.onChange);
  }

  #stopTimer(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
