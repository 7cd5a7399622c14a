import { LRUCache } from 'lru-cache';
import type { Clock } from '../../core/clock.ts';

const MAX_SERVERS = 256;
const MAX_AGE_MS = 10 * 60_000;

interface Found {
  readonly endpoint: string;
  /** Milliseconds. */
  readonly foundAt: number;
}

/**
 * Token endpoints by issuer, in memory: the 256 servers used last, for ten minutes each. Whoever asks while a server is
 * being asked waits for that answer; a failure is told to those who wait and is not kept.
 */
export class TokenEndpoints {
  readonly #clock: Clock;
  readonly #fetch: (issuer: string) => Promise<string>;
  readonly #found = new LRUCache<string, Found>({ max: MAX_SERVERS });
  readonly #flights = new Map<string, Promise<string>>();

  /** `fetch` asks the server itself. */
  constructor(clock: Clock, fetch: (issuer: string) => Promise<string>) {
    this.#clock = clock;
    this.#fetch = fetch;
  }

  async find(issuer: string): Promise<string> {
    const found = this.#found.get(issuer);
    const age = found === undefined ? MAX_AGE_MS : this.#clock.now() - found.foundAt;
    // A clock that was set back must not keep an endpoint for longer.
    if (found !== undefined && age >= 0 && age < MAX_AGE_MS) return found.endpoint;
    const flight = this.#flights.get(issuer) ?? this.#start(issuer);
    return await flight;
  }

  #start(issuer: string): Promise<string> {
    const flight = this.#ask(issuer).finally(() => this.#flights.delete(issuer));
    this.#flights.set(issuer, flight);
    return flight;
  }

  async #ask(issuer: string): Promise<string> {
    const foundAt = this.#clock.now();
    const endpoint = await this.#fetch(issuer);
    this.#found.set(issuer, { endpoint, foundAt });
    return endpoint;
  }
}
