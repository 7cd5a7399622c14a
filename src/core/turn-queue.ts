import type { Clock } from './clock.ts';

interface TurnQueueDeps {
  readonly clock: Clock;
  /** Calls back once, after the events that are ready now: `setImmediate`. */
  readonly defer: (drain: () => void) => void;
  /** How many connections have been accepted so far. */
  readonly connections: () => number;
}

interface Waiting {
  readonly since: number;
  readonly proceed: () => void;
}

/** So many go on in one turn: what they do at once may take some milliseconds, and sockets want to be looked at. */
const MAX_BATCH = 64;
/** Turns before a batch at most, while each of them brings a new connection and newcomers are refused at once. */
const MAX_TURNS_BUSY = 256;
/** Once somebody has waited so long, more is asked than can be answered. */
const MAX_WAIT_MS = 100;
/** How many may wait while more is asked than can be answered: enough for the next batch to be whole. */
const MAX_WAITING_BUSY = 2 * MAX_BATCH;

/**
 * Lets work that came in during one turn of the event loop go on together, in the order it came, so that the same code
 * runs over many requests in a row instead of in between their input and output (docs/performance.md).
 */
export class TurnQueue {
  readonly #deps: TurnQueueDeps;
  #waiting: Waiting[] = [];
  /** More is asked than can be answered. */
  #busy = false;

  constructor(deps: TurnQueueDeps) {
    this.#deps = deps;
  }

  /**
   * Whether a newcomer is better off elsewhere or later. A burst is served, late or not: only when a batch has gone on
   * and whoever is next has waited too long already is there more to do than can be done. From then on, until a batch
   * takes everybody, few may wait. A pause of the whole process alone does not make it so, for whoever waited through it
   * goes on at once.
   */
  get overdue(): boolean {
    return this.#busy && this.#waiting.length >= MAX_WAITING_BUSY;
  }

  /** Resolves when it is the caller's turn. */
  turn(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#waiting.length === 0) this.#drainAfter(1);
    this.#waiting.push({ since: this.#deps.clock.now(), proceed: resolve });
    return promise;
  }

  /**
   * Node accepts one connection in a turn, however many wait, and a turn with a batch in it is long. So the batch comes
   * later while each turn brings a connection: by as many turns as the batch has members, and by more where newcomers
   * are refused at once, for then they cost little.
   */
  #drainAfter(turns: number): void {
    const { connections, defer } = this.#deps;
    const before = connections();
    defer(() => {
      const most = this.#busy ? MAX_TURNS_BUSY : Math.min(this.#waiting.length, MAX_BATCH);
      if (turns < most && connections() > before) this.#drainAfter(turns + 1);
      else this.#drain();
    });
  }

  #drain(): void {
    const batch = this.#waiting.slice(0, MAX_BATCH);
    this.#waiting = this.#waiting.slice(MAX_BATCH);
    const [next] = this.#waiting;
    const late = next !== undefined && this.#deps.clock.now() - next.since > MAX_WAIT_MS;
    this.#busy = late || (this.#busy && next !== undefined);
    if (next !== undefined) this.#drainAfter(1);
    for (const { proceed } of batch) proceed();
  }
}
