import { duration, durationSeconds } from '../../resources/duration.ts';

const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?Z$/;

/** What an instant of a window may look like, for people. */
export const INSTANT_FORM = 'an RFC 3339 instant in UTC, or a duration ago such as 24h or 7d';

/** An instant, or how long before `now` it was, in milliseconds; undefined for what is neither. */
export function instantFrom(text: string, now: number): number | undefined {
  if (duration.safeParse(text).success) return Math.max(0, now - durationSeconds(text) * 1000);
  const instant = INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  return instant >= 0 ? instant : undefined;
}
