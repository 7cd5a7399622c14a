import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AdminError } from '../../admin/admin-error.ts';
import type { Replay, ReplayWish } from '../../admin/replay/replay.ts';
import { duration, durationSeconds } from '../../resources/duration.ts';
import type { Log } from '../../telemetry/logger.ts';
import type { AdminDeps } from '../door-deps.ts';
import { refuseOtherMethods } from '../methods.ts';
import { NOT_STORED, send } from '../reply.ts';
import { replaySchema } from '../schemas/replay.ts';
import { bodyText, queryOf } from './admin-request.ts';
import { problemHandler, shownFault } from './problem.ts';
import type { SignedIn } from './signed-in.ts';

const MAX_BYTES = 4 * 1024 * 1024;
const DEFAULT_WINDOW = '7d';

/** What a request wants replayed. Throws AdminError `malformed` naming the parameter. */
function wishOf(request: FastifyRequest): ReplayWish {
  const query = queryOf(request, ['window', 'replace']);
  const window = query.get('window') ?? DEFAULT_WINDOW;
  if (!duration.safeParse(window).success) throw refused('window', 'a duration such as 24h or 7d');
  const replace = query.get('replace') ?? 'same';
  if (replace !== 'same' && replace !== 'all') throw refused('replace', 'same or all');
  return {
    proposal: { text: bodyText(request), replaceAll: replace === 'all' },
    windowSeconds: durationSeconds(window),
  };
}

function refused(field: string, legal: string): AdminError {
  return new AdminError('malformed', { field, detail: `must be ${legal}` });
}

function shown({ changes: { newFaults, goneFaults, ...changes }, ...replay }: Replay) {
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
      const answer = await replay(access.actorOf(request), wishOf(request));
      return send(reply, { status: 200, body: shown(answer), headers: NOT_STORED });
    },
  });
  refuseOtherMethods(server, path, ['POST']);
}
