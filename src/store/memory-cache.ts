import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.ts';
import { lazily } from '../core/lazily.ts';
import type { Cache, CacheRead, CacheState } from './cache.ts';

interface MemoryCacheOptions {
  readonly clock: Clock;
  /** How many values, and as many entries by `setIfAbsent` and counters, there may be. */
  readonly maxEntries?: number;
  /** Of all values together, in characters. */
  readonly maxSize?: number;
}

interface Claim {
  readonly value: string;
  readonly until: number;
}

/**
 * The cache of one process. Values make room for newer ones; what `setIfAbsent` has stored stays until its time is over,
 * for a replay id that is pushed out could be used again.
 */
export class MemoryCache implements Cache {
  readonly #clock: Clock;
  readonly #maxEntries: number;
  readonly #values: () => LRUCache<string, string>;
  readonly #counters: () => LRUCache<string, { total: number }>;
  readonly #claims = new Map<string, Claim>();
  /** No claim ends before this: until then a full map need not be looked through again. */
  #firstEndAt = Number.POSITIVE_INFINITY;

  constructor({ clock, maxEntries = 100_000, maxSize = 32 * 1024 * 1024 }: MemoryCacheOptions) {
    this.#clock = clock;
    this.#maxEntries = maxEntries;
    const timed = { max: maxEntries, perf: clock, ttlResolution: 0 };
    const sizeCalculation = (value: string, key: string) => key.length + value.length + 1;
    this.#values = lazily(() => new LRUCache({ ...timed, maxSize, sizeCalculation }));
    this.#counters = lazily(() => new LRUCache(timed));
  }

  async get(key: string, maxBytes: number): Promise<CacheRead> {
    const value = this.#claim(key)?.value ?? this.#values().get(key);
    if (value === undefined) return { outcome: 'miss' };
    return Buffer.byteLength(value) > maxBytes ? { outcome: 'oversize' } : { outcome: 'hit', value };
  }

  async set(key: string, value: string, ttlMs: number): Promise<'stored'> {
    this.#values().set(key, value, { ttl: Math.max(1, Math.ceil(ttlMs)) });
    return 'stored';
  }

  async setIfAbsent(key: string, value: string, ttlMs: number): Promise<'stored' | 'present' | 'unavailable'> {
    if (this.#claim(key) !== undefined || this.#values().has(key)) return 'present';
    if (this.#claims.size >= this.#maxEntries && !this.#makeRoom()) return 'unavailable';
    const until = this.#clock.now() + ttlMs;
    this.#claims.set(key, { value, until });
    this.#firstEndAt = Math.min(this.#firstEndAt, until);
    return 'stored';
  }

  async deleteIfValue(key: string, value: string): Promise<'deleted' | 'absent'> {
    if (this.#claim(key)?.value !== value) return 'absent';
    this.#claims.delete(key);
    return 'deleted';
  }

  async add(key: string, amount: number, ttlMs: number): Promise<number> {
    const counter = this.#counters().get(key);
    if (counter === undefined) this.#counters().set(key, { total: amount }, { ttl: Math.max(1, Math.ceil(ttlMs)) });
    else counter.total += amount;
    return counter?.total ?? amount;
  }

  state(): CacheState {
    return { ok: true };
  }

  async close(): Promise<void> {
    this.#values().clear();
    this.#counters().clear();
    this.#claims.clear();
  }

  #claim(key: string): Claim | undefined {
    const claim = this.#claims.get(key);
    if (claim === undefined || this.#clock.now() < claim.until) return claim;
    this.#claims.delete(key);
    return undefined;
  }

  #makeRoom(): boolean {
    const now = this.#clock.now();
    if (now < this.#firstEndAt) return false;
    this.#firstEndAt = Number.POSITIVE_INFINITY;
    for (const [key, { until }] of this.#claims) {
      if (until <= now) this.#claims.delete(key);
      else this.#firstEndAt = Math.min(this.#firstEndAt, until);
    }
    return this.#claims.size < this.#maxEntries;
  }
}
