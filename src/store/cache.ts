/** `oversize`: something lies there that is larger than asked for; it was not read. */
export type CacheRead =
  | { readonly outcome: 'hit'; readonly value: string }
  | { readonly outcome: 'miss' }
  | { readonly outcome: 'oversize' }
  | { readonly outcome: 'unavailable' };

export interface CacheState {
  readonly ok: boolean;
  /** Code of what went wrong last; no address and no password. */
  readonly reason?: string;
}

/**
 * What may be forgotten at any time, in memory or shared by replicas. No call rejects or takes longer than a bounded time:
 * a cache that cannot be had answers `unavailable`, and the caller chooses. Replay protection refuses then; everything
 * else goes on as after a miss (R4). A value is not to be believed: whoever reads it checks it (V15).
 *
 * Keys are short texts of the caller, namespaced by `purpose:`. Values are not empty. Times to live are milliseconds.
 */
export interface Cache {
  /** Reads at most `maxBytes` of UTF-8. */
  get(key: string, maxBytes: number): Promise<CacheRead>;
  set(key: string, value: string, ttlMs: number): Promise<'stored' | 'unavailable'>;
  /**
   * Stores unless something is there: one of any number of callers, in whichever process, gets `stored`. What it has
   * stored is not pushed out before its time is over: a full cache answers `unavailable`.
   */
  setIfAbsent(key: string, value: string, ttlMs: number): Promise<'stored' | 'present' | 'unavailable'>;
  /** Deletes what `setIfAbsent` has stored if it still is this caller's own value. */
  deleteIfValue(key: string, value: string): Promise<'deleted' | 'absent' | 'unavailable'>;
  /** Adds a whole number to a counter and gives the sum; the first addition starts the counter and its time to live. */
  add(key: string, amount: number, ttlMs: number): Promise<number | 'unavailable'>;
  state(): CacheState;
  close(): Promise<void>;
}
