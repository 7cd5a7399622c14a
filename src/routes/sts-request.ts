import type { CallerNarrowing } from '../core/decision.ts';
import { OAuthError } from '../core/oauth-error.ts';
import { Secret } from '../core/secret.ts';
import { TokenType } from '../core/token-types.ts';
import type { ExchangeRequest } from '../exchange/exchange-request.ts';
import type { Form } from './form.ts';
import { MAX_TOKEN_BYTES } from './token-request.ts';

/** Limits of AssumeRoleWithWebIdentity (clouds.md 2.1). */
const ROLE_ARN = /^arn:[\x21-\x7e]{16,2044}$/;
const SESSION_NAME = /^[\w+=,.@-]{2,64}$/;
const POLICY = /^[\t\n\r\x20-\xff]{1,2048}$/;
const POLICY_ARN = /^arn:[\x21-\x7e]{16,2044}$/;
const POLICY_ARN_NAME = /^PolicyArns\.member\.(?:[1-9]|10)\.arn$/;
const SECONDS = /^[0-9]{3,5}$/;
const MIN_TOKEN_LENGTH = 4;

const NAMES: ReadonlySet<string> = new Set([
  'Action',
  'Version',
  'RoleArn',
  'RoleSessionName',
  'WebIdentityToken',
  'DurationSeconds',
  'Policy',
]);

/** Parameters that have a meaning here. */
export const STS_PARAMETERS = { has: (name: string): boolean => NAMES.has(name) || POLICY_ARN_NAME.test(name) };

function wrong(detail: string): OAuthError {
  return new OAuthError('sts_parameter', { detail });
}

/** The value of a parameter, undefined where it is absent. Throws `sts_parameter` where it is outside its limits. */
function optional(form: Form, name: string, limits: RegExp): string | undefined {
  const value = form.get(name)?.[0];
  if (value !== undefined && !limits.test(value)) throw wrong(`${name} is outside its limits`);
  return value;
}

function required(form: Form, name: string, limits: RegExp): string {
  const value = optional(form, name, limits);
  if (value === undefined) throw wrong(`${name} is missing`);
  return value;
}

function assertAction(form: Form): void {
  const [action] = form.get('Action') ?? [];
  const [version] = form.get('Version') ?? [];
  if (action !== 'AssumeRoleWithWebIdentity' || version !== '2011-06-15') throw new OAuthError('sts_action');
}

/** What is unknown might narrow, so nothing is passed over: `ProviderId`, which is for OAuth 2.0 tokens, included. */
function assertKnown(form: Form): void {
  for (const name of form.keys()) {
    if (!STS_PARAMETERS.has(name)) throw wrong('an unknown parameter');
  }
}

function subjectToken(form: Form): Secret {
  // Some SDKs send the line end of the file along (clouds.md 3.2).
  const token = (form.get('WebIdentityToken')?.[0] ?? '').trim();
  if (token.length < MIN_TOKEN_LENGTH) throw wrong('WebIdentityToken is missing or too short');
  if (Buffer.byteLength(token) > MAX_TOKEN_BYTES) throw new OAuthError('parameter_too_large');
  return new Secret(token);
}

function durationSeconds(form: Form): { readonly ttlSeconds?: number } {
  const text = optional(form, 'DurationSeconds', SECONDS);
  if (text === undefined) return {};
  const ttlSeconds = Number(text);
  if (ttlSeconds < 900 || ttlSeconds > 43_200) throw wrong('DurationSeconds is outside its limits');
  return { ttlSeconds };
}

function narrowing(form: Form): { readonly narrowing?: CallerNarrowing } {
  const policy = optional(form, 'Policy', POLICY);
  const names = [...form.keys()].filter((name) => POLICY_ARN_NAME.test(name));
  const policyArns = names.map((name) => required(form, name, POLICY_ARN));
  if (policy === undefined && policyArns.length === 0) return {};
  return { narrowing: { kind: 'aws', ...(policy !== undefined && { policy }), policyArns } };
}

/**
 * The request that a form of AWS STS holds: the role selects the mapping, the duration and the policies are wishes, and
 * the session's name is the mapping's, whatever the caller calls it. Throws OAuthError.
 */
export function stsRequest(form: Form): ExchangeRequest {
  assertAction(form);
  assertKnown(form);
  required(form, 'RoleSessionName', SESSION_NAME);
  return {
    subjectToken: subjectToken(form),
    subjectTokenType: TokenType.jwt,
    ask: {
      address: required(form, 'RoleArn', ROLE_ARN),
      requestedTokenType: TokenType.awsCredentials,
      scopes: [],
      ...durationSeconds(form),
      ...narrowing(form),
    },
  };
}
