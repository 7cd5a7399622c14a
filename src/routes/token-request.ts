import type { Ask } from '../core/decision.ts';
import { OAuthError } from '../core/oauth-error.ts';
import { Secret } from '../core/secret.ts';
import { GRANT_TYPE_TOKEN_EXCHANGE, JWT_SVID_ALIAS, TokenType } from '../core/token-types.ts';
import type { ExchangeRequest } from '../exchange/exchange-request.ts';
import type { Form } from './form.ts';

/** Largest token parameter in bytes (T8). */
export const MAX_TOKEN_BYTES = 16 * 1024;

/** Parameters that may be sent more than once (RFC 8693 section 2.1); how many targets one request names is P8. */
export const REPEATABLE: ReadonlySet<string> = new Set(['audience', 'resource']);

/** Parameters of client authentication, which this endpoint does not take. */
const CLIENT_AUTHENTICATION = ['client_secret', 'client_assertion', 'client_assertion_type'] as const;

/** Every parameter of the token endpoint that means anything; all others are ignored (T7). */
export const TOKEN_PARAMETERS = [
  'grant_type',
  'subject_token',
  'subject_token_type',
  'audience',
  'resource',
  'requested_token_type',
  'requested_expires_in',
  'scope',
  'actor_token',
  'actor_token_type',
  'client_id',
] as const;

/** Names that mean something here; in a URL's query they are refused (T4). */
export const RECOGNISED: ReadonlySet<string> = new Set([...TOKEN_PARAMETERS, ...CLIENT_AUTHENTICATION]);

const MAPPING_ADDRESS = /^urn:carnet:mapping:([a-z0-9.-]{1,127})$/;
/** RFC 3986 section 4.3, an absolute URI: checked on the text as it came, since `#` alone vanishes in parsing (P6). */
const ABSOLUTE_URI = /^[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9\-._~:/?[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/;
/** RFC 6749 section 3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/;
const SECONDS = /^[0-9]{1,10}$/;
const TOKENS = ['subject_token', 'actor_token'] as const;

function one(form: Form, name: string): string | undefined {
  return form.get(name)?.[0];
}

function assertTokenSizes(form: Form): void {
  for (const name of TOKENS) {
    if (Buffer.byteLength(one(form, name) ?? '') > MAX_TOKEN_BYTES) throw new OAuthError('parameter_too_large');
  }
}

function assertGrantType(form: Form): void {
  const grantType = one(form, 'grant_type');
  if (grantType === undefined) throw new OAuthError('grant_type_missing');
  if (grantType !== GRANT_TYPE_TOKEN_EXCHANGE) throw new OAuthError('grant_type_unsupported');
}

function assertNoActor(form: Form): void {
  const paired = form.has('actor_token') === form.has('actor_token_type');
  if (!paired) throw new OAuthError('actor_token_pairing');
  if (form.has('actor_token')) throw new OAuthError('actor_token_unsupported');
}

/** The type as named, never guessed from the token (P2, P3). */
function subjectTokenType(text: string): ExchangeRequest['subjectTokenType'] {
  if (text === TokenType.jwt || text === TokenType.idToken) return text;
  throw new OAuthError('subject_token_type_unsupported');
}

function requestedTokenType(text: string | undefined): Pick<Ask, 'requestedTokenType'> {
  if (text === undefined) return {};
  if (text === JWT_SVID_ALIAS) return { requestedTokenType: TokenType.jwtSvid };
  const known = Object.values(TokenType).find((type) => type === text);
  if (known === undefined) throw new OAuthError('requested_token_type_unsupported');
  return { requestedTokenType: known };
}

function ttl(text: string | undefined): Pick<Ask, 'ttlSeconds'> {
  if (text === undefined) return {};
  const seconds = SECONDS.test(text) ? Number(text) : 0;
  if (seconds === 0) throw new OAuthError('requested_expires_in_malformed');
  return { ttlSeconds: seconds };
}

/** An address as policy compares it: `urn:carnet:mapping:<name>` is the name, all else stands byte for byte (P6, P7). */
export function mappingAddress(text: string): string {
  return MAPPING_ADDRESS.exec(text)?.[1] ?? text;
}

function address(form: Form): string {
  const resources = form.get('resource') ?? [];
  const [first, second] = [...(form.get('audience') ?? []), ...resources];
  if (first === undefined) throw new OAuthError('target_missing');
  if (second !== undefined) throw new OAuthError('target_repeated');
  if (resources.length > 0 && !ABSOLUTE_URI.test(first)) throw new OAuthError('resource_malformed');
  return mappingAddress(first);
}

function scopes(text: string | undefined): readonly string[] {
  if (text === undefined) return [];
  if (!SCOPE.test(text)) throw new OAuthError('scope_refused', { detail: 'characters outside RFC 6749 section 3.3' });
  return text.split(' ');
}

/**
 * The subject token of a form and its type, whatever is asked for with it. Checks run in the fixed order of E14 and the
 * first failure wins; whether the request carried an Authorization header is part of that order.
 */
export function subjectOf(form: Form, authorized: boolean): Omit<ExchangeRequest, 'ask'> {
  assertTokenSizes(form);
  assertGrantType(form);
  if (authorized || CLIENT_AUTHENTICATION.some((name) => form.has(name))) throw new OAuthError('client_authentication');
  const token = one(form, 'subject_token');
  if (token === undefined) throw new OAuthError('subject_token_missing');
  const type = one(form, 'subject_token_type');
  if (type === undefined) throw new OAuthError('subject_token_type_missing');
  assertNoActor(form);
  return { subjectToken: new Secret(token), subjectTokenType: subjectTokenType(type) };
}

/** The request that a form holds (RFC 8693 section 2.1). */
export function tokenRequest(form: Form, authorized: boolean): ExchangeRequest {
  const subject = subjectOf(form, authorized);
  const type = requestedTokenType(one(form, 'requested_token_type'));
  const seconds = ttl(one(form, 'requested_expires_in'));
  return { ...subject, ask: { address: address(form), scopes: scopes(one(form, 'scope')), ...type, ...seconds } };
}
