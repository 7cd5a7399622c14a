import type { FastifyInstance } from 'fastify';
import type { Log } from '../../telemetry/logger.ts';
import type { AdminDeps } from '../door-deps.ts';
import { refuseOtherMethods } from '../methods.ts';
import { NOT_STORED, send } from '../reply.ts';
import { applySchema } from '../schemas/apply.ts';
import { bodyText, setWish } from './admin-request.ts';
import { problemHandler } from './problem.ts';
import { shownChange } from './shown-change.ts';
import type { SignedIn } from './signed-in.ts';

/** 4 MiB: some eight thousand mappings. */
const MAX_SET_BYTES = 4 * 1024 * 1024;

/** `POST /admin/v1/apply`: many documents at once, all of them or none (docs/adr/0021). */
export function applyRoute(
  server: FastifyInstance,
  path: string,
  { resources, access, log }: Pick<AdminDeps, 'resources'> & { readonly access: SignedIn; readonly log: Log },
): void {
  server.post(path, {
    schema: applySchema,
    onRequest: access.onRequest,
    errorHandler: problemHandler(log, access.onRefused),
    bodyLimit: MAX_SET_BYTES,
    handler: async (request, reply) => {
      const wish = setWish(request);
      const applied = await resources.apply(access.actorOf(request), bodyText(request), wish);
      const { added, changed, removed, unchanged, left } = applied;
      const lists = { added, changed, removed, unchanged, left };
      const body = { dryRun: wish.dryRun, set: wish.set, ...lists, ...shownChange(applied) };
      return send(reply, { status: applied.proposal === undefined ? 200 : 202, body, headers: NOT_STORED });
    },
  });
  refuseOtherMethods(server, path, ['POST'], access.onOtherMethod);
}
