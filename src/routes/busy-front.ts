import type { IncomingMessage, RequestListener } from 'node:http';
import type { Clock } from '../core/clock.ts';
import { OAuthError } from '../core/oauth-error.ts';
import type { TurnQueue } from '../core/turn-queue.ts';
import type { Log } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { credentialDoor } from './credential-doors.ts';
import { errorHeaders, logRefusal } from './error-handler.ts';
import { MAX_BODY_BYTES } from './form-body.ts';
import { newTraceId } from './http-server.ts';
import { encoded } from './reply.ts';

/** More lines of a log would say nothing new, and would cost those who are served. */
const LOG_EVERY_MS = 1000;

const DETAIL = 'requests wait too long for their turn';
/** One for all whom it refuses. */
export const TOO_BUSY = new OAuthError('overloaded', { detail: DETAIL });

interface BusyFront {
  readonly turns: Pick<TurnQueue, 'overdue'>;
  /** Whether new requests are still taken. */
  readonly open: () => boolean;
  /** Path of the base of the workloads' doors, no slash at its end. */
  readonly base: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'exchanges' | 'httpSeconds'>;
}

/**
 * Stands before the framework: whoever asks for a credential while others wait too long for their turn is told so before
 * anything else is done for the request, for a refusal has to cost a fraction of an exchange. Everything else goes on to
 * `next`.
 *
 * The body is not looked at. Node takes the bytes that Content-Length announces off the connection before it reads the
 * next request, so they never become one; a body that is too large or of unknown length is left to the framework, which
 * bounds it.
 */
export function busyFront(next: RequestListener, front: BusyFront): RequestListener {
  const { turns, open, base, metrics } = front;
  const tell = teller(front);
  return (request, response) => {
    const asked = turns.overdue && open() && isBounded(request) ? credentialDoor(request, base) : undefined;
    if (asked === undefined) return next(request, response);
    const { door, route, errorBody } = asked;
    const traceId = newTraceId();
    const { status, headers, bytes } = encoded({
      ...errorBody(TOO_BUSY, traceId, request.url ?? ''),
      headers: errorHeaders(TOO_BUSY),
    });
    response.writeHead(status, { ...headers, 'content-length': bytes.length }).end(bytes);
    metrics.exchanges.inc({ door, outcome: 'failed', error: TOO_BUSY.key });
    metrics.httpSeconds.observe({ route: `${base}${route}`, status }, 0);
    tell(traceId);
  };
}

function isBounded({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) <= MAX_BODY_BYTES;
}

/** Logs the first refusal of a second, with the number of all since the line before. */
function teller({ clock, log }: Pick<BusyFront, 'clock' | 'log'>): (traceId: string) => void {
  let count = 0;
  let toldAt = Number.NEGATIVE_INFINITY;
  return (traceId) => {
    count += 1;
    const now = clock.now();
    if (now - toldAt < LOG_EVERY_MS) return;
    logRefusal(log, TOO_BUSY, traceId, { count });
    toldAt = now;
    count = 0;
  };
}
