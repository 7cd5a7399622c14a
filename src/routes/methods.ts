import type { IncomingMessage, RequestListener } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { OAuthError } from '../core/oauth-error.ts';

/** Those that the router has a table for. Each of the 25 others that HTTP parsing lets through would make a start longer. */
const ROUTED = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'];

/** Nothing is ever served by it. */
const STAND_IN = 'TRACE';

const asked = new WeakMap<IncomingMessage, string>();

/** Lets methods that nothing is served by go by one name, so that none of them is answered as an unknown path. */
export function underRoutedMethods(next: RequestListener): RequestListener {
  return (request, response) => {
    if (!ROUTED.includes(request.method ?? '')) {
      asked.set(request, request.method ?? '');
      request.method = STAND_IN;
    }
    next(request, response);
  };
}

/** The method that the client sent. */
export function methodOf(request: IncomingMessage): string {
  return asked.get(request) ?? request.method ?? '';
}

/**
 * Answers every other method at a path with 405 and `Allow`, before any of a body is read (T1). `onRefused` is told of
 * each, and must not throw.
 */
export function refuseOtherMethods(
  server: FastifyInstance,
  path: string,
  allowed: readonly string[],
  onRefused: () => void = () => undefined,
): void {
  const key = allowed.join() === 'POST' ? 'method_not_allowed' : 'method_not_served';
  server.route({
    method: ROUTED.filter((method) => !allowed.includes(method)),
    url: path,
    schema: { hide: true },
    onRequest: (_request, reply, done) => {
      onRefused();
      reply.header('allow', allowed.join(', '));
      done(new OAuthError(key));
    },
    handler: () => undefined,
  });
}
