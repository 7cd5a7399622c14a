import { decodeJwt } from 'jose';
import type { AzureGrant } from '../../core/decision.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { OAuthError } from '../../core/oauth-error.ts';
import type { Secret } from '../../core/secret.ts';
import { TargetFailure } from '../../core/target-failure.ts';
import type { OutboundAnswer } from '../../outbound/outbound.ts';
import { jsonObjectIn, MAX_ANSWER_BYTES, retryAfter } from '../answer.ts';
import { type AzureCall, MAX_LIFETIME_SECONDS, tokenText, withoutAnswer } from './azure-call.ts';

/** Login servers of Azure Container Registry, public and sovereign: an Entra token goes to no other host. */
const LOGIN_SERVER = /^[a-z0-9][a-z0-9-]{2,62}\.azurecr\.(?:io|cn|us)$/;
const REPOSITORY = /^[a-z0-9]+(?:[._/-]+[a-z0-9]+)*$/;
const RETRY_AFTER_SECONDS = 5;
const RETRY_AFTER_THROTTLE_SECONDS = 10;

type Registry = NonNullable<AzureGrant['registry']>;

/** A registry's access token, checked. */
export interface RegistryToken {
  readonly token: Secret;
  /** Seconds since the epoch, by the registry's clock. */
  readonly expiresAt: number;
  readonly lifetimeSeconds: number;
}

/**
 * Exchanges a token of Entra for one of the registry that pulls the granted repositories and does nothing else. The
 * refresh token in between, which could get others for hours, stays here. Throws OAuthError.
 */
export async function registryToken(
  call: AzureCall,
  { tenant, registry }: { readonly tenant: string; readonly registry: Registry },
  entraToken: Secret,
): Promise<RegistryToken> {
  assertGrantable(registry);
  const { host, repositories } = registry;
  const refreshToken = await post(call, host, 'exchange', 'refresh_token', {
    grant_type: 'access_token',
    service: host,
    tenant,
    access_token: entraToken.reveal(),
  });
  const token = await post(call, host, 'token', 'access_token', {
    grant_type: 'refresh_token',
    service: host,
    scope: repositories.map((name) => `repository:${name}:pull`).join(' '),
    refresh_token: refreshToken.reveal(),
  });
  return { token, ...readClaims(token, registry) };
}

/** Policy has seen to all of this; a scope that says more than it seems to must not pass all the same. */
function assertGrantable({ host, repositories }: Registry): void {
  if (LOGIN_SERVER.test(host) && repositories.length > 0 && repositories.every((name) => REPOSITORY.test(name))) return;
  throw new OAuthError('internal', { detail: 'the grant names no registry of Azure or no legal repository' });
}

async function post(
  { outbound, timeoutMs }: AzureCall,
  host: string,
  step: 'exchange' | 'token',
  wanted: string,
  form: Readonly<Record<string, string>>,
): Promise<Secret> {
  const answer = await outbound
    .request({
      url: `https://${host}/oauth2/${step}`,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form).toString(),
      maxBytes: MAX_ANSWER_BYTES,
      timeoutMs: timeoutMs(),
      purpose: 'azure',
    })
    .catch((thrown: unknown) => {
      throw withoutAnswer('registry', thrown);
    });
  if (answer.status !== 200) throw refusalOf(answer, step);
  const token = tokenText(jsonObjectIn(answer.body)?.[wanted]);
  if (token === undefined) throw unusableAnswer(`${wanted} is missing or not printable`);
  return token;
}

/** By the status and the form of an answer: what has no body of JSON does not come from the registry. */
function refusalOf(answer: OutboundAnswer, step: string): TargetFailure {
  const detail = `registry: ${step}, HTTP ${answer.status}`;
  if (answer.status === 429) return TargetFailure.throttled(detail, retryAfter(answer) ?? RETRY_AFTER_THROTTLE_SECONDS);
  const refused = answer.status >= 400 && answer.status < 500 && jsonObjectIn(answer.body) !== undefined;
  if (!refused) return TargetFailure.transient(detail, retryAfter(answer) ?? RETRY_AFTER_SECONDS);
  return answer.status === 404 ? TargetFailure.notFound(detail) : TargetFailure.denied(detail);
}

/** The registry says in the token alone how long it lives and what it is good for; nobody else can verify it. */
function readClaims(token: Secret, { host, repositories }: Registry): Omit<RegistryToken, 'token'> {
  const { aud, iat, exp, access } = payloadOf(token);
  const lifetimeSeconds = Number.isSafeInteger(iat) && Number.isSafeInteger(exp) ? Number(exp) - Number(iat) : 0;
  if (lifetimeSeconds < 1) throw unusableAnswer('the token has no lifetime');
  if (lifetimeSeconds > MAX_LIFETIME_SECONDS) throw unusableAnswer('the lifetime of the token is out of range');
  if (aud !== undefined && aud !== host) throw unusableAnswer('the token is for another registry');
  if (access !== undefined) assertNoWider(access, repositories);
  return { expiresAt: Number(exp), lifetimeSeconds };
}

function payloadOf(token: Secret): JsonObject {
  try {
    return decodeJwt(token.reveal()) as JsonObject;
  } catch {
    throw unusableAnswer('the token is no JWT');
  }
}

function assertNoWider(access: unknown, repositories: readonly string[]): void {
  if (!Array.isArray(access)) throw unusableAnswer('access is no list');
  if (access.length === 0) throw TargetFailure.denied('registry: the token is good for nothing');
  for (const entry of access) {
    // The registry has written these names in both cases.
    const members = isJsonObject(entry)
      ? new Map(Object.entries(entry).map(([name, value]) => [name.toLowerCase(), value]))
      : new Map();
    const actions: unknown = members.get('actions');
    const pullOnly = Array.isArray(actions) && actions.every((action) => action === 'pull');
    if (members.get('type') !== 'repository' || !repositories.includes(String(members.get('name'))) || !pullOnly) {
      throw unusableAnswer('the token is good for more than was asked');
    }
  }
}

function unusableAnswer(rule: string): TargetFailure {
  return TargetFailure.transient(`registry: unusable answer: ${rule}`, RETRY_AFTER_SECONDS);
}
