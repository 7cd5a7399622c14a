import { closest, distance } from 'fastest-levenshtein';

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
