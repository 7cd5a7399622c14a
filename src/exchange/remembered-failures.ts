import { LRUCache } from 'lru-cache';
import { lazily } from '../core/lazily.ts';
import { TargetFailure } from '../core/target-failure.ts';

/** SDKs ask four or five times in some seconds; whoever mends the target's side sees it this soon. */
const REFUSED_MS = 10_000;
/** A target may ask for more; nobody is turned away for longer on its word. */
const MAX_THROTTLED_SECONDS = 60;
const MAX_REFUSALS = 10_000;
const MAX_ACCOUNTS = 4096;

interface Remembered {
  readonly failure: TargetFailure;
  /** Milliseconds. */
  readonly since: number;
  readonly until: number;
}

/** Whom a failure concerns: who asked for what, and the account that was asked. */
export interface Concerned {
  readonly key: string;
  readonly account: string;
}

/**
 * Failures that the next call would meet again. What a target refuses it refuses one caller, for ten seconds; when it
 * throttles, nobody asks that account until its Retry-After has passed. What may be over by the next call is never here.
 */
export class RememberedFailures {
  readonly #refused = lazily(() => new LRUCache<string, Remembered>({ max: MAX_REFUSALS }));
  readonly #throttled = lazily(() => new LRUCache<string, Remembered>({ max: MAX_ACCOUNTS }));

  /** The failure that would be met, with what is left of its Retry-After; undefined where a call is worth making. */
  of({ key, account }: Concerned, now: number): TargetFailure | undefined {
    const throttled = inForce(this.#throttled().get(account), now);
    if (throttled !== undefined) return throttled.failure.remembered(Math.ceil((throttled.until - now) / 1000));
    return inForce(this.#refused().get(key), now)?.failure.remembered();
  }

  remember({ key, account }: Concerned, thrown: unknown, now: number): void {
    if (!(thrown instanceof TargetFailure)) return;
    const { failure, retryAfterSeconds = 1 } = thrown;
    if (failure === 'throttled') {
      const seconds = Math.min(MAX_THROTTLED_SECONDS, Math.max(1, retryAfterSeconds));
      this.#throttled().set(account, { failure: thrown, since: now, until: now + seconds * 1000 });
    } else if (failure !== 'transient') {
      this.#refused().set(key, { failure: thrown, since: now, until: now + REFUSED_MS });
    }
  }
}

/** A clock that was set back must not make anything last longer. */
function inForce(remembered: Remembered | undefined, now: number): Remembered | undefined {
  return remembered !== undefined && now >= remembered.since && now < remembered.until ? remembered : undefined;
}
