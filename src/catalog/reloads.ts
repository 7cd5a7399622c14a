const DEBOUNCE_MS = 100;
const POLL_MS = 10_000;

export type ReloadOutcome = 'changed' | 'unchanged' | 'failed';

/** How long to collect events, and how often to look without one. */
export interface Watching {
  readonly debounceMs: number;
  readonly pollMs: number;
}

interface ReloadsDeps {
  /** Reads, compiles and swaps; never rejects. */
  readonly load: () => Promise<ReloadOutcome>;
  /** Whether there is anything new to read; never rejects. */
  readonly isOther: () => Promise<boolean>;
  readonly watching?: Watching | undefined;
}

/** When resources are read again, one reading after the other. */
export class Reloads {
  readonly #deps: ReloadsDeps;
  readonly #watching: Watching;
  #running: Promise<ReloadOutcome> | undefined;
  #waiting: Promise<ReloadOutcome> | undefined;
  #soon: NodeJS.Timeout | undefined;
  #poll: NodeJS.Timeout | undefined;
  #started = false;
  #closed = false;

  constructor(deps: ReloadsDeps) {
    this.#deps = deps;
    this.#watching = deps.watching ?? { debounceMs: DEBOUNCE_MS, pollMs: POLL_MS };
  }

  start(): void {
    this.#started = true;
    this.soon();
    this.#pollLater();
  }

  /** Calls in between share one reading. */
  now(): Promise<ReloadOutcome> {
    if (this.#running === undefined) return this.#run();
    // The reading under way may have passed what the caller has changed: one more follows it.
    this.#waiting ??= this.#running.then(() => {
      this.#waiting = undefined;
      // One that was asked for between the end and this has begun after the caller's change.
      return this.#running ?? this.#run();
    });
    return this.#waiting;
  }

  /** After an event, which may be the first of many. */
  soon(): void {
    if (!this.#started || this.#closed || this.#soon !== undefined) return;
    this.#soon = setTimeout(() => {
      this.#soon = undefined;
      void this.#ifOther();
    }, this.#watching.debounceMs).unref();
  }

  /** Resolves when nothing is read any more. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#soon);
    clearTimeout(this.#poll);
    await this.#waiting;
    await this.#running;
  }

  #run(): Promise<ReloadOutcome> {
    const running = this.#deps.load().finally(() => {
      this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  #pollLater(): void {
    if (this.#closed) return;
    this.#poll = setTimeout(() => {
      void this.#ifOther().finally(() => this.#pollLater());
    }, this.#watching.pollMs).unref();
  }

  async #ifOther(): Promise<void> {
    if (this.#closed) return;
    const isOther = await this.#deps.isOther();
    if (!this.#closed && isOther) await this.now();
  }
}
