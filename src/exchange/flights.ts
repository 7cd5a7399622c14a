import type { Credential } from '../core/credential.ts';
import { TargetFailure } from '../core/target-failure.ts';

const RETRY_AFTER_SECONDS = 5;

interface Flight {
  /** What comes of it ends no later, seconds. */
  readonly latestEnd: number;
  readonly answer: Promise<Credential>;
}

/** Where a flight goes, and what limits it. */
export interface Route {
  readonly key: string;
  readonly latestEnd: number;
  /** False: nobody else gets what comes of it. */
  readonly shared: boolean;
}

/**
 * Calls of clouds that are under way. A flight belongs to nobody: it runs to its end whoever still waits, and those who
 * wait for it do so for a limited time.
 */
export class Flights {
  readonly #patienceMs: number;
  readonly #shared = new Map<string, Flight>();
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** What will come of a flight whose credential may be had by a decision that ends at `latestEnd`. */
  joinable({ key, latestEnd }: Pick<Route, 'key' | 'latestEnd'>): Promise<Credential> | undefined {
    const flight = this.#shared.get(key);
    return flight !== undefined && flight.latestEnd <= latestEnd ? flight.answer : undefined;
  }

  /**
   * Starts one. `fly` may have to wait for its turn: once `awaited` is false nobody waits any more. The answer is that of
   * `fly`, or TargetFailure `transient` where that takes too long.
   */
  start({ key, latestEnd, shared }: Route, fly: (awaited: () => boolean) => Promise<Credential>): Promise<Credential> {
    let awaited = true;
    const landed = fly(() => awaited);
    this.#underWay.add(landed);
    const gone = () => this.#underWay.delete(landed);
    landed.then(gone, gone);
    const flight = { latestEnd, answer: within(this.#patienceMs, landed) };
    if (shared) this.#shared.set(key, flight);
    const forget = () => {
      awaited = false;
      if (this.#shared.get(key) === flight) this.#shared.delete(key);
    };
    flight.answer.then(forget, forget);
    return flight.answer;
  }

  /** Resolves when none is under way any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }
}

/** Nobody waited so long, or nobody waits any more. */
export function tooLate(): TargetFailure {
  return TargetFailure.transient('no answer in time', RETRY_AFTER_SECONDS);
}

function within(milliseconds: number, answer: Promise<Credential>): Promise<Credential> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(tooLate()), milliseconds);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
