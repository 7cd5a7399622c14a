import { type FailureClass, TargetFailure } from '../../core/target-failure.ts';
import type { OutboundAnswer } from '../../outbound/outbound.ts';
import { jsonObjectIn, retryAfter } from '../answer.ts';

/**
 * No federated identity credential fits, or none is known yet: for some minutes after one was set up or changed Entra
 * says the same for both, so it is never taken for a lasting refusal (clouds.md 1.3).
 */
const PROPAGATION = [70021, 70025, 700211, 700212, 700213];
/**
 * Entra's own troubles; 90061, 50166 and 501661 are all that it could not fetch Carnet's keys, and 700024 that the
 * assertion, made a moment ago, is out of its time: clocks disagree.
 */
const TRANSIENT = [90006, 90024, 90033, 90061, 50166, 501661, 700024];
const THROTTLED = [90025, 90055];
/** Application, tenant or resource. */
const NOT_FOUND = [700016, 90002, 500011];
const RETRY_AFTER_SECONDS = 5;
const RETRY_AFTER_THROTTLE_SECONDS = 10;
const RETRY_AFTER_PROPAGATION_SECONDS = 30;
const MAX_CODES = 16;

/**
 * What a refusal of Entra means to the caller, by the numbers of `error_codes` and by no text. A number that is not known
 * is a refusal that lasts, as Entra's documentation advises; an answer without numbers is no answer of Entra's, and a
 * 5xx is an outage whatever it says (DESIGN section 1, promise 5).
 */
export function fromEntraRefusal(answer: OutboundAnswer): TargetFailure {
  const { status } = answer;
  const codes = codesOf(answer);
  const said = codes.length === 0 ? 'no error code' : codes.map((code) => `AADSTS${code}`).join(' ');
  const detail = `Entra: ${said}, HTTP ${status}`;
  const failure = classOf(status, codes);
  if (failure === 'throttled') {
    return TargetFailure.throttled(detail, retryAfter(answer) ?? RETRY_AFTER_THROTTLE_SECONDS);
  }
  if (failure === 'transient') return TargetFailure.transient(detail, retryAfter(answer) ?? RETRY_AFTER_SECONDS);
  if (failure === 'propagation') return TargetFailure.transient(detail, RETRY_AFTER_PROPAGATION_SECONDS);
  return failure === 'not_found' ? TargetFailure.notFound(detail) : TargetFailure.denied(detail);
}

/** An answer of Entra that cannot be used; `rule` is Carnet's own words. */
export function unusableAnswer(rule: string): TargetFailure {
  return TargetFailure.transient(`Entra: unusable answer: ${rule}`, RETRY_AFTER_SECONDS);
}

function classOf(status: number, codes: readonly number[]): FailureClass | 'propagation' {
  const says = (numbers: readonly number[]) => codes.some((code) => numbers.includes(code));
  if (status === 429 || says(THROTTLED)) return 'throttled';
  if (status < 400 || status >= 500 || codes.length === 0 || says(TRANSIENT)) return 'transient';
  if (says(PROPAGATION)) return 'propagation';
  return says(NOT_FOUND) ? 'not_found' : 'denied';
}

function codesOf(answer: OutboundAnswer): readonly number[] {
  const codes = jsonObjectIn(answer.body)?.['error_codes'];
  if (!Array.isArray(codes) || codes.length > MAX_CODES) return [];
  return codes.filter((code) => typeof code === 'number' && Number.isSafeInteger(code) && code > 0).map(Number);
}
