import { hash } from 'node:crypto';

/** SHA-256, base64url, over texts of which each says its length first: no two lists of texts give the same bytes. */
export function lengthPrefixedHash(...parts: readonly string[]): string {
  return hash('sha256', parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join(''), 'base64url');
}
