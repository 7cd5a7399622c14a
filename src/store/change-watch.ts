interface Listener {
  readonly collection: string;
  readonly onChange: () => void;
  /** The counter at the last call back; undefined until the first look after `add`. */
  seen: number | undefined;
}

/**
 * Calls listeners when the write counter of their collection has grown, whoever wrote: `look` after own writes, a timer
 * for those of other processes. Several writes between two looks are one call. The timer runs only while somebody
 * listens and never keeps a process alive.
 */
export class ChangeWatch {
  readonly #counters: () => Promise<ReadonlyMap<string, number>>;
  readonly #intervalMs: number;
  readonly #listeners = new Set<Listener>();
  #timer: NodeJS.Timeout | undefined;

  /** `counters`: writes of each collection since the beginning; reads are answered in the order they were asked. */
  constructor(counters: () => Promise<ReadonlyMap<string, number>>, intervalMs: number) {
    this.#counters = counters;
    this.#intervalMs = intervalMs;
  }

  add(collection: string, onChange: () => void): () => void {
    const listener: Listener = { collection, onChange, seen: undefined };
    this.#listeners.add(listener);
    this.#timer ??= setInterval(() => void this.look(), this.#intervalMs).unref();
    void this.look();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stopTimer();
    };
  }

  /** Never throws: a store that cannot be read is asked again at the next look, and then tells of what was missed. */
  async look(): Promise<void> {
    if (this.#listeners.size === 0) return;
    const counters = await this.#counters().catch(() => undefined);
    for (const listener of this.#listeners) this.#tell(listener, counters);
  }

  stop(): void {
    this.#listeners.clear();
    this.#stopTimer();
  }

  #tell(listener: Listener, counters: ReadonlyMap<string, number> | undefined): void {
    if (counters === undefined) {
      listener.seen ??= -1;
      return;
    }
    const counter = counters.get(listener.collection) ?? 0;
    const grown = listener.seen !== undefined && counter > listener.seen;
    listener.seen = Math.max(counter, listener.seen ?? 0);
    // A task of its own: what a listener throws is not the writer's failure.
    if (grown) queueMicrotask(listener.onChange);
  }

  #stopTimer(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
