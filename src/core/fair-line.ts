import type { Soon } from './soon.ts';

interface Waiting {
  readonly proceed: () => void;
  readonly refuse: () => void;
}

interface FairLineLimits {
  /** How many are past the line at once. */
  readonly atOnce: number;
  /** How many may wait. */
  readonly places: number;
}

/**
 * A bounded waiting line in which names take turns: whoever sends much under one name, or under a few, waits behind
 * himself. A full line takes a place away from the name that holds the most of them.
 */
export class FairLine {
  readonly #limits: FairLineLimits;
  /** By name, in the order of their turns; never an empty list. */
  readonly #lines = new Map<string, Waiting[]>();
  #running = 0;
  #waiting = 0;

  constructor(limits: FairLineLimits) {
    this.#limits = limits;
  }

  /** Runs the work when it is its turn. Resolves to `refused`, without having run it, when there is no place. */
  async run<T>(name: string, work: () => Soon<T>): Promise<T | 'refused'> {
    if (this.#running < this.#limits.atOnce) this.#running += 1;
    else if (!(await this.#turn(name))) return 'refused';
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  /** True once it is the turn of this one, who then is counted as running. */
  #turn(name: string): Promise<boolean> {
    if (this.#waiting >= this.#limits.places && !this.#makeRoomFor(name)) return Promise.resolve(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const line = this.#lines.get(name) ?? [];
    line.push({ proceed: () => resolve(true), refuse: () => resolve(false) });
    this.#lines.set(name, line);
    this.#waiting += 1;
    return promise;
  }

  /** Who leaves hands over to the oldest of the name whose turn it is, and that name goes to the end. */
  #leave(): void {
    const next = this.#lines.entries().next();
    if (next.done === true) {
      this.#running -= 1;
      return;
    }
    const [name, line] = next.value;
    const first = line.shift();
    this.#lines.delete(name);
    if (line.length > 0) this.#lines.set(name, line);
    this.#waiting -= 1;
    first?.proceed();
  }

  /** The newest of the longest line gives way to a name that, with one more, would still not hold more places. */
  #makeRoomFor(name: string): boolean {
    let longest: Waiting[] = [];
    for (const line of this.#lines.values()) if (line.length > longest.length) longest = line;
    const own = this.#lines.get(name)?.length ?? 0;
    if (longest.length < own + 2) return false;
    longest.pop()?.refuse();
    this.#waiting -= 1;
    return true;
  }
}
