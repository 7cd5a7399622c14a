import { toSeconds } from '../core/clock.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import { type ErrorKey, OAuthError } from '../core/oauth-error.ts';
import type { TrustedIssuer } from '../resources/issuers.ts';

/** The claims every subject token needs, checked; what a platform adds is its profile's business. */
export interface CheckedClaims {
  readonly subject: string;
  /** Seconds, whole, rounded down. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly jti: string | undefined;
}

/** What a profile knows about time beyond RFC 7519. */
export interface TimeRules {
  /** `warnafter`: the token ends there when that is earlier than `exp` (K22). */
  readonly endsBy?: number | undefined;
  readonly nbfRequired?: boolean;
}

const MAX_AUDIENCES = 16;

/**
 * The claims schema (V8, V9, K20 to K22). A token that is not good by itself is none. Audiences are compared to
 * configuration, exactly. Times are finite numbers; fractions are legal (RFC 7519 section 2) and round against the token.
 *
 * Throws OAuthError `token_claims`, `token_audience`, `token_expired`, `token_not_yet_valid` or `token_lifetime`.
 */
export function checkClaims(
  claims: JsonObject,
  issuer: TrustedIssuer,
  now: number,
  rules: TimeRules = {},
): CheckedClaims {
  const refuse = (key: ErrorKey, detail: string) => new OAuthError(key, { detail, issuer: issuer.name });
  const { sub, jti, cnf, act, may_act: mayAct } = claims;
  // Good only with the proof of a key (RFC 7800, D13) or with an actor (RFC 8693 sections 4.1 and 4.4, D2, D5): nothing
  // here asks for either, and what is issued would no longer say so.
  if (cnf !== undefined || act !== undefined || mayAct !== undefined) {
    throw refuse('token_claims', 'cnf, act or may_act: the token is not good by itself');
  }
  if (typeof sub !== 'string' || sub === '') throw refuse('token_claims', 'sub is not a non-empty string');
  if (jti !== undefined && (typeof jti !== 'string' || jti === '')) {
    throw refuse('token_claims', 'jti is not a non-empty string');
  }
  checkAudience(claims['aud'], issuer, refuse);
  return { subject: sub, jti, ...checkTimes(claims, issuer, now, rules, refuse) };
}

type Refuse = (key: ErrorKey, detail: string) => OAuthError;

function checkAudience(aud: JsonValue | undefined, issuer: TrustedIssuer, refuse: Refuse): void {
  const audiences: readonly JsonValue[] = typeof aud === 'string' ? [aud] : Array.isArray(aud) ? aud : [];
  if (audiences.length === 0) throw refuse('token_audience', 'aud is missing, empty, or neither text nor array');
  if (audiences.length > MAX_AUDIENCES) throw refuse('token_audience', `aud has more than ${MAX_AUDIENCES} members`);
  if (!audiences.every((one) => typeof one === 'string' && one !== '')) {
    throw refuse('token_audience', 'aud has a member that is not a non-empty string');
  }
  if (!audiences.some((one) => issuer.audiences.includes(one as string))) {
    throw refuse('token_audience', 'no member of aud is an audience of this issuer');
  }
  if (audiences.length > 1 && !issuer.allowExtraAudiences) {
    throw refuse('token_audience', 'aud names more than this service');
  }
}

function checkTimes(claims: JsonObject, issuer: TrustedIssuer, now: number, rules: TimeRules, refuse: Refuse) {
  const number = (name: string): number => {
    const value = claims[name];
    if (typeof value !== 'number' || !Number.isFinite(value)) throw refuse('token_claims', `${name} is not a number`);
    return value;
  };
  const exp = number('exp');
  const iat = number('iat');
  const nbf = claims['nbf'] !== undefined || rules.nbfRequired === true ? number('nbf') : iat;
  const end = Math.min(exp, rules.endsBy ?? exp);
  const skew = issuer.clockSkewSeconds;
  if (end <= iat) throw refuse('token_claims', 'the token ends before it begins');
  if (end - iat > issuer.maxTokenLifetimeSeconds) {
    throw refuse('token_lifetime', `lives ${Math.ceil(end - iat)} s, longer than ${issuer.maxTokenLifetimeSeconds} s`);
  }
  if (iat > toSeconds(now) + skew) throw refuse('token_not_yet_valid', 'iat is in the future');
  if (nbf > toSeconds(now) + skew) throw refuse('token_not_yet_valid', 'nbf is in the future');
  if (end <= now / 1000 - skew) {
    throw refuse('token_expired', end < exp ? 'warnafter has passed' : 'exp has passed');
  }
  return { issuedAt: Math.floor(iat), expiresAt: Math.floor(end) };
}
