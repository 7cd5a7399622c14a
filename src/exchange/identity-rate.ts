import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import { lazily } from '../core/lazily.ts';
import { lengthPrefixedHash, lengthPrefixedKey } from '../core/length-prefixed-hash.ts';
import { type Rate, TokenBucket } from '../core/token-bucket.ts';
import type { Cache } from '../store/cache.ts';

interface IdentityRateDeps {
  readonly clock: Clock;
  /** What replicas share. Absent: there is one replica, or each counts for itself. */
  readonly shared?: Pick<Cache, 'add'>;
  readonly rate?: Rate;
  readonly maxIdentities?: number;
}

export type Admission =
  | { readonly admitted: true }
  | {
      readonly admitted: false;
      /** Whole seconds until one more is free. */
      readonly retryAfterSeconds: number;
      /** True once a minute for an identity: so often its being over is worth a record. */
      readonly worthRecord: boolean;
    };

/** A Deployment of several hundred pods may start at once, and SDKs ask four or five times again after a refusal. */
const RATE: Rate = { perSecond: 50, burst: 500 };
const MAX_IDENTITIES = 50_000;
const RECORD_EVERY_MS = 60_000;
/** Spending of replicas is added up over so long. */
const WINDOW_MS = 10_000;
/** Who has spent less than this part of what a window gives is not worth a command. */
const WORTH_SHARING = 0.1;
const RECONCILE_EVERY_MS = 1000;
const MAX_COMMANDS = 256;

interface Spending {
  readonly bucket: TokenBucket;
  recordedAt: number;
  window: number;
  /** Here, in this window; of it shared; and what all others have spent, as far as it has been charged here. */
  spent: number;
  shared: number;
  others: number;
}

/**
 * How often one verified identity may ask (E10). Memory alone decides; what replicas have spent is added up in the shared
 * cache from time to time, so that an identity gets about one allowance however many replicas it asks. Without that cache,
 * or while it is down, each replica gives its own.
 */
export class IdentityRate {
  readonly #deps: IdentityRateDeps;
  readonly #rate: Rate;
  readonly #identities: () => LRUCache<string, Spending>;
  /** Names in `#identities` that have spent enough since they were last shared. */
  readonly #toShare = new Set<string>();
  readonly #worthSharing: number;
  #sharing = false;

  constructor(deps: IdentityRateDeps) {
    this.#deps = deps;
    this.#rate = deps.rate ?? RATE;
    this.#worthSharing = (WORTH_SHARING * this.#rate.perSecond * WINDOW_MS) / 1000;
    const max = deps.maxIdentities ?? MAX_IDENTITIES;
    this.#identities = lazily(() => new LRUCache({ max, dispose: (_, name) => this.#toShare.delete(name) }));
  }

  admit({ issuer, subject }: Pick<VerifiedIdentity, 'issuer' | 'subject'>): Admission {
    const now = this.#deps.clock.now();
    const name = lengthPrefixedKey(issuer, subject);
    const spending = this.#spendingOf(name, now);
    if (!spending.bucket.take(now)) {
      const worthRecord = now - spending.recordedAt >= RECORD_EVERY_MS;
      if (worthRecord) spending.recordedAt = now;
      return { admitted: false, retryAfterSeconds: spending.bucket.secondsUntilOne(now), worthRecord };
    }
    spending.spent += 1;
    if (this.#deps.shared !== undefined && spending.spent >= this.#worthSharing) this.#toShare.add(name);
    return { admitted: true };
  }

  /** Reconciles every second until the returned function is called. */
  start(): () => void {
    const timer = setInterval(() => void this.reconcile(), RECONCILE_EVERY_MS).unref();
    return () => clearInterval(timer);
  }

  /** Tells the other replicas what was spent here and charges what they have spent. Never rejects. */
  async reconcile(): Promise<void> {
    const { shared } = this.#deps;
    if (shared === undefined || this.#sharing) return;
    this.#sharing = true;
    try {
      const names = [...this.#toShare].slice(0, MAX_COMMANDS);
      await Promise.all(names.map((name) => this.#share(name, shared)));
    } finally {
      this.#sharing = false;
    }
  }

  async #share(name: string, shared: Pick<Cache, 'add'>): Promise<void> {
    this.#toShare.delete(name);
    const spending = this.#identities().peek(name);
    if (spending === undefined) return;
    const { window, spent } = spending;
    const sum = await shared.add(`rate:${window}:${lengthPrefixedHash(name)}`, spent - spending.shared, 2 * WINDOW_MS);
    // After the end of the window its sums say nothing about the next one.
    if (sum === 'unavailable' || spending.window !== window) return;
    spending.shared = spent;
    const others = Math.max(0, sum - spent);
    if (others <= spending.others) return;
    // A sum is not to be believed (V15): a false one costs at most the bucket's debt, and who is held up shares nothing.
    spending.bucket.spend(others - spending.others, this.#deps.clock.now());
    spending.others = others;
  }

  #spendingOf(name: string, now: number): Spending {
    const window = Math.floor(now / WINDOW_MS);
    const known = this.#identities().get(name);
    if (known === undefined) {
      const bucket = new TokenBucket(this.#rate, now);
      const recordedAt = Number.NEGATIVE_INFINITY;
      const fresh: Spending = { bucket, recordedAt, window, spent: 0, shared: 0, others: 0 };
      this.#identities().set(name, fresh);
      return fresh;
    }
    if (known.window !== window) Object.assign(known, { window, spent: 0, shared: 0, others: 0 });
    return known;
  }
}
