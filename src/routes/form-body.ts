import type { IncomingMessage } from 'node:http';
import { OAuthError } from '../core/oauth-error.ts';

/** Largest request body in bytes (T8). */
export const MAX_BODY_BYTES = 64 * 1024;

/**
 * The body of a request, whatever its type: an announced size is refused before anything is read, what is sent in chunks
 * as soon as it is too large. Rejects with `body_too_large`, or `malformed_http` where the connection ends before the body.
 */
export function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > MAX_BODY_BYTES) return Promise.reject(new OAuthError('body_too_large'));
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const chunks: Uint8Array[] = [];
  let length = 0;
  request.on('data', (chunk: Uint8Array) => {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) reject(new OAuthError('body_too_large'));
    else chunks.push(chunk);
  });
  request.on('end', () => {
    const [only, second] = chunks;
    resolve(only !== undefined && second === undefined ? only : Buffer.concat(chunks));
  });
  request.on('error', (cause) => reject(new OAuthError('malformed_http', { cause })));
  return promise;
}
