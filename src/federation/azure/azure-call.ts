import type { Clock } from '../../core/clock.ts';
import { Secret } from '../../core/secret.ts';
import { TargetFailure } from '../../core/target-failure.ts';
import { type Outbound, OutboundError } from '../../outbound/outbound.ts';

/** Above what any policy of a tenant can give (a day) and continuous access evaluation does (28 hours). */
export const MAX_LIFETIME_SECONDS = 48 * 3600;
const PRINTABLE = /^[\x21-\x7e]+$/;

/** What every call of one issuance shares. */
export interface AzureCall {
  readonly outbound: Outbound;
  readonly clock: Clock;
  /** What is left of the deadline of all calls together. */
  readonly timeoutMs: () => number;
}

/** A token out of an answer; undefined when it is not one that can stand in a header. */
export function tokenText(value: unknown): Secret | undefined {
  return typeof value === 'string' && PRINTABLE.test(value) ? new Secret(value) : undefined;
}

/** A call that ended without an answer; anything else passes through. */
export function withoutAnswer(who: string, thrown: unknown): unknown {
  if (!(thrown instanceof OutboundError)) return thrown;
  return TargetFailure.transient(`${who}: ${thrown.failure}: ${thrown.message}`);
}
