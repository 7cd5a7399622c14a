import type { FastifyInstance } from 'fastify';
import { OAuthError } from '../core/oauth-error.ts';

/**
 * Refuses a request with more than one Host, of which Node shows the first alone, and one of HTTP/1.1 without any, and closes
 * its connection (RFC 9112 section 3.2).
 */
export function refuseAllButOneHost(server: FastifyInstance): void {
  server.addHook('onRequest', (request, reply, done) => {
    const hosts = hostsIn(request.raw.rawHeaders);
    if (hosts === 1 || (hosts === 0 && request.raw.httpVersion !== '1.1')) return done();
    reply.header('connection', 'close');
    done(new OAuthError('malformed_http', { detail: hosts === 0 ? 'no Host' : 'more than one Host' }));
  });
}

/** Of names and values in turns, as they came. */
function hostsIn(rawHeaders: readonly string[]): number {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  return hosts;
}
