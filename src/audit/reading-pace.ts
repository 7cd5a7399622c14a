import { setTimeout as pass } from 'node:timers/promises';

/** So much is done at a stretch: less than what many exchanges that came in at once take. */
const STRETCH_MS = 1;
/** Where the process is busy, a stretch looks longer than it was. */
const MAX_PAUSE_MS = 10;

/** Pauses between stretches of work, so that a part of the time at most goes into it and others are never kept waiting. */
export class ReadingPace {
  readonly #share: number;
  #since = performance.now();

  /** Above 0, up to 1: how much of the time may be spent. With 1 there are no pauses. */
  constructor(share: number) {
    this.#share = share;
  }

  /** Whether a pause is due. */
  get isDue(): boolean {
    return this.#share < 1 && performance.now() - this.#since >= STRETCH_MS;
  }

  async pause(): Promise<void> {
    const worked = performance.now() - this.#since;
    await pass(Math.min(MAX_PAUSE_MS, worked * (1 / this.#share - 1)));
    this.#since = performance.now();
  }
}
