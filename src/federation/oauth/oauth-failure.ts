import { OAuthError } from '../../core/oauth-error.ts';
import { TargetFailure } from '../../core/target-failure.ts';
import { type OutboundAnswer, OutboundError } from '../../outbound/outbound.ts';
import { retryAfter } from '../answer.ts';
import { jsonObjectOf } from './json-answer.ts';

/**
 * The server knows what it was asked and refuses (RFC 6749 section 5.2, RFC 7521 section 4.1, RFC 8693 section 2.2.2,
 * which has `invalid_request` for a subject token that is not accepted).
 */
const DENIED: ReadonlySet<string> = new Set([
  'access_denied',
  'invalid_client',
  'invalid_grant',
  'invalid_request',
  'invalid_scope',
  'invalid_target',
  'unauthorized_client',
  'unsupported_grant_type',
]);
const BUSY: ReadonlySet<string> = new Set(['server_error', 'slow_down', 'temporarily_unavailable']);
const RETRY_AFTER_SECONDS = 5;
const RETRY_AFTER_THROTTLE_SECONDS = 10;

/**
 * What an answer other than success means. Only a code that says "refused", in a 4xx, is a refusal: whatever cannot be
 * read is a 503 (DESIGN section 1, promise 5). No text of the server gets in, only a code of the lists above.
 */
export function fromErrorAnswer(answer: OutboundAnswer): TargetFailure {
  const { status } = answer;
  const code = knownCode(answer);
  const detail = `OAuth server: ${code ?? 'unknown code or unreadable answer'}, HTTP ${status}`;
  if (status === 429 || code === 'slow_down') {
    return TargetFailure.throttled(detail, retryAfter(answer) ?? RETRY_AFTER_THROTTLE_SECONDS);
  }
  const refused = status >= 400 && status < 500 && code !== undefined && DENIED.has(code);
  if (refused) return TargetFailure.denied(detail);
  return TargetFailure.transient(detail, retryAfter(answer) ?? RETRY_AFTER_SECONDS);
}

/** No answer at all. What Carnet did not foresee stays what it is. */
export function fromNoAnswer(thrown: unknown): OAuthError {
  if (!(thrown instanceof OutboundError)) return OAuthError.from(thrown);
  return TargetFailure.transient(`OAuth server: ${thrown.failure}: ${thrown.message}`, RETRY_AFTER_SECONDS);
}

/** An answer that cannot be used; `rule` is Carnet's own words. */
export function unusableAnswer(rule: string): TargetFailure {
  return TargetFailure.transient(`OAuth server: unusable answer: ${rule}`, RETRY_AFTER_SECONDS);
}

/** The server gives more than was granted, and would again: what it gave is dropped. */
export function tooMuch(rule: string): TargetFailure {
  return TargetFailure.denied(`OAuth server: it gives more than granted: ${rule}`);
}

function knownCode(answer: OutboundAnswer): string | undefined {
  const code = jsonObjectOf(answer)?.['error'];
  return typeof code === 'string' && (DENIED.has(code) || BUSY.has(code)) ? code : undefined;
}
