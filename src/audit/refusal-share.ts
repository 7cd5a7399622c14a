/**
 * The share of the log that refusals of verified identities may fill: so many a second, and so many at once after a
 * quiet time. A workload with a valid token and no rights can then neither fill the disk nor delay the others.
 */
export class RefusalShare {
  readonly #perSecond: number;
  readonly #burst: number;
  #left: number;
  #filledAt: number;

  constructor(perSecond: number, burst: number, now: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#left = burst;
    this.#filledAt = now;
  }

  /** True when one more record fits in; it is then taken. */
  take(now: number): boolean {
    const seconds = Math.max(0, now - this.#filledAt) / 1000;
    this.#left = Math.min(this.#burst, this.#left + seconds * this.#perSecond);
    this.#filledAt = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
