/** The sample below which so much of them lie (0 to 1); samples in rising order. Throws RangeError for none. */
export function quantile(sorted: readonly number[], part: number): number {
  const found = sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)];
  if (found === undefined) throw new RangeError('no samples');
  return found;
}
