import type { GcpGrant } from '../../core/decision.ts';
import type { JsonObject } from '../../core/json.ts';
import { Secret } from '../../core/secret.ts';
import { TargetFailure } from '../../core/target-failure.ts';
import { TokenType } from '../../core/token-types.ts';
import { jsonObjectIn } from '../answer.ts';
import { type GoogleService, unusableAnswer } from './google-error.ts';

/** How far Google's clock and ours may be apart where Google gives an instant. */
const SKEW_MS = 5 * 60 * 1000;
const MAX_TOKEN_LENGTH = 12_288;
const MAX_LIFETIME_SECONDS = 12 * 3600;
/** RFC 6750 section 2.1. */
const BEARER = /^[\w.~+/-]+=*$/;
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;

/** A token as Google answered it, checked. Times in milliseconds. */
export interface GoogleToken {
  readonly token: Secret;
  readonly endsAt: number;
  /** How long it lives at least, by Google's own words and whatever the clocks say. */
  readonly lifetimeMs: number;
}

/** The members of an answer of STS that are read, of whatever type they came. */
type ExchangeAnswer = Readonly<
  Partial<Record<'access_token' | 'issued_token_type' | 'token_type' | 'expires_in', unknown>>
>;

/**
 * An answer of STS. Without `source` the subject was Carnet's assertion; with it, a token of Google, whose end the new one
 * inherits where the answer names none. `askedAt` is when the request left, so that the end is never later than Google's.
 */
export function readExchanged(answer: ExchangeAnswer, askedAt: number, source?: GoogleToken): GoogleToken {
  const { access_token: token, issued_token_type: issued, token_type: type, expires_in: seconds } = answer;
  if (issued !== TokenType.accessToken || typeof type !== 'string' || type.toLowerCase() !== 'bearer') {
    throw unusableAnswer('STS', 'it is no access token');
  }
  const secret = checkedToken(token, BEARER, 'STS');
  if (seconds === undefined && source !== undefined) return { ...source, token: secret };
  if (!isWithin(seconds, 1, MAX_LIFETIME_SECONDS)) throw unusableAnswer('STS', 'expires_in is missing or out of range');
  const lifetimeMs = seconds * 1000;
  return {
    token: secret,
    endsAt: Math.min(askedAt + lifetimeMs, source?.endsAt ?? Number.POSITIVE_INFINITY),
    lifetimeMs: Math.min(lifetimeMs, source?.lifetimeMs ?? Number.POSITIVE_INFINITY),
  };
}

/** An answer of generateAccessToken. */
export function readAccessToken({ accessToken, expireTime }: JsonObject, now: number): GoogleToken {
  const token = checkedToken(accessToken, BEARER, 'IAM Credentials');
  const endsAt = typeof expireTime === 'string' && INSTANT.test(expireTime) ? Date.parse(expireTime) : Number.NaN;
  if (!(endsAt > now)) throw unusableAnswer('IAM Credentials', 'the token has no end or has ended');
  return { token, endsAt, lifetimeMs: endsAt - now - SKEW_MS };
}

/** An answer of generateIdToken: read to see that it is what was asked for; whom it is shown to verifies it. */
export function readIdToken({ token }: JsonObject, grant: GcpGrant, now: number): GoogleToken {
  const secret = checkedToken(token, COMPACT_JWS, 'IAM Credentials');
  const claims = jsonObjectIn(Buffer.from(secret.reveal().split('.')[1] ?? '', 'base64url')) ?? {};
  const { aud, email, iat, exp } = claims;
  if (aud !== grant.idTokenAudience || email !== grant.serviceAccount) {
    throw unusableAnswer('IAM Credentials', 'the ID token is for another audience or account');
  }
  const seconds = now / 1000;
  const skew = SKEW_MS / 1000;
  if (!isWithin(iat, seconds - skew, seconds + skew) || !isWithin(exp, seconds, iat + MAX_LIFETIME_SECONDS)) {
    throw unusableAnswer('IAM Credentials', 'the ID token is of another time');
  }
  return { token: secret, endsAt: exp * 1000, lifetimeMs: (exp - iat) * 1000 };
}

/**
 * When the credential ends, whole seconds: Google's own end, or that of the grant when it is earlier. Throws OAuthError for
 * a token that outlives the grant, or the ceiling where the grant leaves the lifetime to Google.
 */
export function endWithin({ ttlSeconds, ttlCeilingSeconds }: GcpGrant, token: GoogleToken, now: number): number {
  const limitMs = (ttlCeilingSeconds ?? ttlSeconds) * 1000;
  if (token.endsAt <= now) throw unusableAnswer('Google', 'the token has ended');
  if (token.lifetimeMs <= limitMs) return Math.floor(Math.min(token.endsAt, now + limitMs) / 1000);
  if (ttlCeilingSeconds === undefined) throw unusableAnswer('Google', 'the token lives for longer than granted');
  throw TargetFailure.tooLong('the token of Google outlives the maxTtl');
}

function checkedToken(value: unknown, form: RegExp, service: GoogleService): Secret {
  if (typeof value === 'string' && value.length <= MAX_TOKEN_LENGTH && form.test(value)) return new Secret(value);
  throw unusableAnswer(service, 'the token is missing, too long or malformed');
}

function isWithin(value: unknown, least: number, most: number): value is number {
  return Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most;
}
