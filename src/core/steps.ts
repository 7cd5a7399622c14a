/** Work that may be left between any two of its steps: it yields after each, which takes well under a millisecond. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** A few milliseconds' work. */
const AT_ONCE = 200;

/** All steps at once. */
export function whole<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** The same in slices, between which requests are served. */
export async function inSlices<T>(steps: Steps<T>): Promise<T> {
  for (let taken = 1; ; taken += 1) {
    const { done, value } = steps.next();
    if (done === true) return value;
    if (taken % AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Entries of a map that are copied in one step. */
const ENTRIES_AT_ONCE = 100;

export function* copied<K, V>(map: ReadonlyMap<K, V>): Steps<Map<K, V>> {
  const copy = new Map<K, V>();
  for (const [key, value] of map) {
    copy.set(key, value);
    if (copy.size % ENTRIES_AT_ONCE === 0) yield;
  }
  return copy;
}
