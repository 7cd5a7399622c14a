import type { Clock } from '../../src/core/clock.ts';

/** A clock that stands still until it is told to move. */
export class FakeClock implements Clock {
  #now: number;

  constructor(now: number | string = '2026-11-22T09:00:00.000Z') {
    this.#now = typeof now === 'string' ? Date.parse(now) : now;
  }

  now(): number {
    return this.#now;
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }

  set(now: number | string): void {
    this.#now = typeof now === 'string' ? Date.parse(now) : now;
  }
}
