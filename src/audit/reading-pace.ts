import { setTimeout as pass } from 'node:timers/promises';

/** So much is done at a stretch: less than what many exchanges that came in at once take. */
const STRETCH_MS = 1;
/** Where the process is busy, a stretch looks longer than it was. */
const MAX_PAUSE_MS = 10;

/** Pauses between stretches of work, so that a part of the time at most goes into it and others are never kept waiting. */
export class ReadingPace {
  readonly #share: number;
  /** Milliseconds of work since the last pause, up to `#since`. */
  #worked = 0;
  #since = performance.now();

  /** Above 0, up to 1: how much of the time may be spent. With 1 there are no pauses. */
  constructor(share: number) {
    this.#share = share;
  }

  /** Whether a pause is due. */
  get isDue(): boolean {
    return this.#share < 1 && this.#soFar() >= STRETCH_MS;
  }

  /** Waits for something that others do. */
  async beside<T>(waiting: Promise<T>): Promise<T> {
    this.#worked = this.#soFar();
    try {
      return await waiting;
    } finally {
      this.#since = performance.now();
    }
  }

  async pause(): Promise<void> {
    await this.beside(pass(Math.min(MAX_PAUSE_MS, this.#soFar() * (1 / this.#share - 1))));
    this.#worked = 0;
  }

  #soFar(): number {
    return this.#worked + performance.now() - this.#since;
  }
}
