import type { FastifyInstance } from 'fastify';
import type { DoorDeps } from './door-deps.ts';
import { entraRequest } from './entra-request.ts';
import { formRoute } from './form-route.ts';
import { expiresIn } from './token-response.ts';

/** Every parameter of Entra's token endpoint that means anything here; all others are ignored. */
export const ENTRA_PARAMETERS = [
  'grant_type',
  'client_id',
  'scope',
  'client_assertion_type',
  'client_assertion',
] as const;

const RECOGNISED: ReadonlySet<string> = new Set([...ENTRA_PARAMETERS, 'client_secret']);

/** `POST /sdk/azure/{tenant}/oauth2/v2.0/token`: Entra's token endpoint, for `AZURE_KUBERNETES_TOKEN_PROXY`. */
export function sdkAzureRoute(server: FastifyInstance, deps: DoorDeps, base: string): void {
  const path = `${base}/sdk/azure/:tenant/oauth2/v2.0/token`;
  formRoute(server, deps, {
    door: 'sdk-azure',
    paths: [path, `${path}/`],
    operationId: 'exchangeEntraToken',
    recognised: RECOGNISED,
    read: (form, request) => entraRequest(form, (request.params as { tenant: string }).tenant),
    render: (credential) => {
      const lives = expiresIn(credential, deps.clock.now());
      const { tokenType, accessToken } = credential;
      return { token_type: tokenType, expires_in: lives, ext_expires_in: lives, access_token: accessToken.reveal() };
    },
  });
}
