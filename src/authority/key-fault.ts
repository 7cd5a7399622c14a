/**
 * Carnet's own keys cannot be had, and none are made in their place. The message begins with what to look at,
 * `signing.encryptionKeyFile` or the store, and holds no key material.
 */
export class KeyFault extends Error {
  override readonly name = 'KeyFault';
}
