import { randomInt } from 'node:crypto';

/** As many as go into a whole number. Hardly two tokens share them by chance. */
const CHARACTERS = 7;
/** Seven characters of ASCII times this are a whole number still. */
const MAX_WEIGHT = 2 ** 43;

/**
 * Some forty bits of a token's signature as a number, which tables find sooner than a text that is new each time. Who forges
 * a token chooses its end, and every process puts a number into the same place of its tables: weights that nobody else knows
 * keep ends from being chosen that share one place and are looked for one after the other.
 */
export class TokenEnds {
  readonly #weights: readonly number[] = Array.from({ length: CHARACTERS }, () => randomInt(1, MAX_WEIGHT));

  /** For tokens in ASCII. */
  of(token: string): number {
    let ending = 0;
    let at = token.length - CHARACTERS;
    for (const weight of this.#weights) {
      if (at >= 0) ending += weight * token.charCodeAt(at);
      at += 1;
    }
    return ending;
  }
}
