import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AdminError } from '../../admin/admin-error.ts';
import type { Replay, ReplayWish } from '../../admin/replay/replay.ts';
import type { Log } from '../../telemetry/logger.ts';
import type { AdminDeps } from '../door-deps.ts';
import { refuseOtherMethods } from '../methods.ts';
import { NOT_STORED, send } from '../reply.ts';
import { replaySchema } from '../schemas/replay.ts';
import { bodyText, durationOf, queryOf } from './admin-request.ts';
import { problemHandler, shownFault } from './problem.ts';
import type { SignedIn } from './signed-in.ts';
import { whileWaiting } from './while-waiting.ts';

const MAX_BYTES = 4 * 1024 * 1024;
const DEFAULT_WINDOW = '7d';

/** What a request wants replayed. Throws AdminError `malformed` naming the parameter. */
function wishOf(request: FastifyRequest): ReplayWish {
  const query = queryOf(request, ['window', 'replace']);
  const replace = query.get('replace') ?? 'same';
  if (replace !== 'same' && replace !== 'all') {
    throw new AdminError('malformed', { field: 'replace', detail: 'must be same or all' });
  }
  return {
    candidate: { text: bodyText(request), replaceAll: replace === 'all' },
    windowSeconds: durationOf(query, 'window', DEFAULT_WINDOW),
  };
}

/** As the API tells it. */
export function shownReplay({ changes: { newFaults, goneFaults, ...changes }, ...replay }: Replay) {
  const faults = { newFaults: newFaults.map(shownFault), goneFaults: goneFaults.map(shownFault) };
  return { ...replay, changes: { ...changes, ...faults } };
}

/** `POST /admin/v1/replay`: what other resources would have done to the requests of the last days. */
export function replayRoute(
  server: FastifyInstance,
  path: string,
  { replay, access, log }: Pick<AdminDeps, 'replay'> & { readonly access: SignedIn; readonly log: Log },
): void {
  const render = problemHandler(log);
  server.post(path, {
    schema: replaySchema,
    onRequest: access.onRequest,
    errorHandler: (thrown: unknown, request: FastifyRequest, reply: FastifyReply) => {
      const isTooLarge = thrown instanceof Error && 'code' in thrown && thrown.code === 'FST_ERR_CTP_BODY_TOO_LARGE';
      return render(isTooLarge ? new AdminError('too_large', { mend: 'send at most 4 MiB' }) : thrown, request, reply);
    },
    bodyLimit: MAX_BYTES,
    handler: async (request, reply) => {
      const answer = await replay(access.actorOf(request), { ...wishOf(request), signal: whileWaiting(reply) });
      return send(reply, { status: 200, body: shownReplay(answer), headers: NOT_STORED });
    },
  });
  refuseOtherMethods(server, path, ['POST'], access.onOtherMethod);
}
