import { AdminError } from '../admin-error.ts';

/** Each compiles all resources: beyond this, waiting only makes all of them late. */
const MAX_WAITING = 8;

/** Changes one after the other, so that each sees what the one before has done. */
export class Turns {
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Throws AdminError `too_many` where eight are under way or wait already. */
  take<T>(run: () => Promise<T>): Promise<T> {
    if (this.#waiting >= MAX_WAITING) throw new AdminError('too_many');
    this.#waiting += 1;
    const turn = this.#tail.then(run).finally(() => {
      this.#waiting -= 1;
    });
    this.#tail = turn.catch(() => undefined);
    return turn;
  }
}
