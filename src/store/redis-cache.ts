import type { Redis } from 'ioredis';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Cache, CacheRead, CacheState } from './cache.ts';
import { RedisConnection, type RedisConnectionOptions } from './redis-connection.ts';

interface RedisCacheOptions extends RedisConnectionOptions {
  /** Before every key: installations that share a Redis stay apart. */
  readonly prefix: string;
  readonly metrics: Pick<Metrics, 'cacheCommands'>;
}

const UNAVAILABLE = Symbol('unavailable');
const MAX_IN_FLIGHT = 4096;
/** Not about the command: this server takes nobody's writes, a standby after a fail-over, or a part of a cluster. Another may by now. */
const WRONG_SERVER = /^(READONLY|MASTERDOWN|MOVED|CLUSTERDOWN)\b/;
const DELETE_IF_VALUE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";
const ADD = `local sum = redis.call('INCRBY', KEYS[1], ARGV[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return sum`;

/**
 * The cache that replicas share. A command that takes too long costs the connection, so that the next one does not wait
 * as well, and so does one that the server is the wrong one for; until Redis answers again everything is `unavailable` at once.
 */
export class RedisCache implements Cache {
  readonly #connection: RedisConnection;
  readonly #prefix: string;
  readonly #metrics: Pick<Metrics, 'cacheCommands'>;
  #inFlight = 0;

  constructor({ prefix, metrics, ...connection }: RedisCacheOptions) {
    this.#prefix = prefix;
    this.#metrics = metrics;
    this.#connection = new RedisConnection(connection);
  }

  async get(key: string, maxBytes: number): Promise<CacheRead> {
    // One byte more than asked for tells what is too large without reading it.
    const bytes = await this.#ask('get', (redis) => redis.getrangeBuffer(this.#prefix + key, 0, maxBytes));
    if (!Buffer.isBuffer(bytes)) return { outcome: 'unavailable' };
    if (bytes.length === 0) return { outcome: 'miss' };
    if (bytes.length > maxBytes) return { outcome: 'oversize' };
    return { outcome: 'hit', value: bytes.toString('utf8') };
  }

  async set(key: string, value: string, ttlMs: number): Promise<'stored' | 'unavailable'> {
    const answer = await this.#ask('set', (redis) => redis.set(this.#prefix + key, value, 'PX', whole(ttlMs)));
    return answer === 'OK' ? 'stored' : 'unavailable';
  }

  async setIfAbsent(key: string, value: string, ttlMs: number): Promise<'stored' | 'present' | 'unavailable'> {
    const answer = await this.#ask('setIfAbsent', (redis) =>
      redis.set(this.#prefix + key, value, 'PX', whole(ttlMs), 'NX'),
    );
    if (answer === null) return 'present';
    return answer === 'OK' ? 'stored' : 'unavailable';
  }

  async deleteIfValue(key: string, value: string): Promise<'deleted' | 'absent' | 'unavailable'> {
    const answer = await this.#ask('deleteIfValue', (redis) =>
      redis.eval(DELETE_IF_VALUE, 1, this.#prefix + key, value),
    );
    if (answer === 0) return 'absent';
    return answer === 1 ? 'deleted' : 'unavailable';
  }

  async add(key: string, amount: number, ttlMs: number): Promise<number | 'unavailable'> {
    const sum = await this.#ask('add', (redis) => redis.eval(ADD, 1, this.#prefix + key, amount, whole(ttlMs)));
    return typeof sum === 'number' && Number.isSafeInteger(sum) ? sum : 'unavailable';
  }

  state(): CacheState {
    return this.#connection.state();
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  async #ask<T>(command: string, send: (redis: Redis) => Promise<T>): Promise<T | typeof UNAVAILABLE> {
    const redis = await this.#connection.client();
    if (redis === undefined || this.#inFlight >= MAX_IN_FLIGHT) return this.#ended(command, 'unavailable', UNAVAILABLE);
    this.#inFlight += 1;
    try {
      return this.#ended(command, 'ok', await send(redis));
    } catch (error) {
      const refused = error instanceof Error && error.name === 'ReplyError';
      if (!refused || WRONG_SERVER.test(error.message)) this.#connection.drop(redis, error);
      return this.#ended(command, refused ? 'refused' : 'failed', UNAVAILABLE);
    } finally {
      this.#inFlight -= 1;
    }
  }

  #ended<T>(command: string, outcome: string, answer: T): T {
    this.#metrics.cacheCommands.inc({ command, outcome });
    return answer;
  }
}

function whole(ttlMs: number): number {
  return Math.max(1, Math.ceil(ttlMs));
}
