import { LIMIT, ROWS, type Row } from './rows.ts';
import { quotients, type Spread, spread, sums } from './statistics.ts';

/** One row of a run. */
export interface Figure extends Row {
  readonly samples: readonly number[];
  readonly spread: Spread;
  readonly ratio?: Spread;
}

/** What each round measured, by key. */
export type Round = Readonly<Record<string, number>>;

/** Which rows a run must have, and which of them it has in its first round alone. */
export interface Expected {
  readonly has: (key: string) => boolean;
  readonly once: (key: string) => boolean;
}

const EVERYTHING: Expected = { has: () => true, once: () => false };

/**
 * The rows of a run out of its rounds. Throws when a round lacks a row that is expected: a table with holes would be read
 * as whole. A ratio is left out where the run has not measured its other side.
 */
export function figuresOf(rounds: readonly Round[], expected: Expected = EVERYTHING): readonly Figure[] {
  const has = (key: string) => (key === LIMIT.key ? LIMIT.parts.every(expected.has) : expected.has(key));
  const samplesOf = (key: string): readonly number[] => {
    if (key === LIMIT.key) return sums(LIMIT.parts.map(samplesOf));
    return rounds.slice(0, expected.once(key) ? 1 : rounds.length).map((round) => {
      const value = round[key];
      if (value === undefined) throw new Error(`a round has not measured ${key}`);
      return value;
    });
  };
  /** Of rounds that have both. */
  const pairs = (one: readonly number[], other: readonly number[]) =>
    quotients(one.slice(0, other.length), other.slice(0, one.length));
  return ROWS.filter(({ key }) => has(key)).map((row) => {
    const samples = samplesOf(row.key);
    const figure = { ...row, samples, spread: spread(samples) };
    const { against } = row;
    const other = against === undefined || against.kind === 'share-of-L' ? LIMIT.key : against.key;
    if (against === undefined || !has(other)) return figure;
    const others = samplesOf(other);
    return { ...figure, ratio: spread(against.kind === 'times' ? pairs(samples, others) : pairs(others, samples)) };
  });
}
