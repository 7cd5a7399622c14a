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

/** `visit` for each of them, `atOnce` in one step: less than a step is not worth one. */
export function* each<T>(items: Iterable<T>, atOnce: number, visit: (one: T) => void): Steps<void> {
  let visited = 0;
  for (const one of items) {
    visit(one);
    visited += 1;
    if (visited % atOnce === 0) yield;
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

/** Items that are put in order in one step. */
const SORTED_AT_ONCE = 200;

/** `list.toSorted(compare)`, by merging ever longer parts; the list itself where it is in order. */
export function* sorted<T>(list: readonly T[], compare: (a: T, b: T) => number): Steps<readonly T[]> {
  if (yield* isInOrder(list, compare)) return list;
  let parts: (readonly T[])[] = [];
  for (let from = 0; from < list.length; from += SORTED_AT_ONCE) {
    parts.push(list.slice(from, from + SORTED_AT_ONCE).sort(compare));
    yield;
  }
  while (parts.length > 1) {
    const merged: (readonly T[])[] = [];
    for (let at = 0; at < parts.length; at += 2)
      merged.push(yield* mergedInOrder(parts[at] ?? [], parts[at + 1] ?? [], compare));
    parts = merged;
  }
  return parts[0] ?? [];
}

function* isInOrder<T>(list: readonly T[], compare: (a: T, b: T) => number): Steps<boolean> {
  for (let at = 1; at < list.length; at += 1) {
    if (compare(list[at - 1] as T, list[at] as T) > 0) return false;
    if (at % SORTED_AT_ONCE === 0) yield;
  }
  return true;
}

function* mergedInOrder<T>(a: readonly T[], b: readonly T[], compare: (a: T, b: T) => number): Steps<readonly T[]> {
  const merged: T[] = [];
  let left = 0;
  let right = 0;
  while (left < a.length || right < b.length) {
    const isLeft = right >= b.length || (left < a.length && compare(a[left] as T, b[right] as T) <= 0);
    merged.push((isLeft ? a[left] : b[right]) as T);
    if (isLeft) left += 1;
    else right += 1;
    if (merged.length % SORTED_AT_ONCE === 0) yield;
  }
  return merged;
}
