import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { OAuthError } from '../../core/oauth-error.ts';
import { TargetFailure } from '../../core/target-failure.ts';
import { type OutboundAnswer, OutboundError } from '../../outbound/outbound.ts';
import { jsonObjectIn, retryAfter } from '../answer.ts';

/** Google refuses this workload, account, scope or lifetime: whoever runs the project or the mapping can mend it. */
const DENIED = [
  'invalid_grant',
  'invalid_target',
  'invalid_scope',
  'unauthorized_client',
  'PERMISSION_DENIED',
  'FAILED_PRECONDITION',
  'INVALID_ARGUMENT',
];
/** What Carnet built does not fit Google: no caller and no waiting mends it. */
const OUR_FAULT = ['invalid_request', 'unsupported_grant_type'];
/** Come back later; `UNAUTHENTICATED` because the token that it speaks of was issued a moment ago. */
const BUSY = ['UNAVAILABLE', 'INTERNAL', 'DEADLINE_EXCEEDED', 'ABORTED', 'CANCELLED', 'UNKNOWN', 'UNAUTHENTICATED'];
const KNOWN: ReadonlySet<string> = new Set([...DENIED, ...OUR_FAULT, ...BUSY, 'NOT_FOUND', 'RESOURCE_EXHAUSTED']);
/** The one text that is read: Google says by it alone that it could not fetch Carnet's discovery document or keys. */
const ISSUER_OUT_OF_REACH = /^Error connecting to the given credential's issuer/;
const RETRY_AFTER_SECONDS = 5;
const RETRY_AFTER_THROTTLE_SECONDS = 10;

/** Which of Google's services answered. */
export type GoogleService = 'STS' | 'IAM Credentials';

/** A refusal as far as it is read: codes and numbers of Google and none of its texts. */
export class GoogleError extends Error {
  override readonly name = 'GoogleError';
  readonly status: number;
  /** Of OAuth (`invalid_grant`) or of google.rpc (`PERMISSION_DENIED`); undefined when unknown or unreadable. */
  readonly code: string | undefined;
  readonly issuerOutOfReach: boolean;
  readonly retryAfterSeconds: number | undefined;
  /** What Google's clock said, milliseconds. */
  readonly answeredAt: number | undefined;

  constructor(service: GoogleService, answer: OutboundAnswer) {
    const { status, headers, body } = answer;
    const { code, text } = codeIn(body);
    super(`${service}: ${code ?? 'unknown code or unreadable answer'}, HTTP ${status}`);
    this.status = status;
    this.code = code;
    this.issuerOutOfReach = code === 'invalid_grant' && ISSUER_OUT_OF_REACH.test(text);
    this.retryAfterSeconds = retryAfter(answer);
    this.answeredAt = instantIn(headers['date']);
  }
}

/**
 * What a failed flight means to the caller. Only a code that says "refused" is a refusal: whatever cannot be read, a 5xx
 * or a silence is a 503 (DESIGN section 1, promise 5), and so is an assertion refused by a clock outside its life.
 */
export function fromGoogleError(thrown: unknown, assertion: JsonObject): unknown {
  if (thrown instanceof OutboundError) return transient(`${thrown.failure}: ${thrown.message}`);
  if (!(thrown instanceof GoogleError)) return thrown;
  const { status, code, message: detail } = thrown;
  if (status === 429 || code === 'RESOURCE_EXHAUSTED') {
    return TargetFailure.throttled(detail, thrown.retryAfterSeconds ?? RETRY_AFTER_THROTTLE_SECONDS);
  }
  if (status >= 500 || thrown.issuerOutOfReach || code === undefined || BUSY.includes(code)) {
    return transient(detail, thrown.retryAfterSeconds);
  }
  if (code === 'NOT_FOUND') return TargetFailure.notFound(detail);
  if (OUR_FAULT.includes(code)) return new OAuthError('internal', { detail });
  if (code === 'invalid_grant' && isOutsideLife(thrown.answeredAt, assertion)) {
    return transient(`${detail}; its clock and ours disagree`);
  }
  return TargetFailure.denied(detail);
}

/** A refusal of a boundary that the caller sent: only he can mend it. */
export function fromBoundaryError(thrown: unknown): unknown {
  const isRefused = thrown instanceof GoogleError && thrown.code === 'invalid_request' && thrown.status < 429;
  return isRefused ? TargetFailure.denied(thrown.message) : thrown;
}

/** An answer of Google that cannot be used; `rule` is Carnet's own words. */
export function unusableAnswer(service: GoogleService | 'Google', rule: string): TargetFailure {
  return transient(`${service}: unusable answer: ${rule}`);
}

function transient(detail: string, retryAfterSeconds = RETRY_AFTER_SECONDS): TargetFailure {
  return TargetFailure.transient(detail, retryAfterSeconds);
}

/** STS answers in OAuth's form, or like all of Google in that of google.rpc. */
function codeIn(body: Buffer): { code: string | undefined; text: string } {
  const { error, error_description: text } = jsonObjectIn(body) ?? {};
  const code = isJsonObject(error) ? error['status'] : error;
  return {
    code: typeof code === 'string' && KNOWN.has(code) ? code : undefined,
    text: typeof text === 'string' ? text : '',
  };
}

function instantIn(header: string | undefined): number | undefined {
  const instant = Date.parse(header ?? '');
  return Number.isNaN(instant) ? undefined : instant;
}

function isOutsideLife(instant: number | undefined, { iat, exp }: JsonObject): boolean {
  return instant !== undefined && (instant < Number(iat) * 1000 || instant >= Number(exp) * 1000);
}
