import { join } from 'node:path';
import { type BackwardLine, BackwardLines, isPlace, type Place } from './backward-lines.ts';
import type { ReadingPace } from './reading-pace.ts';
import { placeBefore } from './seek.ts';

/** Where in each stream a reading goes on. */
export type Places = Readonly<Record<string, Place>>;

/** A place that is none of this directory. */
export class UnknownPlace extends Error {
  override readonly name = 'UnknownPlace';
}

interface Start {
  /** Streams that it lacks have been read to their beginning. */
  readonly after?: Places | undefined;
  /** RFC 3339: where nothing else says where to begin, what is younger need not be read. */
  readonly late?: string | undefined;
  /** Lines that lack one of them need not be met. */
  readonly containing?: readonly string[] | undefined;
  readonly pace: ReadingPace;
}

interface Front {
  readonly stream: string;
  readonly reader: BackwardLines;
  /** The line of it that was looked at last. */
  place: Place | undefined;
  lines: readonly BackwardLine[];
  index: number;
}

/** The lines of several streams, newest first by their times. */
export class Fronts {
  readonly #fronts: readonly Front[];
  /** The one whose line was looked at last. */
  #last: Front | undefined;

  private constructor(fronts: readonly Front[]) {
    this.#fronts = fronts;
  }

  /** Throws UnknownPlace, and what the disk throws. */
  static async open(directory: string, streams: readonly string[], start: Start) {
    const { after, late, containing = [], pace } = start;
    if (Object.keys(after ?? {}).some((stream) => !streams.includes(stream))) throw new UnknownPlace();
    // The longest is the one that fewest lines hold, and the one that is found fastest.
    const [longest] = containing.toSorted((one, other) => other.length - one.length);
    const opened: Front[] = [];
    const fronts = new Fronts(opened);
    try {
      for (const stream of streams) {
        const known = after?.[stream];
        if (after !== undefined && known === undefined) continue;
        const folder = join(directory, stream);
        if (known !== undefined && !(await isPlace(folder, known))) throw new UnknownPlace();
        const from = known ?? (late === undefined ? undefined : await placeBefore(folder, late));
        const reader = await BackwardLines.open(folder, { from, text: longest, pace });
        const front: Front = { stream, reader, place: undefined, lines: [], index: 0 };
        opened.push(front);
        await advance(front);
      }
    } catch (error) {
      await fronts[Symbol.asyncDispose]();
      throw error;
    }
    return fronts;
  }

  /** Bytes read so far. */
  get bytes(): number {
    return this.#fronts.reduce((sum, { reader }) => sum + reader.bytes, 0);
  }

  /** Whether `refill` is due before the next line. */
  get isSpent(): boolean {
    const { lines, index } = this.#last ?? { lines: [], index: 0 };
    return lines.length > 0 && index >= lines.length;
  }

  /** The next line, which holds until the next refill; what is no record comes first, for it has no time. Undefined at the end. */
  newest(): BackwardLine | undefined {
    let best: Front | undefined;
    let newest: BackwardLine | undefined;
    for (const front of this.#fronts) {
      const line = front.lines[front.index];
      if (line === undefined) continue;
      if (newest?.at === undefined || line.at === undefined || line.at > newest.at) [best, newest] = [front, line];
      if (line.at === undefined) break;
    }
    if (best === undefined || newest === undefined) return undefined;
    best.index += 1;
    best.place = newest.place;
    this.#last = best;
    return newest;
  }

  /** Nothing that is older in the stream of the last line is wanted. */
  leave(): void {
    if (this.#last !== undefined) this.#last.lines = [];
  }

  async refill(): Promise<void> {
    if (this.#last !== undefined && this.isSpent) await advance(this.#last);
  }

  /** Where to go on: behind the last line of each stream, or before its first. A stream that has ended has none. */
  places(): Places {
    const places = this.#fronts.flatMap(({ stream, place, lines: [first] }) => {
      if (first === undefined) return [];
      const { segment, offset } = first.place;
      return [[stream, place ?? { segment, offset: offset + first.bytes.length + 1 }] as const];
    });
    return Object.fromEntries(places);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { reader } of this.#fronts) await reader.close();
  }
}

async function advance(front: Front): Promise<void> {
  front.lines = (await front.reader.next()) ?? [];
  front.index = 0;
}
