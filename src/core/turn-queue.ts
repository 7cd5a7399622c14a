import type { Clock } from './clock.ts';

interface TurnQueueDeps {
  readonly clock: Clock;
  /** Calls back once, after the events that are ready now: `setImmediate`. */
  readonly defer: (drain: () => void) => void;
  /** How long the event loop has waited for something to do so far, ms. */
  readonly idle: () => number;
  /** How many connections have been accepted so far. */
  readonly connections: () => number;
  /** So many go on in one turn: what they do at once may take some milliseconds, and sockets want to be looked at. */
  readonly batch: number;
  /** The same while more is asked than can be answered. */
  readonly batchWhenBusy: number;
  /** More is asked than can be answered when whoever comes behind so many waits too long. */
  readonly mayWait: number;
  /** So many may wait from then on, several batches. */
  readonly mayWaitWhenBusy: number;
}

interface Waiting {
  readonly since: number;
  readonly proceed: () => void;
}

/** Turns before a batch at most, while each of them brings a new connection. */
const MAX_TURNS = 256;
/**
 * The same while newcomers are refused, for then they cost little. Who only opens connections takes most of the time then, never
 * all of it: a batch goes on after that many.
 */
const MAX_TURNS_BUSY = 512;
/** Once somebody has waited so long, more is asked than can be answered. */
const MAX_WAIT_MS = 50;
/** So long after the queue was full few may wait: requests come in gusts, and between two of them few are left. */
const CALM_MS = 1000;
/** A process has nothing to do for so long in a second or two, in all, only where what is asked can be answered. */
const IDLE_MS = 50;

/**
 * Lets work that came in during one turn of the event loop go on together, in the order it came, so that the same code
 * runs over many requests in a row instead of in between their input and output (docs/performance.md).
 */
export class TurnQueue {
  readonly #deps: TurnQueueDeps;
  #waiting: Waiting[] = [];
  /** Until then more is asked than can be answered. */
  #busyUntil = 0;
  /** Since when it is counted how long there was nothing to do, and what `idle` said then. */
  #countedFrom = 0;
  #idleThen = 0;

  constructor(deps: TurnQueueDeps) {
    this.#deps = deps;
  }

  /**
   * Whether a newcomer is better off elsewhere or later. A burst is served, late or not: only when more wait than may and
   * whoever comes after those has waited too long already is there more to do than can be done. From then on few may
   * wait, until the queue has not been full for a second or there has been nothing to do for a while. A pause of the whole
   * process alone does not make it so, unless it left that many waiting, nor does it end it while there is something to do.
   */
  get overdue(): boolean {
    return this.#waiting.length >= this.#deps.mayWaitWhenBusy && this.#busy;
  }

  /** Resolves when it is the caller's turn. */
  turn(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const since = this.#deps.clock.now();
    if (this.#waiting.length === 0) {
      if (this.#deps.idle() - this.#idleThen > IDLE_MS) this.#busyUntil = 0;
      this.#drainAfter(1);
    }
    this.#waiting.push({ since, proceed: resolve });
    return promise;
  }

  /**
   * Node accepts one connection in a turn, however many wait, and a turn with a batch in it is long. So the batch comes
   * later while each turn brings a connection: whoever waits to be accepted is seen by nobody and cannot be refused.
   */
  #drainAfter(turns: number): void {
    const { connections, defer } = this.#deps;
    const before = connections();
    defer(() => {
      this.#judge();
      const most = this.#busy ? MAX_TURNS_BUSY : MAX_TURNS;
      if (turns < most && connections() > before) this.#drainAfter(turns + 1);
      else this.#drain();
    });
  }

  /** Never for longer than that, though the clock be set back meanwhile. */
  get #busy(): boolean {
    const left = this.#busyUntil - this.#deps.clock.now();
    return left > 0 && left <= CALM_MS;
  }

  /** Asked in every turn, for by the time of the next batch hundreds more may have been let in. */
  #judge(): void {
    const { mayWait, clock, idle } = this.#deps;
    const behind = this.#waiting[mayWait];
    const now = clock.now();
    const late = behind !== undefined && now - behind.since > MAX_WAIT_MS;
    if (!late && !this.overdue) return;
    this.#busyUntil = now + CALM_MS;
    if (!late && now - this.#countedFrom < CALM_MS) return;
    this.#countedFrom = now;
    this.#idleThen = idle();
  }

  #drain(): void {
    const batch = this.#busy ? this.#deps.batchWhenBusy : this.#deps.batch;
    const going = this.#waiting.slice(0, batch);
    this.#waiting = this.#waiting.slice(batch);
    if (this.#waiting.length > 0) this.#drainAfter(1);
    for (const { proceed } of going) proceed();
  }
}
