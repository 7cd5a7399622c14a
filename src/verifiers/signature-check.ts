import type { Secret } from '../core/secret.ts';
import type { Soon } from '../core/soon.ts';
import type { VerificationKey } from './key-set.ts';

/** A token whose signature is about to be checked. Nothing of it is believed. */
export interface Presented {
  readonly token: Secret;
  /** Exact `iss` of a configured issuer. */
  readonly iss: string;
  /** Name of the TrustedIssuer where only one can have written the token. */
  readonly issuer?: string | undefined;
  /** `sub` as it stands there: free text, empty when it is none. */
  readonly subject: string;
  /** The keys that it is checked with, at most four. */
  readonly keys: readonly Pick<VerificationKey, 'alg' | 'thumbprint'>[];
}

/**
 * Runs a signature check, which gives undefined when none of the keys verifies. May run it later, may answer
 * undefined for a token that these keys are known not to verify, and may throw OAuthError `rate_limited` in its place.
 */
export type BoundCheck = <T extends object>(
  presented: Presented,
  check: () => Soon<T | undefined>,
) => Soon<T | undefined>;
