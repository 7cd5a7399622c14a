/** Longer than any message of Redis. */
const MAX_LINE_BYTES = 4096;
/** Larger than what is ever asked for. */
const MAX_BULK_BYTES = 1024 * 1024;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** A status, an error, an integer, or the length of a bulk string, absent being -1. */
const LINE = /^(?:[+-].*|:-?\d{1,19}|\$(-1|\d{1,7}))$/s;

/**
 * Follows the answers of one connection, in RESP2 and of the kinds that the cache's commands have. The Redis client throws
 * from where nobody can catch it when an answer comes that it did not ask for, and it lets whoever answers say how much
 * memory to take and how deep to go; so what it gets to read is looked at before.
 */
export class RedisReplies {
  /** Of the line that is under way, latin1. */
  #line = '';
  /** Of the bulk string that is under way, its line end included. */
  #left = 0;

  /** How many answers end in this chunk; undefined when it holds something else, after which the connection is of no use. */
  read(chunk: Buffer): number | undefined {
    let ended = 0;
    for (let at = 0; at < chunk.length; ) {
      const next = this.#left > 0 ? this.#readBulk(chunk, at) : this.#readLine(chunk, at);
      if (next === undefined) return undefined;
      if (this.#left === 0 && this.#line === '') ended += 1;
      at = next;
    }
    return ended;
  }

  #readBulk(chunk: Buffer, from: number): number | undefined {
    const end = Math.min(from + this.#left, chunk.length);
    for (let at = Math.max(from, from + this.#left - 2); at < end; at += 1) {
      const isLast = at === from + this.#left - 1;
      if (chunk[at] !== (isLast ? LINE_FEED : CARRIAGE_RETURN)) return undefined;
    }
    this.#left -= end - from;
    return end;
  }

  #readLine(chunk: Buffer, from: number): number | undefined {
    const found = chunk.indexOf(LINE_FEED, from);
    const end = found === -1 ? chunk.length : found + 1;
    if (this.#line.length + end - from > MAX_LINE_BYTES) return undefined;
    this.#line += chunk.toString('latin1', from, end);
    // A carriage return ends a line for the client, whatever follows it.
    if (/\r(?!\n|$)/.test(this.#line)) return undefined;
    if (found === -1) return end;
    if (!this.#line.endsWith('\r\n')) return undefined;
    const [fits, length] = LINE.exec(this.#line.slice(0, -2)) ?? [];
    if (fits === undefined || Number(length ?? 0) > MAX_BULK_BYTES) return undefined;
    this.#left = length === undefined || length === '-1' ? 0 : Number(length) + 2;
    this.#line = '';
    return end;
  }
}
