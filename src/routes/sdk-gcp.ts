import type { FastifyInstance } from 'fastify';
import type { DoorDeps } from './door-deps.ts';
import { formRoute } from './form-route.ts';
import { googleRequest } from './google-request.ts';
import { tokenResponse } from './token-response.ts';

/** Every parameter of Google's STS that means anything here; all others are ignored. */
export const GOOGLE_PARAMETERS = [
  'grant_type',
  'subject_token',
  'subject_token_type',
  'requested_token_type',
  'audience',
  'scope',
  'options',
] as const;

const RECOGNISED: ReadonlySet<string> = new Set(GOOGLE_PARAMETERS);

/** `POST /sdk/gcp/{mapping}/token`: what `token_url` of a Google `external_account` file points at. */
export function sdkGcpRoute(server: FastifyInstance, deps: DoorDeps, base: string): void {
  const path = `${base}/sdk/gcp/:mapping/token`;
  formRoute(server, deps, {
    door: 'sdk-gcp',
    paths: [path, `${path}/`],
    operationId: 'exchangeGoogleToken',
    recognised: RECOGNISED,
    read: (form, request) => {
      const { mapping } = request.params as { mapping: string };
      return googleRequest(form, mapping, request.headers.authorization !== undefined);
    },
    // The scopes that were asked for are no wish, so those that were granted are said (RFC 6749 section 5.1).
    render: (credential) => {
      const { scope } = credential;
      return { ...tokenResponse(credential, deps.clock.now()), ...(scope !== undefined && { scope }) };
    },
  });
}
