import type { IncomingMessage, RequestListener } from 'node:http';
import type { Clock } from '../core/clock.ts';
import { OAuthError } from '../core/oauth-error.ts';
import type { TurnQueue } from '../core/turn-queue.ts';
import type { Log } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { BodyRequest } from './body-request.ts';
import { CREDENTIAL_DOORS, type CredentialDoor, credentialDoor } from './credential-doors.ts';
import { errorHeaders, logRefusal } from './error-handler.ts';
import { MAX_BODY_BYTES } from './form-body.ts';
import { newTraceId } from './http-server.ts';
import { asText } from './reply.ts';

/** More lines of a log would say nothing new, and would cost those who are served. */
const LOG_EVERY_MS = 1000;

const DETAIL = 'requests wait too long for their turn';
/** One for all whom it refuses. */
export const TOO_BUSY = new OAuthError('overloaded', { detail: DETAIL });

/** Reads nothing of a body. */
const unread = () => undefined;

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
 * The body is dropped as it comes. Node takes the bytes that Content-Length announces off the connection before it reads the
 * next request, so they never become one; a body that is too large or of unknown length is left to the framework, which
 * bounds it.
 */
export function busyFront(next: RequestListener, front: BusyFront): RequestListener<typeof BodyRequest> {
  const { turns, open, base, metrics } = front;
  const tell = teller(front);
  const refusals = new Map(CREDENTIAL_DOORS.map((door) => [door, refusalAt(door, base)]));
  return (request, response) => {
    const door = turns.overdue && open() && isBounded(request) ? credentialDoor(request, base) : undefined;
    const refusal = door && refusals.get(door);
    if (refusal === undefined) return next(request, response);
    const { status, headers, text, exchange, http } = refusal;
    const traceId = newTraceId();
    request.handBodyTo(unread);
    response.writeHead(status, headers).end(text.join(traceId));
    metrics.exchanges.inc(exchange);
    metrics.httpSeconds.observe(http, 0);
    tell(traceId);
  };
}

/** What is the same for all who are refused at a door: head, what stands around the trace ids of the body, labels of metrics. */
function refusalAt({ door, route, errorBody }: CredentialDoor, base: string) {
  const traceId = newTraceId();
  const { status, headers, text } = asText({ ...errorBody(TOO_BUSY, traceId), headers: errorHeaders(TOO_BUSY) });
  const head = { ...headers, 'content-length': String(Buffer.byteLength(text)) };
  return {
    status,
    headers: Object.entries(head).flat(),
    text: text.split(traceId),
    exchange: { door, outcome: 'failed', error: TOO_BUSY.key },
    http: { route: `${base}${route}`, status },
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
