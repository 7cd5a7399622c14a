import type { FastifyInstance } from 'fastify';
import { isLimited } from '../../core/admin-role.ts';
import type { Log } from '../../telemetry/logger.ts';
import type { AdminDeps } from '../door-deps.ts';
import { MAX_BODY_BYTES } from '../form-body.ts';
import { refuseOtherMethods } from '../methods.ts';
import { NOT_STORED, send } from '../reply.ts';
import { accountSchemas } from '../schemas/account.ts';
import { accessRoutes } from './access-routes.ts';
import { ADMIN_PATH } from './admin-path.ts';
import { bodyText, queryOf } from './admin-request.ts';
import { applyRoute } from './apply-route.ts';
import { auditRoute } from './audit-route.ts';
import { explainRoute } from './explain-route.ts';
import { problemHandler } from './problem.ts';
import { replayRoute } from './replay-route.ts';
import { resourceRoutes } from './resource-routes.ts';
import { signedIn } from './signed-in.ts';

const COLLECTIONS = [
  { kind: 'TrustedIssuer', path: `${ADMIN_PATH}issuers` },
  { kind: 'FederationMapping', path: `${ADMIN_PATH}mappings` },
  { kind: 'Guardrail', path: `${ADMIN_PATH}guardrails` },
  { kind: 'FederationGrant', path: `${ADMIN_PATH}grants` },
] as const;

/** The admin API (DESIGN section 9). Who asks is known before anything else of a request is looked at. */
export function adminRoutes(
  server: FastifyInstance,
  { signIn, journal, resources, nameOwner, explain, why, trail, report, replay, requests }: AdminDeps,
  log: Log,
): void {
  const access = signedIn(signIn, journal);
  const { actorOf, onRequest } = access;
  for (const collection of COLLECTIONS) resourceRoutes(server, collection, { resources, replay, access, log });
  applyRoute(server, `${ADMIN_PATH}apply`, { resources, access, log });
  explainRoute(server, `${ADMIN_PATH}explain`, { explain, why, access, log });
  replayRoute(server, `${ADMIN_PATH}replay`, { replay, access, log });
  auditRoute(server, `${ADMIN_PATH}audit`, { trail, report, access, log });
  accessRoutes(server, `${ADMIN_PATH}access-requests`, { requests, access, log });
  const common = { onRequest, errorHandler: problemHandler(log), bodyLimit: MAX_BODY_BYTES };
  server.get(`${ADMIN_PATH}whoami`, {
    ...common,
    schema: accountSchemas.whoami,
    handler: async (request, reply) => {
      queryOf(request, []);
      const { issuer, subject, roles, given = [] } = actorOf(request);
      const limited = given.filter(isLimited).map(({ role, labels, grants }) => ({ role, labels, grants }));
      return send(reply, { status: 200, body: { issuer, subject, roles, limited }, headers: NOT_STORED });
    },
  });
  server.put(`${ADMIN_PATH}owner`, {
    ...common,
    errorHandler: problemHandler(log, access.onRefused),
    schema: accountSchemas.owner,
    handler: async (request, reply) => {
      queryOf(request, []);
      const owner = await nameOwner(actorOf(request), bodyText(request), request.id);
      return send(reply, { status: 201, body: owner, headers: NOT_STORED });
    },
  });
  refuseOtherMethods(server, `${ADMIN_PATH}whoami`, ['GET'], access.onOtherMethod);
  refuseOtherMethods(server, `${ADMIN_PATH}owner`, ['PUT'], access.onOtherMethod);
}
