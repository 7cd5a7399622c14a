import type { Issuance } from '../../core/credential.ts';
import type { GcpGrant } from '../../core/decision.ts';
import type { VerifiedIdentity } from '../../core/identity.ts';
import type { JsonObject } from '../../core/json.ts';
import { assertionClaims } from '../cloud-assertion.ts';

/**
 * What Google Cloud will see, beside the claims that every cloud sees: what a provider's attribute mapping can take up
 * (DESIGN section 8; clouds.md 1.2). A claim that the identity lacks is left out, so that a condition on it fails.
 */
export function gcpAssertion(grant: GcpGrant, identity: VerifiedIdentity, issuance: Issuance): JsonObject {
  return {
    ...assertionClaims(grant, grant.provider, issuance),
    carnet_issuer: identity.issuer,
    ...(identity.kind === 'kubernetes' && {
      carnet_namespace: identity.namespace,
      carnet_service_account: identity.serviceAccount,
    }),
    ...(identity.spiffeId !== undefined && { carnet_spiffe_id: identity.spiffeId }),
  };
}
