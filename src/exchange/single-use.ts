import type { Clock } from '../core/clock.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import { lengthPrefixedHash } from '../core/length-prefixed-hash.ts';
import { OAuthError } from '../core/oauth-error.ts';
import type { TrustedIssuers } from '../resources/issuers.ts';
import type { Cache } from '../store/cache.ts';

interface SingleUseDeps {
  readonly cache: Pick<Cache, 'setIfAbsent'>;
  readonly clock: Clock;
}

/** Clocks of replicas may differ by ten minutes, and `clockSkew` may be set to its most, a minute, while a token is remembered. */
const MARGIN_MS = 11 * 60_000;

/** Remembers tokens that may be used once, by what names them and never by their text (R2). */
export class SingleUse {
  readonly #deps: SingleUseDeps;

  constructor(deps: SingleUseDeps) {
    this.#deps = deps;
  }

  /**
   * Uses a verified token up, for all replicas that share the cache: of any number of callers one returns. The token
   * stays used whatever happens afterwards, and longer than it could be accepted (R3, R5).
   *
   * Throws OAuthError `token_claims` for a token without `jti`, `token_replayed`, or `replay_unavailable` when nobody can
   * tell (R4).
   */
  async consume(identity: VerifiedIdentity, { trustDomain, byName }: TrustedIssuers): Promise<void> {
    const { issuer, jtiSha256 } = identity;
    if (identity.hasJti !== true) {
      throw new OAuthError('token_claims', { detail: 'no jti, and the token may be used only once here', issuer });
    }
    const skewSeconds = byName.get(issuer)?.clockSkewSeconds ?? 0;
    // `expiresAt` is rounded down, and the verifier accepts the fraction as well.
    const lastAcceptedAt = (identity.expiresAt + 1 + skewSeconds) * 1000;
    const ttlMs = Math.max(0, lastAcceptedAt - this.#deps.clock.now()) + MARGIN_MS;
    const key = `replay:${lengthPrefixedHash(trustDomain, issuer, jtiSha256)}`;
    const outcome = await this.#deps.cache.setIfAbsent(key, '1', ttlMs);
    if (outcome === 'present') throw new OAuthError('token_replayed', { issuer });
    if (outcome === 'unavailable') throw new OAuthError('replay_unavailable', { issuer });
  }
}
