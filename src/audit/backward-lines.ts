import { type FileHandle, open } from 'node:fs/promises';
import { isMissing } from './disk.ts';
import type { ReadingPace } from './reading-pace.ts';
import { listSegments, type Segment } from './segments.ts';

/** Where in a stream a reading goes on: everything of this segment before this byte, and all segments before it. */
export interface Place {
  /** First seq of the segment, which names it. */
  readonly segment: number;
  /** At the end of a line. */
  readonly offset: number;
}

/** A line as it is met on the way back. */
export interface BackwardLine {
  /** Without its newline. */
  readonly bytes: Buffer;
  /** RFC 3339; undefined where the line is no record. */
  readonly at: string | undefined;
  /** Undefined where it does not stand in its place. */
  readonly type: string | undefined;
  /** Its own beginning: where a reading goes on after it. */
  readonly place: Place;
}

const CHUNK_BYTES = 256 * 1024;
const NEWLINE = 0x0a;
/** Longer than any line. */
const NEARBY_BYTES = 64 * 1024;
const PLACE_BYTES = 256;
/** The members that every record begins with, in their frozen order. */
const BEGINNING =
  /^\{"v":\d+,"stream":"[^"]*","seq":\d+,"at":"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z)"(?:,"prev":"[^"]*","type":"([^"]*)")?/;

export interface Reading {
  /** Absent: from the end. */
  readonly from?: Place | undefined;
  /** Without a newline: of the lines that lack it only the oldest of each chunk is met. */
  readonly text?: string | undefined;
  /** For which waiting for the disk is no work. */
  readonly pace: ReadingPace;
}

/**
 * The lines of a stream from a place, or from its end, back to its beginning. Memory is bounded by one chunk. A last line
 * that has no newline yet is being written and is left out; a segment that is taken away meanwhile ends the reading.
 */
export class BackwardLines {
  readonly #segments: Segment[];
  readonly #text: Buffer | undefined;
  readonly #pace: ReadingPace;
  readonly #chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #offset: number | undefined;
  #file: FileHandle | undefined;
  /** Bytes read so far. */
  bytes = 0;

  private constructor(segments: readonly Segment[], { from, text, pace }: Reading) {
    this.#segments = segments.filter(({ firstSeq }) => from === undefined || firstSeq <= from.segment);
    this.#offset = segments.some(({ firstSeq }) => firstSeq === from?.segment) ? from?.offset : undefined;
    this.#text = text === undefined ? undefined : Buffer.from(text);
    this.#pace = pace;
  }

  static async open(folder: string, reading: Reading): Promise<BackwardLines> {
    return new BackwardLines(await listSegments(folder), reading);
  }

  /** Lines of one chunk, newest first; undefined at the beginning of the stream. They hold until the next call. */
  async next(): Promise<readonly BackwardLine[] | undefined> {
    for (let segment = this.#segments.at(-1); segment !== undefined; segment = this.#segments.at(-1)) {
      const lines = await this.#chunkOf(segment);
      if (this.#offset === 0) {
        this.#segments.pop();
        this.#offset = undefined;
        await this.close();
      }
      if (lines.length > 0) return lines;
    }
    return undefined;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #chunkOf({ path, firstSeq }: Segment): Promise<readonly BackwardLine[]> {
    const chunk = await this.#pace.beside(this.#read(path));
    if (chunk === undefined) {
      this.#segments.length = 0;
      return [];
    }
    const { bytes, start } = chunk;
    this.bytes += bytes.length;
    // What stands before the first newline belongs to the chunk before, unless the file begins there.
    const whole = start === 0 ? 0 : bytes.indexOf(NEWLINE) + 1;
    this.#offset = start + whole;
    const line = (begin: number, end: number): BackwardLine => {
      const text = bytes.subarray(begin, end);
      return { bytes: text, ...beginningOf(text), place: { segment: firstSeq, offset: start + begin } };
    };
    // No record is as long as a chunk.
    if (whole === 0 && start > 0) return [line(0, bytes.length)];
    const lines: BackwardLine[] = [];
    for (let end = this.#newestEnd(bytes, whole, bytes.lastIndexOf(NEWLINE)); end >= whole; ) {
      const begin = end === 0 ? 0 : Math.max(whole, bytes.lastIndexOf(NEWLINE, end - 1) + 1);
      lines.push(line(begin, end));
      end = this.#newestEnd(bytes, whole, begin - 1);
    }
    return lines;
  }

  /** What stands before the place in a segment; undefined where it was taken away. */
  async #read(path: string): Promise<{ readonly bytes: Buffer; readonly start: number } | undefined> {
    if (this.#file === undefined) {
      this.#file = await openSegment(path);
      const { size } = (await this.#file?.stat()) ?? { size: 0 };
      this.#offset = Math.min(this.#offset ?? size, size);
    }
    if (this.#file === undefined) return undefined;
    const until = this.#offset ?? 0;
    const start = Math.max(0, until - CHUNK_BYTES);
    return { bytes: await readAt(this.#file, start, this.#chunk.subarray(0, until - start)), start };
  }

  /** The end of the newest line, among those from `whole` up to the one that ends at `end`, that is to be met. */
  #newestEnd(bytes: Buffer, whole: number, end: number): number {
    if (this.#text === undefined || end < whole) return end;
    return bytes.indexOf(NEWLINE, Math.max(whole, bytes.lastIndexOf(this.#text, end)));
  }
}

/** `at` of the first line that begins at or after a byte; undefined where none is found nearby. */
export async function instantAfter(path: string, offset: number): Promise<string | undefined> {
  const file = await openSegment(path);
  if (file === undefined) return undefined;
  try {
    const bytes = await readAt(file, Math.max(0, offset - 1), Buffer.allocUnsafe(NEARBY_BYTES));
    const begin = offset === 0 ? 0 : bytes.indexOf(NEWLINE) + 1;
    return offset > 0 && begin === 0 ? undefined : beginningOf(bytes.subarray(begin)).at;
  } finally {
    await file.close();
  }
}

/** Whether a place is one where a line of the stream ends: one from elsewhere may be anything. */
export async function isPlace(folder: string, { segment, offset }: Place): Promise<boolean> {
  const found = (await listSegments(folder)).find(({ firstSeq }) => firstSeq === segment);
  const file = found && (await openSegment(found.path));
  if (file === undefined) return false;
  try {
    return offset === 0 || (await readAt(file, offset - 1, Buffer.allocUnsafe(1)))[0] === NEWLINE;
  } finally {
    await file.close();
  }
}

async function openSegment(path: string): Promise<FileHandle | undefined> {
  return open(path, 'r').catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
}

async function readAt(file: FileHandle, position: number, bytes: Buffer): Promise<Buffer> {
  const { bytesRead } = await file.read(bytes, 0, bytes.length, position);
  return bytes.subarray(0, bytesRead);
}

function beginningOf(line: Buffer): Pick<BackwardLine, 'at' | 'type'> {
  const [, at, type] = BEGINNING.exec(line.toString('latin1', 0, PLACE_BYTES)) ?? [];
  return { at, type };
}
