import type { Clock } from '../core/clock.ts';
import type { FetchedKeys } from './key-fetch.ts';
import type { KeySet, VerificationKey } from './key-set.ts';

/** Where a holder's keys come from and how often it may ask. */
export interface KeyOrigin {
  /**
   * One attempt; `unchanged` when the source is the same as at the last success. What another replica has fetched before
   * `notBefore` (milliseconds) is no answer.
   */
  fetch(notBefore: number): Promise<FetchedKeys | 'unchanged'>;
  /** Bounds on what the source itself says; `missing` where it says nothing. */
  readonly ttlSeconds: { readonly min: number; readonly missing: number; readonly max: number };
  /** Longest pause between attempts while they fail. */
  readonly maxBackoffSeconds: number;
  /** Whether a `kid` nobody has seen is a reason to ask again before the set is stale. */
  readonly asksForUnknownKid: boolean;
}

export type KeyLookup =
  | { readonly found: 'key'; readonly key: VerificationKey }
  /** The source has been asked and does not have it. */
  | { readonly found: 'absent' }
  /** Nobody can say: the keys are not there, or they are old and the source does not answer. */
  | { readonly found: 'unavailable'; readonly reason: string; readonly retryAfterSeconds: number };

/**
 * `ready`: only a key that is in memory and needs no renewal; the answer is immediate. `held`: also one that has to be
 * renewed first, because its time is over. `seek`: also the first fetch, and one for an unknown `kid`.
 */
export type Effort = 'ready' | 'held' | 'seek';

export interface HeldKeysState {
  readonly ok: boolean;
  readonly reason?: string;
  /** Milliseconds; absent before the first success. */
  readonly fetchedAt?: number;
  readonly usableKeys: number;
  readonly skippedKeys: number;
}

interface HeldKeysDeps {
  readonly clock: Clock;
  /** 0 up to 1; for jitter alone. */
  readonly random: () => number;
  /** How many lookups may wait for an attempt; what comes beyond them is told to come back. */
  readonly maxWaiting: number;
  /** `shared`: another replica has fetched them. */
  readonly onFetched: (keys: KeySet, fetchedAt: number, shared: boolean) => void;
  readonly onFailed: (reason: string) => void;
}

/** How long a set may be used, by what its source says and the bounds on that. */
export function boundedTtlSeconds({ min, missing, max }: KeyOrigin['ttlSeconds'], said: number | undefined): number {
  return Math.min(Math.max(said ?? missing, min), max);
}

const UNKNOWN_KID_PAUSE_MS = 30_000;
const ABSENT_KID_MS = 120_000;
const MAX_ABSENT_KIDS = 256;
const MAX_STALE_MS = 24 * 3_600_000;
const NOT_ASKED = 'the keys have not been fetched yet';
const CROWDED: KeyLookup = {
  found: 'unavailable',
  reason: 'too many wait for the keys of the issuer',
  retryAfterSeconds: 1,
};
const NOT_READY: KeyLookup = { found: 'unavailable', reason: 'the keys have to be renewed', retryAfterSeconds: 1 };

/**
 * The keys of one issuer in memory (V13, K14 to K17). One attempt at a time, whoever waits; asked again when the set
 * is stale, ahead of that in the background; old keys serve for at most 24 h beyond their time while the source fails,
 * and a key that a successful answer leaves out is gone at once. Work for unknown `kid`s is one attempt per 30 s.
 */
export class HeldKeys {
  readonly #origin: KeyOrigin;
  readonly #deps: HeldKeysDeps;
  #set: KeySet | undefined;
  #fetchedAt: number | undefined;
  /** Whether another replica has asked for the set. */
  #shared = false;
  #freshUntil = 0;
  /** From here on a lookup starts the next attempt without waiting for it. */
  #refreshAfter = 0;
  #attemptedAt = Number.NEGATIVE_INFINITY;
  #nextAttemptAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #reason = NOT_ASKED;
  #flight: Promise<void> | undefined;
  #dropped = false;
  #waiting = 0;
  /** `kid` -> until when it is not asked about again. Holds what the source has denied. */
  readonly #absent = new Map<string, number>();

