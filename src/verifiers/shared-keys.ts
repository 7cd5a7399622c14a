import { createHash, randomUUID } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { Cache } from '../store/cache.ts';
import type { CacheSeal } from '../store/cache-seal.ts';
import { type FetchedKeys, MAX_DOCUMENT_BYTES, readKeyDocument } from './key-fetch.ts';
import type { KeySet } from './key-set.ts';

export interface SharedKeysDeps {
  readonly cache: Cache;
  readonly seal: CacheSeal;
  readonly clock: Clock;
  /** Waits for another replica's fetch. */
  readonly wait: (milliseconds: number) => Promise<unknown>;
  /** Told of each value that was not believed. */
  readonly onRejected: (issuer: string, reason: string) => void;
}

interface Subject {
  /** Name of the TrustedIssuer. */
  readonly issuer: string;
  /** Text that is the same only for the same name, `iss` and key source. */
  readonly source: string;
  /** How long an answer may be used that says so much about itself. */
  readonly ttlSeconds: (maxAgeSeconds: number | undefined) => number;
  /** Asks the source itself. */
  readonly ask: () => Promise<FetchedKeys>;
}

/** Asks for an answer from `notBefore` on: a replica's if there is one, else the source's. Throws as `ask` does. */
export type SharedFetch = (notBefore: number) => Promise<FetchedKeys>;

/** What a replica has left: when its answer was asked for, what the answer said about its time, and the answer. */
interface Entry {
  readonly fetchedAt: number;
  readonly keys: KeySet;
  readonly maxAgeSeconds: number | undefined;
}

const MAX_ENTRY_BYTES = MAX_DOCUMENT_BYTES + 256;
/** However long a set may be used, after this another replica asks anew: so old can a replayed value be at most. */
const MAX_AGE_MS = 3_600_000;
/** Between the clocks of replicas. */
const MAX_SKEW_MS = 30_000;
/** A holder that has died delays the others by this; after it a slow one is overtaken. */
const LOCK_MS = 4000;
const WAIT_MS = 100;
const MAX_REMOVED = 1024;
const HEAD = /^([0-9]{1,16}) ([0-9]{1,10}|-)\n/;

/**
 * The keys of one issuer, fetched once for all replicas (V13): who gets the lock asks the source and leaves the answer
 * in the cache; the others take it from there. A cache that cannot be had costs nothing but that each asks for itself.
 *
 * Nothing in the cache is believed for lying there (V15): it must be sealed for this issuer and source, young, not older
 * than what has been seen, read as strictly as an answer of the source, and hold no key that an answer has removed.
 */
export function createSharedFetch(subject: Subject, deps: SharedKeysDeps): SharedFetch {
  const exchange = new SharedKeys(subject, deps);
  return (notBefore) => exchange.fetch(notBefore);
}

class SharedKeys {
  readonly #subject: Subject;
  readonly #deps: SharedKeysDeps;
  readonly #name: string;
  /** When the newest answer was asked for that this process has used. */
  #newestAt = Number.NEGATIVE_INFINITY;
  #present = new Set<string>();
  /** Whether this fetch has told of a value that was not believed. */
  #alarmed = false;
  /** Keys, by thumbprint, that were there once and that a later answer did not hold. */
  readonly #removed = new Set<string>();

  constructor(subject: Subject, deps: SharedKeysDeps) {
    this.#subject = subject;
    this.#deps = deps;
    this.#name = createHash('sha256').update(subject.source).digest('base64url');
  }

  async fetch(notBefore: number): Promise<FetchedKeys> {
    // The clock was set back: what is there now cannot be older than what is seen from here on.
    this.#newestAt = Math.min(this.#newestAt, this.#deps.clock.now());
    this.#alarmed = false;
    const found = await this.#look(notBefore);
    if (found === 'unavailable') return this.#ask();
    return found ?? (await this.#fetchOnce(notBefore));
  }

  async #fetchOnce(notBefore: number): Promise<FetchedKeys> {
    const { cache, clock, wait } = this.#deps;
    const lock = `jwks-lock:${this.#name}`;
    const own = randomUUID();
    const until = clock.now() + LOCK_MS;
    for (let waited = 0; waited <= LOCK_MS && clock.now() <= until; waited += WAIT_MS) {
      const locked = await cache.setIfAbsent(lock, own, LOCK_MS);
      if (locked === 'unavailable') return this.#ask();
      // Whoever held the lock a moment ago may have left its answer just now.
      const found = await this.#look(notBefore);
      if (locked === 'present' && found === undefined) await wait(WAIT_MS);
      else if (locked === 'present') return found === 'unavailable' || found === undefined ? this.#ask() : found;
      else return this.#holding(found).finally(() => cache.deleteIfValue(lock, own));
    }
    return this.#ask();
  }

