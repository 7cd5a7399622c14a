import { OAuthError } from '../../core/oauth-error.ts';
import { TargetFailure } from '../../core/target-failure.ts';
import { OutboundError } from '../../outbound/outbound.ts';

/** AWS refuses this workload or this role: only whoever runs the account can mend it. */
const TRUST = ['AccessDenied', 'InvalidIdentityToken', 'IDPRejectedClaim', 'RegionDisabled', 'ValidationError'];
/** What Carnet built does not fit AWS: no caller and no waiting mends it. */
const OUR_FAULT = ['MissingParameter', 'InvalidAction'];
/** The same of a policy that Carnet made; of one that the caller sent, only he can mend it. */
const MALFORMED = 'MalformedPolicyDocument';
/** How large policies and tags are when AWS has packed them nobody can tell before: the mapping's owner can shorten them. */
const TOO_LARGE = 'PackedPolicyTooLarge';
/**
 * Come back later. A fresh assertion or signature expires only where clocks disagree, and a fresh session is unknown only
 * until all of AWS knows it.
 */
const BUSY = [
  'Throttling',
  'Throttled',
  'RequestLimitExceeded',
  'RequestThrottled',
  'TooManyRequests',
  'SlowDown',
  'PriorRequestNotComplete',
  'BandwidthLimitExceeded',
  'ServiceUnavailable',
  'InternalFailure',
  'InternalError',
  'RequestTimeout',
  'IDPCommunicationError',
  'ExpiredToken',
  'RequestExpired',
  'SignatureDoesNotMatch',
  'InvalidClientTokenId',
];
const KNOWN: ReadonlySet<string> = new Set([...TRUST, ...OUR_FAULT, MALFORMED, TOO_LARGE, ...BUSY]);
/** The one text that is read: AWS has no key for the assertion, so it could not fetch Carnet's or does not know the newest yet. */
const WITHOUT_KEY = /^Couldn't retrieve verification key from your identity provider/;
const RETRY_AFTER_SECONDS = 5;
const RETRY_AFTER_THROTTLE_SECONDS = 10;

/** The wire code without the `Exception` that AWS adds for some services and drops for others; undefined when unknown. */
function wireCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const code = thrown.name.replace(/Exception$/, '');
  return KNOWN.has(code) ? code : undefined;
}

/** AWS could not get at Carnet's keys: an outage on the way between the two, whatever the role trusts. */
export function lacksOurKeys(thrown: unknown): boolean {
  const code = wireCode(thrown);
  if (code !== 'InvalidIdentityToken') return code === 'IDPCommunicationError';
  return thrown instanceof Error && WITHOUT_KEY.test(thrown.message);
}

/**
 * What a failed call of STS means to the caller. Only a code that says "refused" is a refusal: whatever cannot be read,
 * a 5xx or a silence is a 503 (DESIGN section 1, promise 5). No text of AWS gets in, only its code; `call` is Carnet's word
 * for the call, and `callersPolicy` says that its session policy is one that the caller sent.
 */
export function fromStsError(
  thrown: unknown,
  { call, callersPolicy }: { call: string; callersPolicy: boolean },
): OAuthError {
  if (thrown instanceof OAuthError) return thrown;
  if (thrown instanceof OutboundError) return unavailable(`${call}: ${thrown.failure}: ${thrown.message}`);
  const status = httpStatus(thrown);
  const code = wireCode(thrown);
  if (code === undefined || status >= 500 || status === 429) {
    return unavailable(`${call}: ${code ?? 'unknown code or unreadable answer'}, HTTP ${status}`, code, status);
  }
  const detail = `${call}: ${code}, HTTP ${status}`;
  if (lacksOurKeys(thrown)) return unavailable(`${detail}; it cannot get at our keys`);
  const ofPolicy = code === MALFORMED || code === TOO_LARGE;
  if (TRUST.includes(code) || (callersPolicy && ofPolicy)) return TargetFailure.denied(detail);
  if (code === TOO_LARGE) return TargetFailure.tooNarrow(detail);
  if (OUR_FAULT.includes(code) || code === MALFORMED) return new OAuthError('internal', { detail });
  return unavailable(detail, code, status);
}

/** An answer of AWS that cannot be used; `rule` is Carnet's own words. */
export function unusableAnswer(rule: string): OAuthError {
  return unavailable(`STS: unusable answer: ${rule}`);
}

function unavailable(detail: string, code?: string, status?: number): OAuthError {
  const throttled = status === 429 || /^(Throttl|RequestLimit|RequestThrottled|TooMany|SlowDown)/.test(code ?? '');
  return throttled
    ? TargetFailure.throttled(detail, RETRY_AFTER_THROTTLE_SECONDS)
    : TargetFailure.transient(detail, RETRY_AFTER_SECONDS);
}

/** 0 when there was no answer that could be read. */
function httpStatus(thrown: unknown): number {
  if (typeof thrown !== 'object' || thrown === null || !('$metadata' in thrown)) return 0;
  const metadata = thrown.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return 0;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : 0;
}
