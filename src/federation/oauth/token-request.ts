import type { OauthGrant } from '../../core/decision.ts';
import type { Secret } from '../../core/secret.ts';
import { GRANT_TYPE_TOKEN_EXCHANGE, TokenType } from '../../core/token-types.ts';
import type { Outbound, OutboundAnswer } from '../../outbound/outbound.ts';
import { MAX_ANSWER_BYTES } from '../answer.ts';
import { fromNoAnswer } from './oauth-failure.ts';

const GRANT_TYPE_JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

interface Way {
  readonly outbound: Outbound;
  readonly endpoint: string;
  readonly timeoutMs: number;
}

/** One token request; any status is an answer. Throws TargetFailure when there is none. */
export async function requestToken(way: Way, grant: OauthGrant, assertion: Secret): Promise<OutboundAnswer> {
  const request = {
    url: way.endpoint,
    method: 'POST',
    purpose: 'oauth',
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: tokenRequestForm(grant, assertion).toString(),
    maxBytes: MAX_ANSWER_BYTES,
    timeoutMs: way.timeoutMs,
  } as const;
  return await way.outbound.request(request).catch((error) => {
    throw fromNoAnswer(error);
  });
}

/**
 * RFC 8693 section 2.1, or RFC 7523 section 2.1. What narrows the token is asked for under both grants: RFC 8707 has
 * `resource` for every token request, and a server that does not know `audience` ignores it.
 */
function tokenRequestForm(grant: OauthGrant, assertion: Secret): URLSearchParams {
  const { grantType, audience, resource, scopes, clientId } = grant;
  return new URLSearchParams({
    ...(grantType === 'token-exchange' ? exchanged(assertion) : borne(assertion)),
    ...(audience !== undefined && { audience }),
    ...(resource !== undefined && { resource }),
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    ...(clientId !== undefined && { client_id: clientId }),
  });
}

function exchanged(assertion: Secret): Record<string, string> {
  return {
    grant_type: GRANT_TYPE_TOKEN_EXCHANGE,
    subject_token: assertion.reveal(),
    subject_token_type: TokenType.jwt,
    requested_token_type: TokenType.accessToken,
  };
}

function borne(assertion: Secret): Record<string, string> {
  return { grant_type: GRANT_TYPE_JWT_BEARER, assertion: assertion.reveal() };
}