  async #holding(found: FetchedKeys | 'unavailable' | undefined): Promise<FetchedKeys> {
    if (found !== undefined && found !== 'unavailable') return found;
    const askedAt = this.#deps.clock.now();
    const answer = await this.#ask(askedAt);
    // Later, another may hold the lock and have left a newer answer.
    if (this.#deps.clock.now() < askedAt + LOCK_MS) await this.#leave(answer, askedAt);
    return answer;
  }

  async #ask(askedAt = this.#deps.clock.now()): Promise<FetchedKeys> {
    const answer = await this.#subject.ask();
    this.#use(answer.keys, askedAt);
    return answer;
  }

  async #leave({ document, maxAgeSeconds }: FetchedKeys, askedAt: number): Promise<void> {
    if (document === undefined) return;
    const body = `${askedAt} ${maxAgeSeconds ?? '-'}\n${document.toString('utf8')}`;
    const sealed = this.#deps.seal.seal(body, this.#about());
    await this.#deps.cache.set(`jwks:${this.#name}`, sealed, this.#maxAgeMs(maxAgeSeconds));
  }

  async #look(notBefore: number): Promise<FetchedKeys | 'unavailable' | undefined> {
    const read = await this.#deps.cache.get(`jwks:${this.#name}`, MAX_ENTRY_BYTES);
    if (read.outcome === 'unavailable') return 'unavailable';
    if (read.outcome === 'miss') return undefined;
    const entry = read.outcome === 'hit' ? this.#read(read.value) : 'too large';
    const fault = typeof entry === 'string' ? entry : this.#fault(entry);
    if (fault !== undefined) this.#reject(fault);
    if (typeof entry === 'string' || fault !== undefined || !this.#serves(entry, notBefore)) return undefined;
    const fetchedAt = Math.min(entry.fetchedAt, this.#deps.clock.now());
    this.#use(entry.keys, fetchedAt);
    return { keys: entry.keys, maxAgeSeconds: entry.maxAgeSeconds, fetchedAt };
  }

  #reject(reason: string): void {
    if (!this.#alarmed) this.#deps.onRejected(this.#subject.issuer, reason);
    this.#alarmed = true;
  }

  /** The entry, or what is wrong with it. */
  #read(sealed: string): Entry | string {
    const body = this.#deps.seal.open(sealed, this.#about());
    if (body === undefined) return 'not sealed by a replica for this issuer and key source';
    const [head = '', fetchedAt = '', maxAge] = HEAD.exec(body) ?? [];
    try {
      const keys = readKeyDocument(Buffer.from(body.slice(head.length)));
      return { keys, fetchedAt: Number(fetchedAt), maxAgeSeconds: maxAge === '-' ? undefined : Number(maxAge) };
    } catch {
      return 'no key set';
    }
  }

  /** What nobody honest would have left there. */
  #fault({ fetchedAt, keys, maxAgeSeconds }: Entry): string | undefined {
    const now = this.#deps.clock.now();
    if (fetchedAt > now + MAX_SKEW_MS) return 'from the future';
    // Redis forgets it by itself at that age.
    if (now > fetchedAt + this.#maxAgeMs(maxAgeSeconds) + MAX_SKEW_MS) return 'too old';
    if (fetchedAt < this.#newestAt - MAX_SKEW_MS) return 'older than what was there before';
    const revived = [...keys.byKid.values()].some(({ thumbprint }) => this.#removed.has(thumbprint));
    return revived && fetchedAt <= this.#newestAt ? 'holds a key that has been withdrawn' : undefined;
  }

  #serves({ fetchedAt, keys, maxAgeSeconds }: Entry, notBefore: number): boolean {
    const due = this.#deps.clock.now() >= fetchedAt + this.#maxAgeMs(maxAgeSeconds);
    // A withdrawn key comes back by the word of the source alone.
    const revives = [...keys.byKid.values()].some(({ thumbprint }) => this.#removed.has(thumbprint));
    return fetchedAt >= notBefore && fetchedAt >= this.#newestAt && !due && !revives;
  }

  #use(keys: KeySet, fetchedAt: number): void {
    const thumbprints = new Set([...keys.byKid.values()].map(({ thumbprint }) => thumbprint));
    for (const thumbprint of this.#present) if (!thumbprints.has(thumbprint)) this.#removed.add(thumbprint);
    for (const thumbprint of thumbprints) this.#removed.delete(thumbprint);
    for (const oldest of this.#removed) if (this.#removed.size > MAX_REMOVED) this.#removed.delete(oldest);
    this.#present = thumbprints;
    this.#newestAt = Math.max(this.#newestAt, fetchedAt);
  }

  /** Younger than when a replica renews its keys ahead of time. */
  #maxAgeMs(maxAgeSeconds: number | undefined): number {
    return Math.min(750 * this.#subject.ttlSeconds(maxAgeSeconds), MAX_AGE_MS);
  }

  #about(): readonly string[] {
    return ['jwks', this.#subject.issuer, this.#subject.source];
  }
}
