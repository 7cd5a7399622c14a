import type { FastifyInstance } from 'fastify';
import type { MakeReport } from '../../admin/reports/reports.ts';
import type { AuditTrail } from '../../admin/trail/audit-trail.ts';
import { cursorOf } from '../../admin/trail/cursor.ts';
import type { Coverage } from '../../audit/history.ts';
import type { Log } from '../../telemetry/logger.ts';
import { refuseOtherMethods } from '../methods.ts';
import { NOT_STORED, send } from '../reply.ts';
import { auditSchema } from '../schemas/audit.ts';
import { auditWish } from './audit-query.ts';
import { problemHandler } from './problem.ts';
import type { SignedIn } from './signed-in.ts';
import { whileWaiting } from './while-waiting.ts';

interface AuditRouteDeps {
  readonly trail: Pick<AuditTrail, 'now' | 'records' | 'outstanding'>;
  readonly report: MakeReport;
  readonly access: SignedIn;
  readonly log: Log;
}

function shown({ next: _, ...coverage }: Coverage) {
  return coverage;
}

/** `GET /admin/v1/audit`: records of this replica's audit log, and what can be told from them. */
export function auditRoute(
  server: FastifyInstance,
  path: string,
  { trail, report, access, log }: AuditRouteDeps,
): void {
  server.get(path, {
    schema: auditSchema,
    onRequest: access.onRequest,
    errorHandler: problemHandler(log),
    handler: async (request, reply) => {
      const actor = access.actorOf(request);
      const wish = auditWish(request, trail.now());
      const signal = whileWaiting(reply);
      if (wish.kind === 'outstanding') {
        const { coverage, ...found } = await trail.outstanding(actor, wish.filter, { ...wish.window, signal });
        return send(reply, { status: 200, body: { ...found, coverage: shown(coverage) }, headers: NOT_STORED });
      }
      if (wish.kind === 'report') {
        const { coverage, ...found } = await report(actor, wish.report, { ...wish.window, signal });
        return send(reply, { status: 200, body: { ...found, coverage: shown(coverage) }, headers: NOT_STORED });
      }
      const { items, coverage } = await trail.records(actor, { ...wish, signal });
      const next = coverage.next && cursorOf(coverage.next);
      return send(reply, { status: 200, body: { items, coverage: shown(coverage), next }, headers: NOT_STORED });
    },
  });
  refuseOtherMethods(server, path, ['GET'], access.onOtherMethod);
}
