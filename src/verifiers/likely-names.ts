import type { JsonValue } from '../core/json.ts';

const MAX_NAMES = 32;
/** Written without an escape, so that where the text has these characters between quotes it has this name. */
const AS_WRITTEN = /^[\x20\x21\x23-\x5b\x5d-\x7e]{0,32}$/;
/** Of the texts that differ one in so many is followed: who sends them on purpose gains little by it. */
const FOLLOWED = 64;

/**
 * The names of members that a text is likely to have, in their order: those of an earlier text by the same writer. A reader
 * that finds them where it looks need not cut them out and look them up. They are a guess and decide nothing.
 */
export class LikelyNames {
  #names: readonly (string | undefined)[] = [];
  #differed = 0;

  /** By the number of the member in the whole text. */
  at(position: number): string | undefined {
    return this.#names[position];
  }

  /** Told of a legal text that had other names. */
  differ(value: JsonValue): void {
    if (this.#differed % FOLLOWED === 0) {
      this.#names = [...namesIn(value).take(MAX_NAMES)].map((name) => (AS_WRITTEN.test(name) ? name : undefined));
    }
    this.#differed += 1;
  }
}

function* namesIn(value: JsonValue): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    if (!Array.isArray(value)) yield name;
    yield* namesIn(member);
  }
}
