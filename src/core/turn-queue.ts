import type { Clock } from './clock.ts';

interface TurnQueueDeps {
  readonly clock: Clock;
  /** Calls back once, after the events that are ready now: `setImmediate`. */
  readonly defer: (drain: () => void) => void;
}

interface Waiting {
  readonly since: number;
  readonly proceed: () => void;
}

/** So many go on in one turn: what they do at once may take some milliseconds, and sockets want to be looked at. */
const MAX_BATCH = 64;
/**
 * Turns from one batch to the next while some are left over. Node accepts one connection in a turn, however many wait:
 * without turns that are short, who comes anew would wait for a batch of the others each.
 */
const TURNS_BETWEEN = 16;
/** Once somebody has waited so long, further ones would wait longer still and are better off elsewhere or later. */
const MAX_WAIT_MS = 100;

/**
 * Lets work that came in during one turn of the event loop go on together, in the order it came, so that the same code
 * runs over many requests in a row instead of in between their input and output (docs/performance.md).
 */
export class TurnQueue {
  readonly #deps: TurnQueueDeps;
  #waiting: Waiting[] = [];
  #overdue = false;

  constructor(deps: TurnQueueDeps) {
    this.#deps = deps;
  }

  /**
   * Whether there is more to do than can be done: when last a batch went on, whoever is next had waited too long. A
   * pause of the whole process alone does not make it so, for whoever waited through it goes on at once.
   */
  get overdue(): boolean {
    return this.#overdue;
  }

  /** Resolves when it is the caller's turn. */
  turn(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#waiting.length === 0) this.#deps.defer(this.#drain);
    this.#waiting.push({ since: this.#deps.clock.now(), proceed: resolve });
    return promise;
  }

  #drainAfter(turns: number): void {
    this.#deps.defer(turns === 1 ? this.#drain : () => this.#drainAfter(turns - 1));
  }

  readonly #drain = (): void => {
    const batch = this.#waiting.slice(0, MAX_BATCH);
    this.#waiting = this.#waiting.slice(MAX_BATCH);
    const [next] = this.#waiting;
    this.#overdue = next !== undefined && this.#deps.clock.now() - next.since > MAX_WAIT_MS;
    if (next !== undefined) this.#drainAfter(TURNS_BETWEEN);
    for (const { proceed } of batch) proceed();
  };
}
