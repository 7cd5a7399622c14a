import type { OauthGrant } from '../../core/decision.ts';
import type { JsonObject } from '../../core/json.ts';
import { Secret } from '../../core/secret.ts';
import { TargetFailure } from '../../core/target-failure.ts';
import { TokenType } from '../../core/token-types.ts';
import type { OutboundAnswer } from '../../outbound/outbound.ts';
import { jsonObjectOf } from './json-answer.ts';
import { fromErrorAnswer, tooMuch, unusableAnswer } from './oauth-failure.ts';

/** `b64token` of RFC 6750 section 2.1: what an Authorization header can carry as a Bearer token. */
const BEARER_TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;
/** 68 years; what is above it is no lifetime, and no date either. */
const MAX_LIFETIME_SECONDS = 2 ** 31 - 1;

/** A token as the server answered it, checked. */
export interface GrantedToken {
  readonly accessToken: Secret;
  /** Seconds from when it was asked for. */
  readonly lifetimeSeconds: number;
}

/**
 * Reads the answer of a token endpoint as hostile input: a Bearer access token of no more scope and no longer life than
 * granted. Throws TargetFailure.
 */
export function readToken(answer: OutboundAnswer, grant: OauthGrant): GrantedToken {
  if (answer.status !== 200) throw fromErrorAnswer(answer);
  const members = jsonObjectOf(answer);
  if (members === undefined) throw unusableAnswer('it is no JSON object');
  const { access_token: token, token_type: type } = members;
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer') throw unusableAnswer('token_type is not Bearer');
  if (typeof token !== 'string' || !BEARER_TOKEN.test(token)) throw unusableAnswer('access_token is no Bearer token');
  assertIssuedType(members, grant);
  assertScope(members, grant);
  return { accessToken: new Secret(token), lifetimeSeconds: lifetimeOf(members, grant) };
}

/** RFC 8693 section 2.2.1 requires the member; an answer to the other grant does not know it. */
function assertIssuedType({ issued_token_type: type }: JsonObject, { grantType }: OauthGrant): void {
  if (type === undefined && grantType === 'jwt-bearer') return;
  if (type !== TokenType.accessToken) throw unusableAnswer('issued_token_type is not the one asked for');
}

/** A server leaves `scope` out where it gives what was asked (RFC 6749 section 5.1), and decides where none was. */
function assertScope({ scope }: JsonObject, { scopes }: OauthGrant): void {
  if (scope === undefined || scopes.length === 0) return;
  if (typeof scope !== 'string') throw unusableAnswer('scope is no text');
  const given = scope.split(' ').filter((word) => word !== '');
  if (!given.every((word) => scopes.includes(word))) throw tooMuch('the scope is wider than asked');
}

/**
 * The token's own lifetime. One that the server does not tell counts as endless: it is dropped unless the mapping accepts
 * whatever the server gives and no guardrail caps it, and then said to end with the grant, so that the workload asks
 * again instead of relying on it.
 */
function lifetimeOf({ expires_in: said }: JsonObject, { ttlSeconds, ttlCeilingSeconds }: OauthGrant): number {
  const whole = typeof said === 'number' && Number.isInteger(said) && said > 0 && said <= MAX_LIFETIME_SECONDS;
  if (said !== undefined && !whole) throw unusableAnswer('expires_in is no lifetime in whole seconds');
  const lifetime = whole ? said : Number.POSITIVE_INFINITY;
  if (lifetime > (ttlCeilingSeconds ?? ttlSeconds)) {
    throw ttlCeilingSeconds === undefined
      ? tooMuch('the token lives longer than granted')
      : TargetFailure.tooLong('OAuth server: the token outlives the maxTtl');
  }
  return whole ? said : ttlSeconds;
}
