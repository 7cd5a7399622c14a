import type { VerifiedIdentity } from '../core/identity.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';

/**
 * The attributes that policy decided on, so that the decision can be replayed. No raw token, and no raw `jti` (E18):
 * the record names the token by `jtiSha256`. The issuer stands beside it in the record.
 */
export interface IdentityAttributes {
  readonly kind: string;
  readonly subject: string;
  readonly spiffeId?: string | undefined;
  /** Seconds. */
  readonly issuedAt: number;
  /** Seconds. */
  readonly expiresAt: number;
  readonly cluster?: string | undefined;
  readonly namespace?: string | undefined;
  readonly serviceAccount?: string | undefined;
  readonly serviceAccountUid?: string | undefined;
  readonly pod?: { readonly name: string; readonly uid: string } | undefined;
  readonly node?: { readonly name: string; readonly uid?: string } | undefined;
  readonly binding?: string | undefined;
  /** Whether the cluster confirmed that the token still counts; absent in records from before it could be asked. */
  readonly liveness?: string | undefined;
  readonly claims?: JsonObject | undefined;
  /** Present when claims were left out to keep the line in its limit: over the JSON of all of them. */
  readonly claimsSha256?: string | undefined;
}

export function identityAttributes(identity: VerifiedIdentity): IdentityAttributes {
  const { kind, subject, spiffeId, issuedAt, expiresAt } = identity;
  const base = { kind, subject, spiffeId, issuedAt, expiresAt };
  if (identity.kind === 'oidc') return { ...base, claims: withoutJti(identity.claims) };
  const { cluster, namespace, serviceAccount, serviceAccountUid, pod, node, binding, liveness } = identity;
  return { ...base, cluster, namespace, serviceAccount, serviceAccountUid, pod, node, binding, liveness };
}

function withoutJti(claims: JsonObject): JsonObject {
  if (!Object.hasOwn(claims, 'jti')) return claims;
  // No prototype, so that a claim named __proto__ stays an ordinary member.
  const rest: Record<string, JsonValue> = Object.create(null);
  for (const [name, value] of Object.entries(claims)) if (name !== 'jti') rest[name] = value;
  return rest;
}
