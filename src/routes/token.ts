import type { FastifyInstance } from 'fastify';
import type { DoorDeps } from './door-deps.ts';
import { formRoute } from './form-route.ts';
import { RECOGNISED, REPEATABLE, tokenRequest } from './token-request.ts';
import { tokenResponse } from './token-response.ts';

/** `POST /oauth2/token`: OAuth 2.0 Token Exchange (RFC 8693) for callers whose subject token is their only credential. */
export function tokenRoute(server: FastifyInstance, deps: DoorDeps, base: string): void {
  formRoute(server, deps, {
    door: 'token',
    paths: [`${base}/oauth2/token`],
    operationId: 'exchangeToken',
    recognised: RECOGNISED,
    repeatable: REPEATABLE,
    read: (form, request) => tokenRequest(form, request.headers.authorization !== undefined),
    render: (credential) => tokenResponse(credential, deps.clock.now()),
  });
}
