import { createHmac, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto';

const MAC_LENGTH = 43;

/** Makes what lies in a cache believable: whoever can write there cannot make Carnet take it for its own (V15). */
export interface CacheSeal {
  /** A MAC, a line feed and the body. `boundTo` says what the body is about. */
  seal(body: string, boundTo: readonly string[]): string;
  /** The body, if it was sealed under the same key and about the very same thing; else undefined. */
  open(sealed: string, boundTo: readonly string[]): string | undefined;
}

/**
 * HMAC-SHA256 under a key that is derived from the key-encryption key for this purpose alone (HKDF, RFC 5869), so that
 * all replicas have it and Redis does not.
 */
export function createCacheSeal(encryptionKey: KeyObject): CacheSeal {
  const key = Buffer.from(hkdfSync('sha256', encryptionKey, '', 'carnet/cache/v1', 32));
  const macOf = (body: string, boundTo: readonly string[]) =>
    // JSON has no raw line feed: what it is about and the body cannot run into each other.
    createHmac('sha256', key)
      .update(`${JSON.stringify(['carnet/cache/v1', ...boundTo])}\n`)
      .update(body)
      .digest('base64url');
  return {
    seal: (body, boundTo) => `${macOf(body, boundTo)}\n${body}`,
    open(sealed, boundTo) {
      const body = sealed.slice(MAC_LENGTH + 1);
      const expected = Buffer.from(`${macOf(body, boundTo)}\n`);
      const found = Buffer.from(sealed.slice(0, MAC_LENGTH + 1));
      return found.length === expected.length && timingSafeEqual(found, expected) ? body : undefined;
    },
  };
}
