import type { Clock } from '../../core/clock.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { Secret } from '../../core/secret.ts';
import { TargetFailure } from '../../core/target-failure.ts';
import { type Outbound, type OutboundAnswer, OutboundError } from '../../outbound/outbound.ts';

export const MAX_ANSWER_BYTES = 64 * 1024;
/** Above what any policy of a tenant can give (a day) and continuous access evaluation does (28 hours). */
export const MAX_LIFETIME_SECONDS = 48 * 3600;
/** Longer waits than this are not passed on: whoever waits so long may as well ask once too often. */
const MAX_RETRY_AFTER_SECONDS = 300;
const PRINTABLE = /^[\x21-\x7e]+$/;

/** What every call of one issuance shares. */
export interface AzureCall {
  readonly outbound: Outbound;
  readonly clock: Clock;
  /** What is left of the deadline of all calls together. */
  readonly timeoutMs: () => number;
}

/** Starts the one deadline of an issuance. */
export function azureCall(outbound: Outbound, clock: Clock, timeoutMs: number): AzureCall {
  const deadlineAt = clock.now() + timeoutMs;
  // The clock may be set while a call runs; what is left is never more than the whole and never nothing.
  return { outbound, clock, timeoutMs: () => Math.max(1, Math.min(timeoutMs, deadlineAt - clock.now())) };
}

/** The JSON object of an answer, or undefined when it is something else. */
export function jsonBody({ body }: OutboundAnswer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A token out of an answer; undefined when it is not one that can stand in a header. */
export function tokenText(value: unknown): Secret | undefined {
  return typeof value === 'string' && PRINTABLE.test(value) ? new Secret(value) : undefined;
}

/** Seconds of `Retry-After` (RFC 9110 section 10.2.3, delta-seconds only), bounded; `otherwise` when it says none. */
export function retryAfter({ headers }: OutboundAnswer, otherwise: number): number {
  const text = headers['retry-after'] ?? '';
  if (!/^\d{1,9}$/.test(text)) return otherwise;
  return Math.min(Math.max(Number(text), 1), MAX_RETRY_AFTER_SECONDS);
}

/** A call that ended without an answer; anything else passes through. */
export function withoutAnswer(who: string, thrown: unknown): unknown {
  if (!(thrown instanceof OutboundError)) return thrown;
  return TargetFailure.transient(`${who}: ${thrown.failure}: ${thrown.message}`);
}
