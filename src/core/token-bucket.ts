/** So many a second on average, and so many at once after a quiet time. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/**
 * An allowance that fills by time up to its burst. Instants are milliseconds of one clock; a clock that goes back fills
 * nothing and takes nothing away.
 */
export class TokenBucket {
  readonly #rate: Rate;
  #left: number;
  #filledAt: number;

  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.#left = rate.burst;
    this.#filledAt = now;
  }

  /** What is left; below zero after more was spent than there was. */
  left(now: number): number {
    const seconds = Math.max(0, now - this.#filledAt) / 1000;
    this.#left = Math.min(this.#rate.burst, this.#left + seconds * this.#rate.perSecond);
    this.#filledAt = now;
    return this.#left;
  }

  /** True when one was there; it is then taken. */
  take(now: number): boolean {
    if (this.left(now) < 1) return false;
    this.#left -= 1;
    return true;
  }

  /** Takes what has been used elsewhere or already, down to a debt of one burst: what is over that is forgiven. */
  spend(amount: number, now: number): void {
    this.#left = Math.max(-this.#rate.burst, this.left(now) - amount);
  }

  giveBack(amount: number): void {
    this.#left = Math.min(this.#rate.burst, this.#left + amount);
  }

  /** Until one can be taken, if nobody takes any meanwhile: whole seconds, at least 1. */
  secondsUntilOne(now: number): number {
    return Math.max(1, Math.ceil((1 - this.left(now)) / this.#rate.perSecond));
  }
}