  constructor(origin: KeyOrigin, deps: HeldKeysDeps) {
    this.#origin = origin;
    this.#deps = deps;
  }

  async find(kid: string, effort: Effort): Promise<KeyLookup> {
    const ready = this.keyWithNothingDue(kid);
    if (ready !== undefined) return { found: 'key', key: ready };
    if (effort === 'ready' && !this.#isReady(kid)) return NOT_READY;
    if ((effort === 'seek' || this.#holds(kid)) && !(await this.#freshen())) return CROWDED;
    const unknown = !this.#holds(kid) && effort === 'seek' && this.#mayAskFor(kid);
    if (unknown && !(await this.#askFor(kid))) return CROWDED;
    const key = this.#current()?.byKid.get(kid);
    if (key !== undefined) return { found: 'key', key };
    if (this.#current() !== undefined && this.#failures === 0) return { found: 'absent' };
    const waitMs = Math.max(this.#nextAttemptAt - this.#deps.clock.now(), 1000);
    return { found: 'unavailable', reason: this.#reason, retryAfterSeconds: Math.ceil(waitMs / 1000) };
  }

  /** One attempt, or the one that is under way; none after `drop`. Never rejects. */
  async refresh(notBefore = (this.#fetchedAt ?? Number.NEGATIVE_INFINITY) + 1): Promise<void> {
    if (this.#dropped) return;
    this.#flight ??= this.#attempt(notBefore).finally(() => {
      this.#flight = undefined;
    });
    await this.#flight;
  }

  /** Nothing is asked for after this, and what is still under way has no effect. */
  drop(): void {
    this.#dropped = true;
  }

  state(): HeldKeysState {
    const current = this.#current();
    const ok = current !== undefined && this.#failures === 0;
    return {
      ok,
      ...(ok ? {} : { reason: this.#reason }),
      ...(this.#fetchedAt === undefined ? {} : { fetchedAt: this.#fetchedAt }),
      usableKeys: current?.byKid.size ?? 0,
      skippedKeys: current?.skipped ?? 0,
    };
  }

  /** The usual case in one look: nothing has to be asked for, be it in the background. */
  keyWithNothingDue(kid: string): VerificationKey | undefined {
    const now = this.#deps.clock.now();
    const due = now < this.#attemptedAt || now >= this.#refreshAfter || now >= this.#freshUntil;
    return due ? undefined : this.#set?.byKid.get(kid);
  }

  #current(): KeySet | undefined {
    return this.#deps.clock.now() < this.#freshUntil + MAX_STALE_MS ? this.#set : undefined;
  }

  #holds(kid: string): boolean {
    return this.#current()?.byKid.has(kid) === true;
  }

  /** Whether the key may be used without waiting for its source: then `#freshen` asks that in the background at most. */
  #isReady(kid: string): boolean {
    const now = this.#deps.clock.now();
    return this.#holds(kid) && now >= this.#attemptedAt && (now < this.#freshUntil || this.#failures > 0);
  }

  /** False, and nothing has been found out, where too many wait already. */
  async #wait(notBefore?: number): Promise<boolean> {
    if (this.#waiting >= this.#deps.maxWaiting) return false;
    this.#waiting += 1;
    await this.refresh(notBefore);
    this.#waiting -= 1;
    return true;
  }

  /** As `wait` says. */
  async #freshen(): Promise<boolean> {
    const now = this.#deps.clock.now();
    if (now < this.#attemptedAt) this.#startOver(now);
    if (this.#current() === undefined) return !this.#mayAttempt(now) || this.#wait();
    if (now >= this.#freshUntil && this.#failures === 0) return this.#wait();
    // Old keys serve meanwhile: a source that does not answer slows nobody down.
    if (now >= this.#refreshAfter && this.#mayAttempt(now)) void this.refresh();
    return true;
  }

  /** The clock was set back: what is due by it would wait until it has caught up. */
  #startOver(now: number): void {
    this.#attemptedAt = Number.NEGATIVE_INFINITY;
    this.#nextAttemptAt = Number.NEGATIVE_INFINITY;
    this.#freshUntil = Math.min(this.#freshUntil, now);
    this.#refreshAfter = now;
    this.#absent.clear();
  }

  #mayAttempt(now: number): boolean {
    return this.#flight !== undefined || now >= this.#nextAttemptAt;
  }

  #mayAskFor(kid: string): boolean {
    if (!this.#origin.asksForUnknownKid || this.#current() === undefined) return false;
    if (this.#flight !== undefined) return true;
    const now = this.#deps.clock.now();
    const quiet = now >= this.#attemptedAt + UNKNOWN_KID_PAUSE_MS && now >= this.#nextAttemptAt;
    return quiet && now >= (this.#absent.get(kid) ?? Number.NEGATIVE_INFINITY);
  }

  /** As `wait` says. Only a `kid` that the source has been asked about and has denied is remembered as absent. */
  async #askFor(kid: string): Promise<boolean> {
    let asked = this.#flight === undefined;
    const notBefore = this.#deps.clock.now() - UNKNOWN_KID_PAUSE_MS + 1;
    if (!(await this.#wait(notBefore))) return false;
    // What was under way may have brought an answer from before the kid was asked for, a replica's an old one.
    if (!asked && !this.#holds(kid) && this.#mayAskFor(kid)) {
      if (!(await this.#wait(notBefore))) return false;
      asked = true;
    }
    this.#absent.delete(kid);
    if (!asked || this.#failures > 0 || this.#shared || this.#holds(kid)) return true;
    this.#absent.set(kid, this.#deps.clock.now() + ABSENT_KID_MS);
    const [oldest] = this.#absent.keys();
    if (this.#absent.size > MAX_ABSENT_KIDS && oldest !== undefined) this.#absent.delete(oldest);
    return true;
  }

  async #attempt(notBefore: number): Promise<void> {
    const startedAt = this.#deps.clock.now();
    this.#attemptedAt = startedAt;
    try {
      const answer = await this.#origin.fetch(notBefore);
      if (!this.#dropped) this.#succeeded(answer, startedAt);
    } catch (error) {
      if (!this.#dropped) this.#failed(error instanceof Error ? error.message : 'unforeseen failure');
    }
  }

  #succeeded(answer: FetchedKeys | 'unchanged', startedAt: number): void {
    const said = answer === 'unchanged' ? undefined : answer.maxAgeSeconds;
    const ttlMs = 1000 * boundedTtlSeconds(this.#origin.ttlSeconds, said);
    const sharedAt = answer === 'unchanged' ? undefined : answer.fetchedAt;
    const fetchedAt = sharedAt ?? startedAt;
    this.#failures = 0;
    this.#shared = sharedAt !== undefined;
    this.#attemptedAt = fetchedAt;
    this.#fetchedAt = fetchedAt;
    this.#freshUntil = fetchedAt + ttlMs;
    this.#refreshAfter = fetchedAt + ttlMs * (0.75 + 0.15 * this.#deps.random());
    if (answer === 'unchanged') return;
    this.#set = answer.keys;
    this.#deps.onFetched(answer.keys, fetchedAt, this.#shared);
  }

  #failed(reason: string): void {
    this.#failures += 1;
    this.#reason = reason;
    const now = this.#deps.clock.now();
    const capSeconds = Math.min(2 ** Math.min(this.#failures, 16), this.#origin.maxBackoffSeconds);
    this.#nextAttemptAt = now + 1000 * capSeconds * (0.5 + 0.5 * this.#deps.random());
    this.#refreshAfter = this.#nextAttemptAt;
    this.#deps.onFailed(reason);
  }
}
