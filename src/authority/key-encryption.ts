import { createCipheriv, createDecipheriv, hkdfSync, type KeyObject, randomBytes } from 'node:crypto';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Bytes sealed under the key-encryption key, as base64url text. */
export interface Sealed {
  /** Which key-encryption key: tells a wrong key from a changed row. Says nothing about the key itself. */
  readonly under: string;
  readonly nonce: string;
  readonly ciphertext: string;
  readonly tag: string;
}

export class WrongEncryptionKey extends Error {
  override readonly name = 'WrongEncryptionKey';
}

/** The seal does not hold: ciphertext, tag or what it is bound to was changed. */
export class BrokenSeal extends Error {
  override readonly name = 'BrokenSeal';
}

/**
 * AES-256-GCM with a fresh random 96-bit nonce each time (SP 800-38D section 8.2.2; keys are few, so far below 2^32
 * uses). `boundTo` is authenticated beside the bytes: a seal opens only with the very same list.
 */
export function seal(encryptionKey: KeyObject, bytes: Uint8Array, boundTo: readonly unknown[]): Sealed {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, encryptionKey, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(boundTo));
  const ciphertext = Buffer.concat([cipher.update(bytes), cipher.final()]);
  return {
    under: identifier(encryptionKey),
    nonce: nonce.toString('base64url'),
    ciphertext: ciphertext.toString('base64url'),
    tag: cipher.getAuthTag().toString('base64url'),
  };
}

/** Throws WrongEncryptionKey or BrokenSeal, which say nothing of the content. */
export function unseal(encryptionKey: KeyObject, sealed: Sealed, boundTo: readonly unknown[]): Buffer {
  if (sealed.under !== identifier(encryptionKey)) throw new WrongEncryptionKey('sealed under another key');
  const nonce = Buffer.from(sealed.nonce, 'base64url');
  const tag = Buffer.from(sealed.tag, 'base64url');
  if (nonce.length !== NONCE_BYTES || tag.length !== TAG_BYTES) throw new BrokenSeal('nonce or tag has a wrong length');
  const decipher = createDecipheriv(CIPHER, encryptionKey, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(associatedData(boundTo));
  decipher.setAuthTag(tag);
  const opened = decipher.update(Buffer.from(sealed.ciphertext, 'base64url'));
  try {
    return Buffer.concat([opened, decipher.final()]);
  } catch {
    throw new BrokenSeal('the content is not authentic');
  } finally {
    opened.fill(0);
  }
}

/** JSON separates the parts beyond doubt: no two lists give the same bytes. */
function associatedData(boundTo: readonly unknown[]): Buffer {
  return Buffer.from(JSON.stringify(['carnet/sealed/v1', ...boundTo]));
}

/** Derived one way, on a branch of its own, so that it may lie beside the ciphertext. */
function identifier(encryptionKey: KeyObject): string {
  return Buffer.from(hkdfSync('sha256', encryptionKey, '', 'carnet/encryption-key-id/v1', 16)).toString('base64url');
}
