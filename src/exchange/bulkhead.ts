import { LRUCache } from 'lru-cache';
import { FairLine } from '../core/fair-line.ts';
import { TargetFailure } from '../core/target-failure.ts';

/** Calls of one account that are under way, and those that wait for their turn: a rollout asks for many at once. */
const LINE = { atOnce: 16, places: 240 };
/** Half of the exchanges that the door lets in: the callers of a cloud that hangs leave room for those of all others. */
const MAX_CALLERS = 512;
const MAX_ACCOUNTS = 4096;
const RETRY_AFTER_SECONDS = 2;

/** Keeps what one target does from being felt by others: calls are bounded by account, waiting callers by kind. */
export class Bulkhead {
  readonly #lines = new LRUCache<string, FairLine>({ max: MAX_ACCOUNTS });
  readonly #callers = new Map<string, number>();

  /** Makes the call when it is its turn in the account's line, in which names take turns. Throws TargetFailure `transient`. */
  async call<T extends object>(account: string, name: string, make: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(account) ?? new FairLine(LINE);
    this.#lines.set(account, line);
    const made = await line.run(name, make);
    if (made === 'refused') throw TargetFailure.transient('too many calls wait for this account', RETRY_AFTER_SECONDS);
    return made;
  }

  /** Waits, unless too many callers of this kind of target do so already. Throws TargetFailure `transient`. */
  async wait<T>(kind: string, answer: () => Promise<T>): Promise<T> {
    const waiting = this.#callers.get(kind) ?? 0;
    if (waiting >= MAX_CALLERS) throw TargetFailure.transient(`too many callers wait for ${kind}`, RETRY_AFTER_SECONDS);
    this.#callers.set(kind, waiting + 1);
    try {
      return await answer();
    } finally {
      this.#callers.set(kind, (this.#callers.get(kind) ?? 1) - 1);
    }
  }
}
