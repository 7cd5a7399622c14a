import type { Issuance } from '../../core/credential.ts';
import type { AzureGrant } from '../../core/decision.ts';
import type { JsonObject } from '../../core/json.ts';
import { assertionClaims } from '../cloud-assertion.ts';

/** What Entra will see: the claims that every cloud sees and no other (DESIGN section 8; clouds.md 1.3). */
export function azureAssertion(grant: AzureGrant, issuance: Issuance): JsonObject {
  return assertionClaims(grant, grant.assertionAudience, issuance);
}
