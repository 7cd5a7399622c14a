import type { Credential, Issuance } from '../core/credential.ts';
import type { Grant } from '../core/decision.ts';
import type { JsonObject } from '../core/json.ts';
import type { Secret } from '../core/secret.ts';
import { TokenType } from '../core/token-types.ts';

const CALL_SECONDS = 300;
const DELIVERED_SECONDS = 60;

type CloudGrant = Pick<Grant, 'mapping' | 'deliver' | 'ttlSeconds'>;

/** `sub` of every assertion for clouds (DESIGN section 8, frozen). */
export function assertionSubject(grant: Pick<Grant, 'mapping'>): string {
  return `mapping:${grant.mapping}`;
}

/**
 * The claims that every cloud sees, without `iss`, which the authority adds (DESIGN section 8). Frozen: trust policies
 * are written against them. Times are whole seconds: five minutes, or 60 s when the workload gets the assertion itself.
 */
export function assertionClaims(grant: CloudGrant, audience: string, issuance: Issuance): JsonObject {
  const lifetime = grant.deliver === 'assertion' ? Math.min(DELIVERED_SECONDS, grant.ttlSeconds) : CALL_SECONDS;
  return {
    sub: assertionSubject(grant),
    aud: audience,
    iat: issuance.issuedAt,
    nbf: issuance.issuedAt,
    exp: issuance.issuedAt + lifetime,
    jti: issuance.id,
  };
}

/** The assertion itself as the credential (`deliver: assertion`). */
export function deliveredAssertion(assertion: Secret, claims: JsonObject, issuance: Issuance): Credential {
  return {
    issuedTokenType: TokenType.jwt,
    tokenType: 'N_A',
    accessToken: assertion,
    expiresAt: Number(claims['exp']),
    id: issuance.id,
  };
}
