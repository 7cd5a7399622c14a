import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { Secret } from '../core/secret.ts';
import { GRANT_TYPE_TOKEN_EXCHANGE, TokenType } from '../core/token-types.ts';
import { type DirectAnswer, directPost } from '../outbound/direct-request.ts';
import { CommandError, ExitCode } from './exit-code.ts';

const MAX_ANSWER_BYTES = 256 * 1024;
/** More than a fetch of keys and a call to a cloud take together at the server. */
const TIMEOUT_MS = 30_000;

export interface ExchangeWish {
  readonly endpoint: URL;
  readonly subjectToken: Secret;
  readonly audience: string;
  readonly requestedTokenType?: string;
  readonly expiresInSeconds?: number;
}

export interface EndpointAnswer {
  readonly status: number;
  readonly body: JsonObject;
  readonly retryAfter: string | undefined;
  readonly accessRequest: string | undefined;
}

/**
 * The address of a Carnet as given by a person: https, or http on loopback, so that no token crosses a network in the
 * clear. Throws CommandError.
 */
export function parseEndpoint(text: string): URL {
  const url = URL.parse(text);
  const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url?.hostname ?? '');
  const scheme = url?.protocol === 'https:' || (url?.protocol === 'http:' && loopback);
  if (url === null || !scheme || url.username || url.password || url.search || url.hash) {
    throw new CommandError(
      ExitCode.usage,
      'the endpoint must be an https URL, or http on loopback, without query or user',
    );
  }
  return url;
}

/**
 * Asks for a credential (RFC 8693 section 2.1), of that server and nobody between. Any JSON answer is returned; all else
 * throws CommandError `unavailable`.
 */
export async function askForCredential(wish: ExchangeWish): Promise<EndpointAnswer> {
  const url = new URL(wish.endpoint);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/oauth2/token`;
  const { status, retryAfter, accessRequest, body: bytes } = await post(url, formOf(wish));
  if (bytes === undefined) throw unavailable(url, 'sent more than 256 KiB');
  if (status >= 300 && status < 400) throw unavailable(url, `answered ${status}, a redirect, which is not followed`);
  const body = parse(bytes);
  if (body === undefined) throw unavailable(url, `answered ${status} without a JSON object`);
  return { status, body, retryAfter, accessRequest };
}

function formOf(wish: ExchangeWish): URLSearchParams {
  const form = new URLSearchParams({
    grant_type: GRANT_TYPE_TOKEN_EXCHANGE,
    subject_token_type: TokenType.jwt,
    subject_token: wish.subjectToken.reveal(),
    audience: wish.audience,
  });
  if (wish.requestedTokenType !== undefined) form.set('requested_token_type', wish.requestedTokenType);
  if (wish.expiresInSeconds !== undefined) form.set('requested_expires_in', String(wish.expiresInSeconds));
  return form;
}

async function post(url: URL, form: URLSearchParams): Promise<DirectAnswer> {
  const headers = { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' };
  try {
    const limits = { maxBytes: MAX_ANSWER_BYTES, timeoutMs: TIMEOUT_MS };
    return await directPost(url, { headers, body: form.toString(), ...limits });
  } catch (error) {
    throw unavailable(url, causeOf(error), error);
  }
}

function parse(bytes: Uint8Array): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function unavailable(url: URL, what: string, cause?: unknown): CommandError {
  return new CommandError(ExitCode.unavailable, `${url.origin} ${what}`, { cause });
}

/** A code such as ECONNREFUSED: the texts of network errors may quote what was sent. */
export function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'cannot be reached';
  if (error.name === 'TimeoutError') return 'did not answer in time';
  return 'code' in error ? `cannot be reached (${String(error.code)})` : 'cannot be reached';
}
