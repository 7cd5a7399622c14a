import type { JsonValue } from '../core/json.ts';

const MAX_NAMES = 32;
/** Written without an escape, so that where the text has these characters between quotes it has this name. */
const AS_WRITTEN = /^[\x20\x21\x23-\x5b\x5d-\x7e]{0,32}$/;
/** So many texts differ before another is followed: a writer who has other names each time costs little more. */
const DIFFERENT = 64;

/**
 * The names of members that a text is likely to have, in their order: those of an earlier text that the writer signed. A reader
 * that finds them where it looks need not cut them out and look them up. They are a guess and decide nothing.
 */
export class LikelyNames {
  #names: readonly string[] = [];
  /** Texts since one was followed. */
  #differed = DIFFERENT;

  /** By the number of the member in the whole text. */
  at(position: number): string | undefined {
    return this.#names[position];
  }

  /** Told of a legal text that had other names, whoever wrote it. */
  differ(): void {
    this.#differed += 1;
  }

  /** Told of what the writer signed: nobody else has a say in the names, or can make shapes of objects. */
  signed(value: JsonValue): void {
    if (this.#differed < DIFFERENT) return;
    this.#differed = 0;
    const names = [...namesIn(value).take(MAX_NAMES + 1)];
    // An object that loses its shape half way costs more than one that never had any.
    const isWorthIt = names.length <= MAX_NAMES && names.every((name) => AS_WRITTEN.test(name));
    this.#names = isWorthIt ? names : [];
  }
}

function* namesIn(value: JsonValue): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    if (!Array.isArray(value)) yield name;
    yield* namesIn(member);
  }
}
