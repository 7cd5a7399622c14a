import { OAuthError } from '../core/oauth-error.ts';
import { Secret } from '../core/secret.ts';
import { TokenType } from '../core/token-types.ts';
import type { ExchangeRequest } from '../exchange/exchange-request.ts';
import { azureRequestAddress } from '../resources/targets/azure.ts';
import type { Form } from './form.ts';
import { MAX_TOKEN_BYTES } from './token-request.ts';

/** RFC 7523 section 2.2. */
const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** What some of Microsoft's libraries ask for beside every resource, and what means nothing without a user. */
const SCOPES_OF_USERS: ReadonlySet<string> = new Set(['openid', 'profile', 'offline_access']);

function one(form: Form, name: string): string {
  return form.get(name)?.[0] ?? '';
}

/** The workload's own token, as the application would present the one of its cluster to Entra. */
function clientAssertion(form: Form): Secret {
  const token = one(form, 'client_assertion').trim();
  if (Buffer.byteLength(token) > MAX_TOKEN_BYTES) throw new OAuthError('parameter_too_large');
  const alone = token !== '' && one(form, 'client_assertion_type') === JWT_BEARER && !form.has('client_secret');
  if (!alone) throw new OAuthError('client_assertion');
  return new Secret(token);
}

/** A token is for one resource (clouds.md 2.5). */
function resourceScope(form: Form): string {
  const [scope, second] = one(form, 'scope')
    .split(' ')
    .filter((word) => word !== '' && !SCOPES_OF_USERS.has(word));
  if (scope === undefined || second !== undefined) {
    throw new OAuthError('scope_refused', { detail: 'not the scope of one resource' });
  }
  return scope;
}

/** The request that a form of Entra's token endpoint holds: tenant, client and scope select. Throws OAuthError. */
export function entraRequest(form: Form, tenant: string): ExchangeRequest {
  const grantType = one(form, 'grant_type');
  if (grantType === '') throw new OAuthError('grant_type_missing');
  if (grantType !== 'client_credentials') throw new OAuthError('client_credentials');
  const subjectToken = clientAssertion(form);
  const clientId = one(form, 'client_id');
  if (clientId === '') throw new OAuthError('client_assertion', { detail: 'without client_id' });
  return {
    subjectToken,
    subjectTokenType: TokenType.jwt,
    ask: {
      address: azureRequestAddress(tenant, clientId, resourceScope(form)),
      requestedTokenType: TokenType.accessToken,
      scopes: [],
    },
  };
}
