import { hash } from 'node:crypto';
import { instantText } from '../core/instant.ts';
import type { RecordJson } from './events.ts';
import { type Head, TAIL_CLOSE, TAIL_OPEN } from './line.ts';
import { cutToLimit, MAX_JSON_BYTES, TAIL_AND_NEWLINE_BYTES } from './line-limit.ts';
import { RECORD_VERSION } from './record.ts';

export interface Placed {
  readonly stream: string;
  /** The record before. */
  readonly after: Head;
  /** Milliseconds. */
  readonly at: number;
  readonly record: RecordJson;
}

/** For the records of several hundred exchanges; a batch that needs more gives it back. */
const KEPT_BYTES = 1024 * 1024;
const COMMA = ','.charCodeAt(0);

/** Lines that go to the disk together, put together where they are hashed and written from. */
export class LineBytes {
  #room: Buffer = Buffer.allocUnsafeSlow(KEPT_BYTES);
  #length = 0;

  /** Of the lines added since `clear`: good until that is called again. */
  get bytes(): Buffer {
    return this.#room.subarray(0, this.#length);
  }

  clear(): void {
    if (this.#room.length > KEPT_BYTES) this.#room = Buffer.allocUnsafeSlow(KEPT_BYTES);
    this.#length = 0;
  }

  /** Adds one record as its line, newline included, and gives the head that the chain then has. */
  add({ stream, after, at, record: { type, objects } }: Placed): Head {
    const seq = after.seq + 1;
    // No name of a stream has a character that JSON would escape (isStreamName).
    const place = `{"v":${RECORD_VERSION},"stream":"${stream}","seq":${seq},"at":"${instantText(at)}","prev":"${after.hash}","type":"${type}"}`;
    let end = this.#put(place, objects);
    // The closing brace of the JSON gives way to the tail.
    if (end + 1 - this.#length > MAX_JSON_BYTES) end = this.#put(place, [cutToLimit(place, objects)]);
    const sum = hash('sha256', this.#room.subarray(this.#length, end), 'hex');
    this.#length = end + this.#room.write(`${TAIL_OPEN}${sum}${TAIL_CLOSE}\n`, end);
    return { seq, hash: sum };
  }

  /** Writes objects as the members of one and says where its closing brace would be. */
  #put(place: string, objects: RecordJson['objects']): number {
    let units = place.length;
    for (const object of objects) units += object.length;
    this.#makeRoom(units);
    let end = this.#length + this.#room.write(place, this.#length) - 1;
    for (const object of objects) {
      const comma = end;
      end = comma + this.#room.write(object, comma) - 1;
      this.#room[comma] = COMMA;
    }
    return end;
  }

  /** For so many UTF-16 units, each at most three bytes of UTF-8, and a tail. */
  #makeRoom(units: number): void {
    const needed = this.#length + 3 * units + TAIL_AND_NEWLINE_BYTES;
    if (needed <= this.#room.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * needed);
    this.#room.copy(larger, 0, 0, this.#length);
    this.#room = larger;
  }
}
