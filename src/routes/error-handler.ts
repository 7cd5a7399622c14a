import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorKey, OAuthError } from '../core/oauth-error.ts';
import type { Log } from '../telemetry/logger.ts';
import { NOT_STORED, type Rendered, send } from './reply.ts';

/** The framework's own refusals that are about a form or a path rather than about HTTP. */
const FRAMEWORK: Readonly<Record<string, ErrorKey>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'content_type',
  FST_ERR_MAX_PARAM_LENGTH: 'not_found',
  FST_ERR_NOT_FOUND: 'not_found',
};

/** Anything thrown, as the one error of a request: the framework's 4xx stay the caller's, all else is Carnet's own (E12). */
export function asOAuthError(thrown: unknown): OAuthError {
  if (thrown instanceof OAuthError || !(thrown instanceof Error)) return OAuthError.from(thrown);
  const key = 'code' in thrown && typeof thrown.code === 'string' ? FRAMEWORK[thrown.code] : undefined;
  if (key !== undefined) return new OAuthError(key, { cause: thrown });
  const status = 'statusCode' in thrown ? Number(thrown.statusCode) : 500;
  return status >= 400 && status < 500 ? new OAuthError('malformed_http', { cause: thrown }) : OAuthError.from(thrown);
}

interface Challenge {
  /** Default: the error's own. */
  readonly status?: number;
  readonly authorization?: string | undefined;
}

/** Headers that an error brings along whatever its body looks like. */
export function errorHeaders(
  error: OAuthError,
  { status = error.status, authorization }: Challenge = {},
): Record<string, string> {
  const retry = error.retryAfterSeconds === undefined ? {} : { 'retry-after': String(error.retryAfterSeconds) };
  // RFC 6749 section 5.2: the challenge answers the scheme that was tried.
  const scheme = /^basic\s/i.test(authorization ?? '') ? 'Basic' : 'Bearer';
  const challenged = status === 401 && (authorization !== undefined || error.code !== 'invalid_client');
  const { accessRequest } = error;
  const awaited = accessRequest && { 'carnet-access-request': `${accessRequest.name};state=${accessRequest.state}` };
  return {
    ...NOT_STORED,
    ...retry,
    ...awaited,
    ...(challenged ? { 'www-authenticate': `${scheme} realm="carnet"` } : {}),
  };
}

/** The only members that an error body has (DESIGN section 6). */
export function oauthErrorBody(error: OAuthError, traceId: string): object {
  const reason = error.reason === undefined ? {} : { reason: error.reason };
  return { error: error.code, error_description: error.message, trace_id: traceId, ...reason };
}

function levelOf(status: number): 'error' | 'warn' | 'info' {
  if (status === 500) return 'error';
  return status > 500 || status === 429 ? 'warn' : 'info';
}

/** The precise reason, once, for operators; never what the caller sent (E18). */
export function logRefusal(log: Log, error: OAuthError, traceId: string, more: { readonly count?: number } = {}): void {
  const { key, status, reason, detail, issuer, cause } = error;
  log[levelOf(status)]('refused', { traceId, error: key, status, reason, detail, issuer, cause, ...more });
}

/** Status and body of an error in the words of a protocol; `url` is that of the request, from its first slash. */
export type ErrorBody = (
  error: OAuthError,
  traceId: string,
  url: string,
) => { readonly status: number; readonly body: object | string; readonly contentType?: string };

interface Refusal {
  readonly log: Log;
  readonly body?: ErrorBody;
  /** Called once for each refusal. */
  readonly onRefused?: (error: OAuthError, reply: FastifyReply) => void;
  /** How it is sent. */
  readonly by?: (reply: FastifyReply, rendered: Rendered) => FastifyReply;
}

export function oauthError(error: OAuthError, traceId: string) {
  return { status: error.status, body: oauthErrorBody(error, traceId) };
}

/** The one renderer of everything thrown while a request is served. Success never passes here. */
export function errorHandler({ log, body = oauthError, onRefused, by = send }: Refusal) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = asOAuthError(thrown);
    logRefusal(log, error, request.id);
    onRefused?.(error, reply);
    const { contentType, ...rendered } = body(error, request.id, request.raw.url ?? '');
    const { authorization } = request.headers;
    const headers = errorHeaders(error, { status: rendered.status, authorization });
    return by(reply, {
      ...rendered,
      headers: contentType === undefined ? headers : { ...headers, 'content-type': contentType },
    });
  };
}
