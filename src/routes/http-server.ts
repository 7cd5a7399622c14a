import { randomFillSync } from 'node:crypto';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { type ErrorKey, OAuthError } from '../core/oauth-error.ts';
import type { Secret } from '../core/secret.ts';
import { http } from '../outbound/node-http.ts';
import type { Log } from '../telemetry/logger.ts';
import { BodyRequest } from './body-request.ts';
import { logRefusal, oauthErrorBody } from './error-handler.ts';
import { endsWithAnswerOwed, oneAtATime } from './one-at-a-time.ts';
import { NOT_STORED } from './reply.ts';

/** Certificate chain and key of a listener, PEM. */
export interface Tls {
  readonly cert: string;
  readonly key: Secret;
}

/** How long a client may take, and how much it may send before the body. */
const LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
  // A 16 KiB token in an Authorization header, and as much again for everything else.
  maxHeaderSize: 32 * 1024,
  // Refused in the one shape of errors (routes/host-header.ts).
  requireHostHeader: false,
} as const;

/** The connections of a TLS server wait in a line before they are read from (routes/handshake-line.ts). */
const TLS_LIMITS = { handshakeTimeout: 10_000, pauseOnConnect: true, minVersion: 'TLSv1.2' } as const;

/**
 * Who has no more to say is answered all the same: a credential would be made and recorded for nobody. Not over TLS, where Node
 * would keep connections that end before their handshake.
 */
const HALF_OPEN = { httpAllowHalfOpen: true } as const;

/** A server whose clients cannot hold it by being slow or large. */
export function httpServer(listener: RequestListener<typeof BodyRequest>, tls: Tls | undefined): Server {
  const inTurn = oneAtATime(listener);
  // What nobody knows how to expect is passed over (RFC 9110 section 10.1.1): Node would answer it by itself.
  return bareServer(tls).on('request', inTurn).on('checkExpectation', inTurn).on('connect', refuseTunnel);
}

/** Node lets go of a connection before it tells of a CONNECT. */
function refuseTunnel({ socket }: IncomingMessage): void {
  socket.on('error', () => socket.destroy());
  if (!endsWithAnswerOwed(socket)) socket.destroy();
}

function bareServer(tls: Tls | undefined) {
  const options = { ...LIMITS, IncomingMessage: BodyRequest };
  if (tls === undefined) return Object.assign(http.createServer(options), HALF_OPEN);
  const server = createTlsServer({ ...options, ...TLS_LIMITS, cert: tls.cert, key: tls.key.reveal() });
  // Without a handshake nothing can be said, and an answer would wait for one for ever.
  return server.on('tlsClientError', (_problem, socket) => socket.destroy());
}

const TRACE_ID_BYTES = 16;
/** Random bytes for many trace ids: asking for them one by one costs more than all else about an id. */
const random = Buffer.alloc(256 * TRACE_ID_BYTES);
let used = random.length;

/** 128 random bits, lower-case hex; never taken from a client, who could make two requests look like one. */
export function newTraceId(): string {
  if (used === random.length) {
    randomFillSync(random);
    used = 0;
  }
  used += TRACE_ID_BYTES;
  return random.toString('hex', used - TRACE_ID_BYTES, used);
}

const BROKEN: Readonly<Record<string, ErrorKey>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
};

/** Answers what is not HTTP in the one shape of errors and closes the connection. */
export function answerBrokenHttp(log: Log) {
  return (problem: Error & { code?: string }, socket: Socket): void => {
    if (problem.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
      socket.destroy();
      return;
    }
    if (endsWithAnswerOwed(socket)) return;
    // Only the code goes on: the problem itself holds the bytes that came.
    const error = new OAuthError(BROKEN[problem.code ?? ''] ?? 'malformed_http', { detail: problem.code ?? 'unknown' });
    const traceId = newTraceId();
    logRefusal(log, error, traceId);
    const body = JSON.stringify(oauthErrorBody(error, traceId));
    const headers = {
      ...NOT_STORED,
      'content-type': 'application/json',
      'content-length': body.length,
      connection: 'close',
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${error.status} ${http.STATUS_CODES[error.status]}\r\n${lines.join('')}\r\n${body}`);
  };
}
