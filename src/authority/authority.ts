import type { JsonObject } from '../core/json.ts';
import type { Secret } from '../core/secret.ts';
import type { Soon } from '../core/soon.ts';

/** `cloud` keys sign assertions for clouds (RS256), `svid` keys sign JWT-SVIDs (ES256): other issuer, other keys. */
export type Purpose = 'cloud' | 'svid';
export const PURPOSES: readonly Purpose[] = ['cloud', 'svid'];

/** A public key as published: exactly the members its key type needs beside `kid`, `use`, `alg` (clouds.md rule 1). */
export interface PublicJwk {
  readonly kty: string;
  readonly kid: string;
  readonly use: 'sig';
  readonly alg: string;
  readonly [member: string]: string;
}

/** Carnet's own signing keys. */
export interface Authority {
  /** The `iss` of what a purpose signs. */
  issuer(purpose: Purpose): string;
  /**
   * A compact JWS over the claims with `iss` set to the purpose's issuer, header exactly `alg kid typ`. The result has
   * been read back and checked before it is returned. Rejects with OAuthError `signing_unavailable` where no key may sign now.
   */
  sign(purpose: Purpose, claims: JsonObject): Soon<Secret>;
  /** Every key that may have signed a token which is still valid, or will sign soon. */
  publicKeys(purpose: Purpose): readonly PublicJwk[];
}
