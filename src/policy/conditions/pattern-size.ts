/**
 * An upper estimate of how large the program of a pattern is once its counted repetitions are written out, found in one
 * pass before anything is compiled. What is not understood counts as it stands: the compiler judges that.
 */
export function patternSize(pattern: string): number {
  /** Sizes of the groups that are open; within each, all so far and its last atom. */
  const open = [{ total: 0, last: 0 }];
  const top = () => open.at(-1) ?? { total: 0, last: 0 };
  const atom = (size: number) => {
    top().total += size;
    top().last = size;
  };
  for (const [part] of pattern.matchAll(/\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{\d+(?:,\d*)?\}|./gsu)) {
    if (part === '(') open.push({ total: 1, last: 0 });
    else if (part === ')' && open.length > 1) atom(open.pop()?.total ?? 0);
    else if (/^\{\d/.test(part)) {
      const times = Math.max(1, ...part.matchAll(/\d+/g).map(([count]) => Number(count)));
      const { last } = top();
      top().total += last * (times - 1);
      top().last = last * times;
    } else atom(1);
  }
  return open.reduce((sum, { total }) => sum + total, 0);
}
