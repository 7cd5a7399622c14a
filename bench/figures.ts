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

/** The rows of a run out of its rounds. Throws when a round lacks a row: a table with holes would be read as whole. */
export function figuresOf(rounds: readonly Round[]): readonly Figure[] {
  const samplesOf = (key: string): readonly number[] => {
    if (key === LIMIT.key) return sums(LIMIT.parts.map(samplesOf));
    return rounds.map((round) => {
      const value = round[key];
      if (value === undefined) throw new Error(`a round has not measured ${key}`);
      return value;
    });
  };
  return ROWS.map((row) => {
    const samples = samplesOf(row.key);
    const figure = { ...row, samples, spread: spread(samples) };
    const { against } = row;
    if (against === undefined) return figure;
    const pairs =
      against.kind === 'times' ? quotients(samples, samplesOf(against.key)) : quotients(samplesOf(LIMIT.key), samples);
    return { ...figure, ratio: spread(pairs) };
  });
}
