import { createHash } from 'node:crypto';

/** SHA-256, base64url, over texts of which each says its length first: no two lists of texts give the same bytes. */
export function lengthPrefixedHash(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest('base64url');
}
