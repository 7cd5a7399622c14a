import type { RecordJson } from './events.ts';
import type { RecordType } from './record.ts';

export type Settle = (error?: Error) => void;

/** Something that waits for its place in the chain. */
export interface Entry {
  /** Made when it was handed to the log: while what it tells is at hand, and need not be kept for it. */
  readonly record: RecordJson;
  /** Milliseconds: when it was handed to the log. */
  readonly at: number;
  /** Who waits for it to be durable; absent for a note. Called once. */
  readonly settle?: Settle | undefined;
}

// What has happened cannot be unsaid: these stay queued through a failure, even when nobody waits any more.
const HAPPENED: ReadonlySet<RecordType> = new Set(['issued', 'failed']);

export function outlivesFailure({ record, settle }: Entry): boolean {
  return settle === undefined || HAPPENED.has(record.type);
}

const MAIN_BATCH = 512;
const REFUSED_BATCH = 128;

/**
 * First in, first out in two lines. Refusals of verified identities stand in their own, bounded one, of which each
 * batch takes a bounded share after the others, so that no flood of them delays an issuance.
 */
export class EntryQueue {
  readonly #maxRefused: number;
  #main: Entry[] = [];
  #refused: Entry[] = [];

  constructor(maxRefused: number) {
    this.#maxRefused = maxRefused;
  }

  get length(): number {
    return this.#main.length + this.#refused.length;
  }

  get mainLength(): number {
    return this.#main.length;
  }

  /** Whether the line for refusals is full: no more may be pushed to it. */
  get isFullOfRefused(): boolean {
    return this.#refused.length >= this.#maxRefused;
  }

  push(entry: Entry): void {
    this.#main.push(entry);
  }

  pushRefused(entry: Entry): void {
    this.#refused.push(entry);
  }

  takeBatch(): readonly Entry[] {
    return [...this.#main.splice(0, MAIN_BATCH), ...this.#refused.splice(0, REFUSED_BATCH)];
  }

  /** Puts entries before all others. */
  putBack(entries: readonly Entry[]): void {
    this.#main = [...entries, ...this.#main];
  }

  /** Takes out all but the refusals, for which nobody waits. */
  takeMain(): readonly Entry[] {
    return this.#main.splice(0);
  }
}
