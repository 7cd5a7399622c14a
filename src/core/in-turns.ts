/** A few milliseconds' work. */
const AT_ONCE = 500;

/** `list.map(of)` in slices, between which requests are served. */
export async function inTurns<T, U>(
  list: readonly T[],
  of: (one: T) => U,
  atOnce: number = AT_ONCE,
): Promise<readonly U[]> {
  const made: U[] = [];
  for (let from = 0; from < list.length; from += atOnce) {
    if (from > 0) await new Promise((resolve) => setImmediate(resolve));
    for (const one of list.slice(from, from + atOnce)) made.push(of(one));
  }
  return made;
}
