import { LRUCache } from 'lru-cache';
import type { Credential } from '../core/credential.ts';
import { lazily } from '../core/lazily.ts';

const MAX_CREDENTIALS = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_BYTES_OF_ONE = 64 * 1024;
/** Beside its text: key, dates, ids. */
const OVERHEAD_BYTES = 512;
/** In the last quarter of its life a credential is no longer handed out. */
const LEAST_LIFE = 1 / 4;
/** It is renewed when between a half and a third of its life is left, each at another moment. */
const RENEW = { from: 1 / 2, spread: 1 / 6 };
/** After a renewal was tried, the next try waits for so long. */
const RENEW_AGAIN_MS = 15_000;

interface Held {
  readonly credential: Credential;
  /** Milliseconds, as the following. */
  readonly obtainedAt: number;
  readonly servedUntil: number;
  renewFrom: number;
}

/** Credentials of clouds, in memory only and bounded in number and bytes; those that were not asked for longest go first. */
export class HeldCredentials {
  readonly #held = lazily(
    () =>
      new LRUCache<string, Held>({
        max: MAX_CREDENTIALS,
        maxSize: MAX_BYTES,
        maxEntrySize: MAX_BYTES_OF_ONE,
        sizeCalculation: ({ credential }) => Buffer.byteLength(credential.accessToken.reveal()) + OVERHEAD_BYTES,
      }),
  );
  /** A number of [0, 1). */
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /**
   * The one that ends no later than `latestEnd` (seconds) and has enough of its life left; undefined where there is none.
   * `renew` is true for one caller when it is time for the next: that one should see to it.
   */
  find(key: string, latestEnd: number, now: number): { credential: Credential; renew: boolean } | undefined {
    const held = this.#held().get(key);
    // A clock that was set back makes what is held look younger than it is.
    if (held === undefined || now < held.obtainedAt || now >= held.servedUntil) return undefined;
    if (held.credential.expiresAt > latestEnd) return undefined;
    const renew = now >= held.renewFrom;
    if (renew) held.renewFrom = now + RENEW_AGAIN_MS;
    return { credential: held.credential, renew };
  }

  keep(key: string, credential: Credential, now: number): void {
    const endsAt = credential.expiresAt * 1000;
    const life = endsAt - now;
    if (life <= 0) return;
    this.#dropEnded(now);
    this.#held().set(key, {
      credential,
      obtainedAt: now,
      servedUntil: endsAt - life * LEAST_LIFE,
      renewFrom: endsAt - life * (RENEW.from - RENEW.spread * this.#random()),
    });
  }

  /** What has ended is asked for by nobody, so it is at the end. */
  #dropEnded(now: number): void {
    for (;;) {
      const [key] = this.#held().rkeys();
      const oldest = key === undefined ? undefined : this.#held().peek(key);
      if (key === undefined || oldest === undefined || oldest.credential.expiresAt * 1000 > now) return;
      this.#held().delete(key);
    }
  }
}
