/** What is told of the samples of several rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Throws RangeError for no samples and for samples that are not finite: a figure out of nothing must not look like one. */
export function spread(samples: readonly number[]): Spread {
  if (samples.length === 0) throw new RangeError('no samples');
  if (!samples.every(Number.isFinite)) throw new RangeError('a sample is not a finite number');
  const sorted = samples.toSorted((one, other) => one - other);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return { median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2, min: at(0), max: at(sorted.length - 1) };
}

/** Each round's quotient: both samples of a round were taken close together, so noise that lasts cancels out. */
export function quotients(numerators: readonly number[], denominators: readonly number[]): readonly number[] {
  if (numerators.length !== denominators.length) throw new RangeError('rounds differ in number');
  return numerators.map((numerator, round) => numerator / (denominators[round] ?? Number.NaN));
}

/** Each round's sum over several rows. */
export function sums(rows: readonly (readonly number[])[]): readonly number[] {
  const [first = [], ...others] = rows;
  if (others.some(({ length }) => length !== first.length)) throw new RangeError('rounds differ in number');
  return first.map((value, round) => others.reduce((sum, row) => sum + (row[round] ?? Number.NaN), value));
}
