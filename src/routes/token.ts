import type { FastifyInstance, FastifyRequest } from 'fastify';
import { toSeconds } from '../core/clock.ts';
import type { Credential } from '../core/credential.ts';
import { OAuthError } from '../core/oauth-error.ts';
import type { ExchangeRequest } from '../exchange/exchange-request.ts';
import type { DoorDeps } from './door-deps.ts';
import { errorHandler } from './error-handler.ts';
import { exchangeMeter } from './exchange-meter.ts';
import { assertFormType, parseForm, queryNames } from './form.ts';
import { NOT_STORED, sendJson } from './json-reply.ts';
import { refuseOtherMethods } from './methods.ts';
import { tokenRouteSchema } from './schemas/token.ts';
import { RECOGNISED, REPEATABLE, tokenRequest } from './token-request.ts';

/** Largest request body in bytes (T8). */
export const MAX_BODY_BYTES = 64 * 1024;

/** Size comes before content type (E14), and the framework looks at the type first. */
function assertAnnouncedSize(request: FastifyRequest): void {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw new OAuthError('body_too_large');
}

function requestOf(request: FastifyRequest): ExchangeRequest {
  assertFormType(request.raw.rawHeaders);
  const body: unknown = request.body;
  const form = parseForm(body instanceof Uint8Array ? body : new Uint8Array(), REPEATABLE);
  if (queryNames(request.raw.url ?? '').some((name) => RECOGNISED.has(name)))
    throw new OAuthError('parameter_in_query');
  return tokenRequest(form, request.headers.authorization !== undefined);
}

/** Success members of RFC 8693 section 2.2.1 and no others (S2 to S6). */
function tokenResponse(credential: Credential, now: number) {
  // Counted from the whole second that `iat` names, so that a token of 60 s is answered as 60.
  const expiresIn = credential.expiresAt - toSeconds(now);
  if (expiresIn <= 0) throw new OAuthError('internal', { detail: 'the credential had expired before it was answered' });
  return {
    access_token: credential.accessToken.reveal(),
    issued_token_type: credential.issuedTokenType,
    token_type: credential.tokenType,
    expires_in: expiresIn,
  };
}

/** `POST /oauth2/token`: OAuth 2.0 Token Exchange (RFC 8693) for callers whose subject token is their only credential. */
export function tokenRoute(server: FastifyInstance, deps: DoorDeps, base: string): void {
  const { exchange, clock, log, metrics } = deps;
  const path = `${base}/oauth2/token`;
  const meter = exchangeMeter(metrics, 'token');
  server.post(path, {
    schema: tokenRouteSchema,
    bodyLimit: MAX_BODY_BYTES,
    errorHandler: errorHandler({ log, onRefused: meter.refused }),
    onRequest: async (request, reply) => {
      try {
        assertAnnouncedSize(request);
      } catch (error) {
        reply.header('connection', 'close');
        throw error;
      }
    },
    handler: async (request, reply) => {
      const credential = await exchange(requestOf(request), { traceId: request.id, door: 'token' });
      const body = tokenResponse(credential, clock.now());
      meter.issued(reply);
      return sendJson(reply, { status: 200, body, headers: NOT_STORED });
    },
  });
  refuseOtherMethods(server, path, ['POST']);
}
