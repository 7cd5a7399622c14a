import type { FastifyInstance } from 'fastify';
import { OAuthError } from '../core/oauth-error.ts';
import { http } from '../outbound/node-http.ts';

/** Lets the router see every method that HTTP parsing lets through, so that none of them is answered as an unknown path. */
export function knowAllMethods(server: FastifyInstance): void {
  for (const method of http.METHODS) {
    if (!server.supportedMethods.includes(method)) server.addHttpMethod(method);
  }
}

/** Answers every other method at a path with 405 and `Allow`, before any of a body is read (T1). */
export function refuseOtherMethods(server: FastifyInstance, path: string, allowed: readonly string[]): void {
  const key = allowed.join() === 'POST' ? 'method_not_allowed' : 'method_not_served';
  server.route({
    method: http.METHODS.filter((method) => method !== 'CONNECT' && !allowed.includes(method)),
    url: path,
    schema: { hide: true },
    onRequest: (_request, reply, done) => {
      reply.header('allow', allowed.join(', '));
      done(new OAuthError(key));
    },
    handler: () => undefined,
  });
}
