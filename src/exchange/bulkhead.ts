import { LRUCache } from 'lru-cache';
import { FairLine } from '../core/fair-line.ts';
import { lazily } from '../core/lazily.ts';
import { TargetFailure } from '../core/target-failure.ts';

/** Calls of one account that are under way, and those that wait for their turn: a rollout asks for many at once. */
const LINE = { atOnce: 16, places: 240 };
/** Half of the exchanges that the door lets in: the callers of a cloud that hangs leave room for those of all others. */
const MAX_CALLERS = 512;
/** Three quarters of those: one account that hangs leaves room for the others of its kind. */
const MAX_CALLERS_OF_ONE = 384;
const MAX_ACCOUNTS = 4096;
const RETRY_AFTER_SECONDS = 2;

/** Keeps what one target does from being felt by others: calls are bounded by account, waiting callers by account and kind. */
export class Bulkhead {
  readonly #lines = lazily(() => new LRUCache<string, FairLine>({ max: MAX_ACCOUNTS }));
  /** By account and by kind, which an account begins with and never is. */
  readonly #callers = new Map<string, number>();

  /** Makes the call when it is its turn in the account's line, in which names take turns. Throws TargetFailure `transient`. */
  async call<T extends object>(account: string, name: string, make: () => Promise<T>): Promise<T> {
    const line = this.#lines().get(account) ?? new FairLine(LINE);
    this.#lines().set(account, line);
    const made = await line.run(name, make);
    if (made === 'refused') throw TargetFailure.transient('too many calls wait for this account', RETRY_AFTER_SECONDS);
    return made;
  }

  /**
   * Waits, unless too many callers of this account or of this kind of target do so already. Throws TargetFailure
   * `transient`.
   */
  async wait<T>({ kind, account }: { kind: string; account: string }, answer: () => Promise<T>): Promise<T> {
    if (this.#waiting(kind) >= MAX_CALLERS) throw tooMany(kind);
    if (this.#waiting(account) >= MAX_CALLERS_OF_ONE) throw tooMany('this account');
    const names = [kind, account];
    for (const name of names) this.#callers.set(name, this.#waiting(name) + 1);
    try {
      return await answer();
    } finally {
      for (const name of names) this.#leave(name);
    }
  }

  #waiting(name: string): number {
    return this.#callers.get(name) ?? 0;
  }

  #leave(name: string): void {
    const left = this.#waiting(name) - 1;
    if (left > 0) this.#callers.set(name, left);
    else this.#callers.delete(name);
  }
}

function tooMany(what: string): TargetFailure {
  return TargetFailure.transient(`too many callers wait for ${what}`, RETRY_AFTER_SECONDS);
}
