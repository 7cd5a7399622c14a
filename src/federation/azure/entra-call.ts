import { ClientAssertionCredential, logger } from '@azure/identity';
import type { AzureGrant } from '../../core/decision.ts';
import { OAuthError } from '../../core/oauth-error.ts';
import type { Secret } from '../../core/secret.ts';
import { type AzureHttpClient, createAzureHttpClient } from '../../outbound/azure-http-client.ts';
import { MAX_ANSWER_BYTES } from '../answer.ts';
import { type AzureCall, withoutAnswer } from './azure-call.ts';
import { unusableAnswer } from './entra-error.ts';
import { type EntraToken, readEntraToken } from './entra-token.ts';

/** The client credentials grant with a JWT (RFC 6749 section 4.4, RFC 7523 section 2.2; clouds.md 2.5). */
const FIELDS = ['client_id', 'scope', 'grant_type', 'client_assertion_type', 'client_assertion'];

// AZURE_LOG_LEVEL and DEBUG would have the SDK write beside Carnet's log, which masks.
for (const level of Object.values(logger)) level.log = () => undefined;

/**
 * A token of Entra for the assertion, by a credential that lives for this call. The answer is read here and not by the
 * SDK, which times it by a clock of its own and folds what went wrong into texts. Throws OAuthError.
 *
 * @param authority base URL of the authority that is called.
 */
export async function requestToken(
  call: AzureCall,
  authority: string,
  grant: AzureGrant,
  assertion: Secret,
): Promise<EntraToken> {
  const httpClient = createAzureHttpClient({
    outbound: call.outbound,
    url: `${authority.replace(/\/$/, '')}/${grant.tenant}/oauth2/v2.0/token`,
    fields: FIELDS,
    purpose: 'azure',
    maxBytes: MAX_ANSWER_BYTES,
    timeoutMs: call.timeoutMs,
  });
  const taken = await isolatedCredential(grant, assertion, httpClient)
    .getToken(grant.scope)
    .then(
      () => true,
      () => false,
    );
  const answer = httpClient.answer();
  if (answer === undefined) throw new OAuthError('internal', { detail: 'the SDK for Azure sent no request' });
  const token = readEntraToken(
    await answer.catch((thrown: unknown) => {
      throw withoutAnswer('Entra', thrown);
    }),
  );
  if (!taken) throw unusableAnswer('the SDK does not take it');
  return token;
}

/** Every setting that the SDK would otherwise read from the environment, and nothing that outlives the call. */
function isolatedCredential({ tenant, clientId }: AzureGrant, assertion: Secret, http: AzureHttpClient) {
  return new ClientAssertionCredential(tenant, clientId, async () => assertion.reveal(), {
    // One that the SDK knows by heart, so that it asks nobody; where the request goes is not its business.
    authorityHost: 'https://login.microsoftonline.com',
    disableInstanceDiscovery: true,
    additionallyAllowedTenants: [],
    retryOptions: { maxRetries: 0 },
    loggingOptions: {
      logger: logger.verbose,
      enableUnsafeSupportLogging: false,
      allowLoggingAccountIdentifiers: false,
    },
    httpClient: http,
  });
}
