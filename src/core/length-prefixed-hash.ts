import { hash } from 'node:crypto';

/** SHA-256, base64url, over texts of which each says its length first: no two lists of texts give the same bytes. */
export function lengthPrefixedHash(...parts: readonly string[]): string {
  let text = '';
  for (const part of parts) text += `${Buffer.byteLength(part)}:${part}`;
  return hash('sha256', text, 'base64url');
}
