/** The one source of time. Everything that decides by time takes a Clock, so that tests can hold it still. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** A millisecond instant as a JWT NumericDate: whole seconds, rounded down (RFC 7519 section 2). */
export function toSeconds(instant: number): number {
  return Math.floor(instant / 1000);
}
