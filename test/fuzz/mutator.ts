/** Numbers that look random and are the same for the same seed: a finding can be had again. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 up to but not including `sides` (mulberry32). */
  roll(sides: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides;
  }

  pick<T>(from: readonly T[]): T {
    const one = from[this.roll(from.length)];
    if (one === undefined) throw new Error('nothing to pick from');
    return one;
  }
}

/** What a change may draw on beside the input itself. */
export interface Material {
  readonly dice: Dice;
  readonly words: readonly Uint8Array[];
  /** Another input of the corpus, to splice with. */
  readonly other: Uint8Array;
}

const MAX_BYTES = 20_000;

/** One to four changes: bits, bytes, words of the format, cuts, repetitions and splices. */
export function mutate(input: Uint8Array, material: Material): Uint8Array {
  let mutated = input;
  for (let changes = 1 + material.dice.roll(1 + material.dice.roll(4)); changes > 0; changes -= 1)
    mutated = change(mutated, material);
  return mutated.subarray(0, MAX_BYTES);
}

function change(input: Uint8Array, { dice, words, other }: Material): Uint8Array {
  const at = dice.roll(input.length + 1);
  const end = Math.min(input.length, at + dice.roll(32));
  switch (dice.roll(7)) {
    case 0:
      return replaced(input, at, Math.min(at + 1, input.length), Uint8Array.of((input[at] ?? 0) ^ (1 << dice.roll(8))));
    case 1:
      return replaced(input, at, Math.min(at + 1, input.length), Uint8Array.of(dice.roll(256)));
    case 2:
      return replaced(input, at, at, dice.pick(words));
    case 3:
      return replaced(input, at, end, dice.pick(words));
    case 4:
      return replaced(input, at, end, new Uint8Array());
    case 5:
      return replaced(input, at, at, repeated(input.subarray(at, end), 1 + dice.roll(dice.roll(8) === 0 ? 600 : 4)));
    default:
      return replaced(input, at, input.length, other.subarray(dice.roll(other.length + 1)));
  }
}

function replaced(input: Uint8Array, from: number, to: number, by: Uint8Array): Uint8Array {
  return Buffer.concat([input.subarray(0, from), by, input.subarray(to)]);
}

function repeated(part: Uint8Array, times: number): Uint8Array {
  return Buffer.concat(Array.from({ length: times }, () => part));
}
