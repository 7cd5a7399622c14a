import { hash, type KeyObject } from 'node:crypto';

/** RFC 7638 of a public key of RSA, a curve of NIST or an Edwards curve, SHA-256, base64url: one text per key. */
export function keyThumbprint(key: KeyObject): string {
  const { kty, crv, n, e, x, y } = key.export({ format: 'jwk' });
  // RFC 7638 section 3.2: required members alone, in lexicographic order.
  const required = kty === 'RSA' ? { e, kty, n } : kty === 'EC' ? { crv, kty, x, y } : { crv, kty, x };
  return hash('sha256', JSON.stringify(required), 'base64url');
}
