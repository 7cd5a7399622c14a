import type { FastifyReply, FastifyRequest } from 'fastify';
import { AdminError } from '../../admin/admin-error.ts';
import type { Fault } from '../../resources/document.ts';
import type { Log } from '../../telemetry/logger.ts';
import { asOAuthError } from '../error-handler.ts';
import { NOT_STORED, send } from '../reply.ts';

export const PROBLEM_TYPE = 'application/problem+json';

/** A fault of a resource as the admin API tells it; what is not known is not there. */
export function shownFault({ source, line, kind, name, field, message, hint, severity }: Fault) {
  return { severity, kind, name, field, message, mend: hint, source, line };
}

/** RFC 9457, with the field that is meant and the mend where there is one. */
export function problem(error: AdminError, traceId: string) {
  const { key, status, title, detail, field, mend, faults } = error;
  const body = {
    type: `urn:carnet:problem:${key.replaceAll('_', '-')}`,
    title,
    status,
    detail,
    field,
    mend,
    faults: faults.length > 0 ? faults.map(shownFault) : undefined,
    trace_id: traceId,
  };
  return { status, body, contentType: PROBLEM_TYPE };
}

type OnRefused = (error: AdminError, request: FastifyRequest) => void;

/** Renders everything thrown by a route of the admin API; who changes something by it tells `onRefused`. */
export function problemHandler(log: Log, onRefused: OnRefused = () => undefined) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = thrown instanceof AdminError ? thrown : AdminError.from(asOAuthError(thrown));
    const { key, status, detail, cause, retryAfterSeconds } = error;
    onRefused(error, request);
    log[status >= 500 ? 'error' : 'info']('refused', { traceId: request.id, error: key, status, detail, cause });
    const { body, contentType } = problem(error, request.id);
    const headers = {
      ...NOT_STORED,
      'content-type': contentType,
      ...(status === 401 && { 'www-authenticate': 'Bearer realm="carnet-admin"' }),
      ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
    };
    return send(reply, { status, body, headers });
  };
}
