import type { Clock } from '../core/clock.ts';

/**
 * Starts the one deadline of several calls: what is left of it in milliseconds. The clock may be set while they run, so
 * that is never more than the whole and never nothing.
 */
export function startDeadline(clock: Clock, wholeMs: number): () => number {
  const endsAt = clock.now() + wholeMs;
  return () => Math.max(1, Math.min(wholeMs, endsAt - clock.now()));
}
