import type { FileHandle } from 'node:fs/promises';
import type { CacheSeal } from './cache-seal.ts';

const LINE_FEED = 10;

/**
 * Lines of a file, each sealed to all before it: none of them counts in another file, in another place or where one is
 * missing before it. What is cut off at the end does not show.
 */
export class SealedLines {
  readonly #seal: CacheSeal;
  readonly #boundTo: readonly string[];
  /** MAC of the line before, to which that one's own predecessor is bound. */
  #before = '';

  /** `boundTo` says what the file is about. */
  constructor(seal: CacheSeal, boundTo: readonly string[]) {
    this.#seal = seal;
    this.#boundTo = boundTo;
  }

  /** The next line and its end. A body has no line feed. */
  next(body: string): string {
    const line = this.#seal.seal(body, [...this.#boundTo, this.#before]).replace('\n', ' ');
    this.#before = macOf(line);
    return `${line}\n`;
  }

  /** The body of the next line; undefined where the line is not that. */
  open(line: string): string | undefined {
    const body = this.#seal.open(line.replace(' ', '\n'), [...this.#boundTo, this.#before]);
    this.#before = macOf(line);
    return body;
  }
}

/** Lines that are whole; what follows the last line feed is none. Of the file a piece at a time is in memory. */
export async function* wholeLines(file: FileHandle): AsyncGenerator<string> {
  let begun: Buffer[] = [];
  for await (const piece of file.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = piece.indexOf(LINE_FEED); end >= 0; end = piece.indexOf(LINE_FEED, from)) {
      yield Buffer.concat([...begun, piece.subarray(from, end)]).toString();
      begun = [];
      from = end + 1;
    }
    begun.push(piece.subarray(from));
  }
}

function macOf(line: string): string {
  return line.slice(0, line.indexOf(' '));
}
