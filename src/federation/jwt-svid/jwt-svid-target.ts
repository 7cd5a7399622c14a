import type { Authority } from '../../authority/authority.ts';
import type { Target } from '../../core/credential.ts';
import type { JwtSvidGrant } from '../../core/decision.ts';

interface JwtSvidDeps {
  readonly authority: Pick<Authority, 'sign'>;
}

/**
 * A JWT-SVID that Carnet signs itself (SPIFFE JWT-SVID sections 2 and 3): one string audience, `jti` that of the audit
 * record, no `nbf` and no further claim (DESIGN section 8).
 */
export function createJwtSvidTarget({ authority }: JwtSvidDeps): Target<JwtSvidGrant> {
  return {
    kind: 'jwtSvid',
    issue: async (grant, _identity, issuance) => {
      const expiresAt = issuance.issuedAt + grant.ttlSeconds;
      const accessToken = await authority.sign('svid', {
        sub: grant.spiffeId,
        aud: grant.audience,
        iat: issuance.issuedAt,
        exp: expiresAt,
        jti: issuance.id,
      });
      return { issuedTokenType: grant.issuedTokenType, tokenType: 'N_A', accessToken, expiresAt, id: issuance.id };
    },
  };
}
