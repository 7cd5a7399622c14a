import { closest, distance } from 'fastest-levenshtein';
import { lazily } from '../core/lazily.ts';

/** Longer texts are nobody's typing error, and comparing them costs time. */
const MAX_COMPARED = 64;

/** The known name that somebody probably meant, when one is near enough. */
export function nearestName(text: string, known: readonly string[]): string | undefined {
  if (text.length > MAX_COMPARED || known.length === 0) return undefined;
  const nearest = closest(text.toLowerCase(), known);
  const candidates = [nearest, ...known.filter((name) => name.toLowerCase() === text.toLowerCase())];
  const best = candidates.at(-1) ?? nearest;
  return distance(text.toLowerCase(), best.toLowerCase()) <= Math.max(2, best.length / 3) ? best : undefined;
}

/** Names compared for the hints of one compilation: a second's work at most. */
const MAX_COMPARISONS = 100_000;

/** Finds what was meant for the unknown names of a whole set of documents; once that has cost too much, it finds nothing. */
export class NearestNames {
  readonly #known: ReadonlySet<string>;
  readonly #sorted: () => readonly string[];
  readonly #found = new Map<string, string | undefined>();
  #comparisons = 0;

  constructor(known: ReadonlySet<string>) {
    this.#known = known;
    // Of names that are equally near it is always the same one.
    this.#sorted = lazily(() => [...known].sort());
  }

  of(text: string): string | undefined {
    if (this.#found.has(text)) return this.#found.get(text);
    this.#comparisons += this.#known.size;
    const found = this.#comparisons > MAX_COMPARISONS ? undefined : nearestName(text, this.#sorted());
    this.#found.set(text, found);
    return found;
  }
}
