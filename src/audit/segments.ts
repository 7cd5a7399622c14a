import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from './disk.ts';
import { MAX_LINE_BYTES } from './line-limit.ts';

/** A file of a stream, named by the seq of its first record. */
export interface Segment {
  readonly path: string;
  readonly firstSeq: number;
}

const DIGITS = 16;
const NAME = /^(\d{16})\.jsonl$/;
const STREAM = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/;

/** Whether a text may name a stream, which is also the name of its folder. */
export function isStreamName(text: string): boolean {
  return STREAM.test(text);
}

export function segmentName(firstSeq: number): string {
  return `${String(firstSeq).padStart(DIGITS, '0')}.jsonl`;
}

/** The segments of a stream's folder in the order of their names; other files are nobody's. Missing folder: none. */
export async function listSegments(folder: string): Promise<readonly Segment[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  return names
    .flatMap((name) => {
      const digits = NAME.exec(name)?.[1];
      return digits === undefined ? [] : [{ path: join(folder, name), firstSeq: Number(digits) }];
    })
    .sort((left, right) => left.firstSeq - right.firstSeq);
}

/** The streams in an audit directory, by name. */
export async function listStreams(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && isStreamName(entry.name))
    .map((entry) => entry.name)
    .sort();
}

/** A line of a segment without its newline. */
export interface Line {
  readonly bytes: Buffer;
  /** From 1. */
  readonly number: number;
  /** Where it begins in the file. */
  readonly offset: number;
  /** Bytes without the newline, also where `bytes` has only the beginning. */
  readonly length: number;
  /** No newline ends it: it is the last thing in the file. */
  readonly torn: boolean;
  /** Longer than a line may be; `bytes` is its beginning only. */
  readonly overlong: boolean;
}

const NEWLINE = 0x0a;
// An overlong line is kept this far, so that a hostile file costs no more memory than a good one.
const KEPT_BYTES = 2 * MAX_LINE_BYTES;

/** The lines of a file, a batch per chunk read, in memory bounded by the chunk and two lines. */
export async function* lineBatches(path: string): AsyncGenerator<readonly Line[]> {
  let carried: Buffer = Buffer.alloc(0);
  let carriedBytes = 0;
  let number = 1;
  let offset = 0;
  const chunks: AsyncIterable<Buffer> = createReadStream(path, { highWaterMark: 256 * 1024 });
  for await (const chunk of chunks) {
    const lines: Line[] = [];
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      const rest = chunk.subarray(from, end);
      const length = carriedBytes + rest.length;
      const bytes = carriedBytes === 0 ? rest : Buffer.concat([carried, rest.subarray(0, KEPT_BYTES)]);
      lines.push({ bytes, number, offset, length, torn: false, overlong: length >= MAX_LINE_BYTES });
      number += 1;
      offset += length + 1;
      from = end + 1;
      carried = Buffer.alloc(0);
      carriedBytes = 0;
    }
    const rest = chunk.subarray(from);
    if (carried.length < KEPT_BYTES) carried = Buffer.concat([carried, rest.subarray(0, KEPT_BYTES)]);
    carriedBytes += rest.length;
    yield lines;
  }
  if (carriedBytes > 0) {
    const overlong = carriedBytes >= MAX_LINE_BYTES;
    yield [{ bytes: carried, number, offset, length: carriedBytes, torn: true, overlong }];
  }
}
