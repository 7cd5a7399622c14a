import { hash } from 'node:crypto';

/** SHA-256, base64url, over texts of which each says its length first: no two lists of texts give the same bytes. */
export function lengthPrefixedHash(...parts: readonly string[]): string {
  let text = '';
  for (const part of parts) text += `${Buffer.byteLength(part)}:${part}`;
  return hash('sha256', text, 'base64url');
}

const MAX_KEY_LENGTH = 160;

/**
 * For tables in memory: the texts themselves, each with its length before it, where that has at most 160 characters, else
 * their hash, which has no colon. So a key is as unique as the hash, and none is longer.
 */
export function lengthPrefixedKey(...parts: readonly string[]): string {
  let text = '';
  for (const part of parts) text += `${part.length}:${part}`;
  return text.length <= MAX_KEY_LENGTH ? text : lengthPrefixedHash(...parts);
}
