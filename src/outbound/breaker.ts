import type { Clock } from '../core/clock.ts';

const FAILURES_TO_OPEN = 5;
const OPEN_MS = 10_000;

/** Keeps off an origin that has failed several times in a row; after a pause one probe finds out whether it is back. */
export class Breaker {
  readonly #clock: Clock;
  #failures = 0;
  #openedAt = 0;
  #probing = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a request may go now. Each that may must report `succeeded` or `failed`. */
  admit(): boolean {
    if (this.#failures < FAILURES_TO_OPEN) return true;
    const age = this.#clock.now() - this.#openedAt;
    // A clock that was set back must not hold the breaker open for longer.
    if (this.#probing || (age >= 0 && age < OPEN_MS)) return false;
    this.#probing = true;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#probing = false;
  }

  failed(): void {
    this.#failures += 1;
    this.#openedAt = this.#clock.now();
    this.#probing = false;
  }
}
