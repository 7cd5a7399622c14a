import { isIP } from 'node:net';
import { Redis } from 'ioredis';
import type { CacheState } from './cache.ts';
import { readPassword } from './password-file.ts';
import { checkedConnector } from './redis-connector.ts';

export interface RedisConnectionOptions {
  /** `redis://` or, with TLS and the system's roots, `rediss://`; user name, port and database as in `rediss://user@host:6379/0`. */
  readonly url: string;
  /** Read at each connection, so that a changed password needs no restart. */
  readonly passwordFile?: string;
  /** Bound on a connection attempt, handshake included. Default 1,000. */
  readonly connectTimeoutMs?: number;
  /** Bound on one command. Default 500. */
  readonly commandTimeoutMs?: number;
  /** Told when Redis is lost and when it is back. */
  readonly onState?: (state: CacheState) => void;
}

const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 10_000;
/** A connection that has lasted so long was a good one: one that comes and goes is not asked for ever more often. */
const STABLE_MS = 10_000;

/**
 * One connection to Redis, renewed in the background with growing pauses. While there is none, `client` says so at once;
 * only the very first attempt is waited for, so that a start finds what replicas have left there.
 */
export class RedisConnection {
  readonly #options: RedisConnectionOptions;
  #client: Redis | undefined;
  #attempt: Redis | undefined;
  readonly #first: Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #reason: string | undefined = 'not connected yet';
  #closed = false;

  constructor(options: RedisConnectionOptions) {
    this.#options = options;
    this.#first = this.#connect();
  }

  /** The connected client, or undefined when there is none. Never rejects. */
  async client(): Promise<Redis | undefined> {
    if (this.#client === undefined && this.#failures === 0 && !this.#closed) await this.#first;
    return this.#client;
  }

  /** Gives up a connection on which a command did not end well: what else waits on it ends too. */
  drop(client: Redis, error: unknown): void {
    if (client !== this.#client) return;
    this.#lost(error);
    client.disconnect();
  }

  state(): CacheState {
    if (this.#client !== undefined) return { ok: true };
    return this.#reason === undefined ? { ok: false } : { ok: false, reason: this.#reason };
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#attempt?.disconnect();
    this.#client?.disconnect();
    this.#client = undefined;
    this.#reason = 'closed';
  }

  async #connect(): Promise<void> {
    let client: Redis | undefined;
    try {
      client = await this.#open();
      await this.#proven(client);
      if (this.#closed) return client.disconnect();
      this.#found(client);
    } catch (error) {
      client?.disconnect();
      this.#lost(error);
    } finally {
      this.#attempt = undefined;
    }
  }

  async #open(): Promise<Redis> {
    const { url, passwordFile, connectTimeoutMs = 1000, commandTimeoutMs = 500 } = this.#options;
    const password = passwordFile === undefined ? undefined : await readPassword(passwordFile);
    const { db, username, ...place } = address(url);
    const client: Redis = new Redis({
      ...place,
      db,
      ...(username === undefined ? {} : { username }),
      Connector: checkedConnector(place, () => client.commandQueue.length),
      ...(password === undefined ? {} : { password: password.reveal() }),
      lazyConnect: true,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      disableClientInfo: true,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 1,
      // This class connects anew: only so is the password file read again.
      retryStrategy: () => null,
      connectTimeout: connectTimeoutMs,
      commandTimeout: commandTimeoutMs,
      protocol: 2,
    });
    return client;
  }

  /** Connected, let in and able to answer: a server that loads, or wants another password, refuses PING. */
  async #proven(client: Redis): Promise<void> {
    this.#attempt = client;
    const { connectTimeoutMs = 1000 } = this.#options;
    const late = setTimeout(() => client.disconnect(), connectTimeoutMs);
    let cause: unknown;
    // What connect() rejects with does not tell a wrong password from a closed connection.
    client.on('error', (error) => {
      cause = error;
    });
    try {
      await client.connect();
      await client.ping();
    } catch (error) {
      throw cause ?? error;
    } finally {
      clearTimeout(late);
    }
  }

  #found(client: Redis): void {
    this.#client = client;
    this.#reason = undefined;
    this.#timer = setTimeout(() => {
      this.#failures = 0;
    }, STABLE_MS).unref();
    client.once('end', () => {
      if (client === this.#client) this.#lost(undefined);
    });
    this.#options.onState?.({ ok: true });
  }

  #lost(error: unknown): void {
    if (this.#closed) return;
    const told = this.#client === undefined && this.#failures > 0;
    this.#client = undefined;
    this.#failures += 1;
    this.#reason = reasonOf(error);
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(this.#failures - 1, 10), MAX_PAUSE_MS);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#connect(), pauseMs * (0.5 + 0.5 * Math.random())).unref();
    if (!told) this.#options.onState?.(this.state());
  }
}

function address(url: string) {
  const { protocol, hostname, port, username, pathname } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    host,
    port: port === '' ? 6379 : Number(port),
    db: Number(pathname.slice(1)),
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(protocol === 'rediss:'
      ? { tls: { rejectUnauthorized: true, ...(isIP(host) === 0 ? { servername: host } : {}) } }
      : {}),
  };
}

/** A code of the network or of Redis (`ECONNREFUSED`, `WRONGPASS`); never a message, which may hold an address. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the connection ended';
  if ('code' in error && typeof error.code === 'string') return error.code;
  const [, word] = /^([A-Z]{2,32})\b/.exec(error.message) ?? [];
  return word ?? (error.message === 'Command timed out' ? 'a command took too long' : 'the connection failed');
}
