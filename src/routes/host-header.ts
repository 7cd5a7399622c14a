import type { FastifyInstance } from 'fastify';
import { OAuthError } from '../core/oauth-error.ts';

/** Refuses a request with more than one Host, of which Node shows the first alone, and closes its connection (RFC 9112 section 3.2). */
export function refuseTwoHosts(server: FastifyInstance): void {
  server.addHook('onRequest', (request, reply, done) => {
    if (!namesTwoHosts(request.raw.rawHeaders)) return done();
    reply.header('connection', 'close');
    done(new OAuthError('malformed_http', { detail: 'more than one Host' }));
  });
}

/** Of names and values in turns, as they came. */
function namesTwoHosts(rawHeaders: readonly string[]): boolean {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  return hosts > 1;
}
