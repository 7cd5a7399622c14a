import type { IncomingMessage } from 'node:http';
import { OAuthError } from '../core/oauth-error.ts';
import { BodyRequest } from './body-request.ts';

/** Largest request body in bytes (T8). */
export const MAX_BODY_BYTES = 64 * 1024;

const NOTHING: Uint8Array = new Uint8Array();

/**
 * The body of a request, whatever its type: an announced size is refused before anything is read, what is sent in chunks
 * as soon as it is too large. Rejects with `body_too_large`, or `malformed_http` where the connection ends before the body.
 */
export function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  if (!(request instanceof BodyRequest)) throw new TypeError('not a request of httpServer');
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > MAX_BODY_BYTES) return Promise.reject(new OAuthError('body_too_large'));
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  let body = NOTHING;
  let length = 0;
  request.handBodyTo((chunk) => {
    if (chunk === null) return resolve(body.subarray(0, length));
    const before = length;
    length += chunk.length;
    if (length > MAX_BODY_BYTES) return reject(new OAuthError('body_too_large'));
    if (before === 0) body = chunk;
    else {
      if (length > body.length) body = enlarged(body, length);
      body.set(chunk, before);
    }
  });
  request.on('error', (cause) => reject(new OAuthError('malformed_http', { cause })));
  return promise;
}

/** Chunks kept one by one would take a hundred times as much where a body is sent byte by byte. */
function enlarged(body: Uint8Array, length: number): Uint8Array {
  const larger = new Uint8Array(Math.min(MAX_BODY_BYTES, 2 * length));
  larger.set(body);
  return larger;
}
