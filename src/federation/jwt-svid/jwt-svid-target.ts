import type { Authority } from '../../authority/authority.ts';
import type { Credential, Target } from '../../core/credential.ts';
import type { JwtSvidGrant } from '../../core/decision.ts';
import { after, type Soon } from '../../core/soon.ts';

interface JwtSvidDeps {
  readonly authority: Pick<Authority, 'sign'>;
}

/**
 * A JWT-SVID that Carnet signs itself (SPIFFE JWT-SVID sections 2 and 3): one string audience, `jti` that of the audit
 * record, no `nbf` and no further claim (DESIGN section 8).
 */
export function createJwtSvidTarget({ authority }: JwtSvidDeps): Target<JwtSvidGrant, Soon<Credential>> {
  return {
    kind: 'jwtSvid',
    issue({ spiffeId, audience, ttlSeconds, issuedTokenType }, _identity, { id, issuedAt }) {
      const expiresAt = issuedAt + ttlSeconds;
      const claims = { sub: spiffeId, aud: audience, iat: issuedAt, exp: expiresAt, jti: id };
      return after(authority.sign('svid', claims), (accessToken) => {
        return { issuedTokenType, tokenType: 'N_A', accessToken, expiresAt, id };
      });
    },
  };
}
