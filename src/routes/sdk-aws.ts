import type { FastifyInstance, FastifyRequest } from 'fastify';
import { OAuthError } from '../core/oauth-error.ts';
import { Secret } from '../core/secret.ts';
import { TokenType } from '../core/token-types.ts';
import type { ExchangeRequest } from '../exchange/exchange-request.ts';
import { awsError } from './aws-error.ts';
import { sessionKeys } from './aws-session-keys.ts';
import type { DoorDeps } from './door-deps.ts';
import { errorHandler } from './error-handler.ts';
import { exchangeMeter } from './exchange-meter.ts';
import { headerValues } from './form.ts';
import { refuseOtherMethods } from './methods.ts';
import { NOT_STORED, send } from './reply.ts';
import { MAX_TOKEN_BYTES, mappingAddress } from './token-request.ts';

/**
 * The token as SDKs send it: the content of a file, verbatim, with or without `Bearer` (clouds.md 3.1). Throws
 * `token_missing`, `token_malformed` or `parameter_too_large`.
 */
function subjectToken(rawHeaders: readonly string[]): Secret {
  const [value, second] = headerValues(rawHeaders, 'authorization');
  const token = (value ?? '').trim().replace(/^bearer(?:[ \t]+|$)/i, '');
  if (token === '') throw new OAuthError('token_missing');
  if (second !== undefined) throw new OAuthError('token_malformed', { detail: 'two Authorization headers' });
  if (token.length > MAX_TOKEN_BYTES) throw new OAuthError('parameter_too_large');
  if (/[\s,]/.test(token)) throw new OAuthError('token_malformed', { detail: 'another Authorization scheme' });
  return new Secret(token);
}

function requestOf(request: FastifyRequest): ExchangeRequest {
  // Whatever a query would ask for could only narrow, so ignoring one would give more than was asked.
  if (/\?./.test(request.raw.url ?? '')) throw new OAuthError('parameter_in_query');
  const { mapping } = request.params as { mapping: string };
  if (mapping === '') throw new OAuthError('not_found');
  return {
    subjectToken: subjectToken(request.raw.rawHeaders),
    subjectTokenType: TokenType.jwt,
    ask: { address: mappingAddress(mapping), requestedTokenType: TokenType.awsCredentials, scopes: [] },
  };
}

/** `SessionToken` is `Token` here. */
function containerCredentials(accessToken: Secret) {
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration, ...account } = sessionKeys(accessToken);
  return { AccessKeyId, SecretAccessKey, Token: SessionToken, Expiration, ...account };
}

/** `GET /sdk/aws/{mapping}`: what `AWS_CONTAINER_CREDENTIALS_FULL_URI` points at. */
export function sdkAwsRoute(server: FastifyInstance, deps: DoorDeps, base: string): void {
  const { exchange, log, metrics } = deps;
  const path = `${base}/sdk/aws/:mapping`;
  const meter = exchangeMeter(metrics, 'sdk-aws');
  for (const url of [path, `${path}/`]) {
    server.get(url, {
      schema: url === path ? { operationId: 'getAwsContainerCredentials' } : { hide: true },
      // A HEAD would issue credentials that nobody sees.
      exposeHeadRoute: false,
      errorHandler: errorHandler({ log, body: awsError, onRefused: meter.refused }),
      handler: async (request, reply) => {
        const credential = await exchange(requestOf(request), { traceId: request.id, door: 'sdk-aws' });
        const body = containerCredentials(credential.accessToken);
        meter.issued(reply);
        return send(reply, { status: 200, body, headers: NOT_STORED });
      },
    });
    refuseOtherMethods(server, url, ['GET']);
  }
}
