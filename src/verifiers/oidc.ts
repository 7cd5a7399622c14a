import type { OidcIdentity } from '../core/identity.ts';
import { OAuthError } from '../core/oauth-error.ts';
import type { IssuerProfile } from '../resources/issuers.ts';
import { checkClaims } from './claims.ts';
import { identityBase, type SignedToken, spiffeIdFromPath } from './profile.ts';

type OidcProfile = Extract<IssuerProfile, { kind: 'oidc' }>;

/**
 * What a token of a CI system or another OIDC issuer proves. Each required claim must be a string and equal, exactly.
 * Claims that look like Kubernetes' stay plain claims.
 *
 * Throws OAuthError `token_claims` and those of `checkClaims`.
 */
export function oidcIdentity(token: SignedToken, profile: OidcProfile): OidcIdentity {
  const { claims, issuer, trustDomain } = token;
  for (const [name, value] of Object.entries(profile.requireClaims)) {
    if (claims[name] !== value) {
      throw new OAuthError('token_claims', {
        detail: `required claim ${name} is missing or differs`,
        issuer: issuer.name,
      });
    }
  }
  const checked = checkClaims(claims, issuer, token.now);
  const spiffeId = profile.spiffePath === undefined ? undefined : oidcSpiffeId(token, profile.spiffePath, trustDomain);
  return { kind: 'oidc', ...identityBase(token, checked), ...(spiffeId === undefined ? {} : { spiffeId }), claims };
}

/** Variables are `{claims.<name>}`, string claims alone. `/cluster/` belongs to Kubernetes identities (DESIGN section 5). */
function oidcSpiffeId({ claims }: SignedToken, spiffePath: string, trustDomain: string): string | undefined {
  const id = spiffeIdFromPath(trustDomain, spiffePath, (variable) => {
    const value = variable.startsWith('claims.') ? claims[variable.slice('claims.'.length)] : undefined;
    return typeof value === 'string' ? value : undefined;
  });
  return id?.startsWith(`spiffe://${trustDomain}/cluster/`) ? undefined : id;
}
