import type { AuditRecord } from '../../audit/record.ts';
import type { Ask } from '../../core/decision.ts';
import type { KubernetesIdentity, Liveness, VerifiedIdentity } from '../../core/identity.ts';
import { TokenType } from '../../core/token-types.ts';

const BINDINGS: readonly KubernetesIdentity['binding'][] = ['pod', 'node', 'secret', 'none'];
const LIVENESS: readonly Liveness[] = ['reviewed', 'unreachable', 'not_asked'];

/**
 * The identity that a record tells of, as policy saw it. Undefined where the record is of none, or was cut to its limit:
 * what was cut might have decided. Records from before reviews count as not asked.
 */
export function recordedIdentity(record: AuditRecord): VerifiedIdentity | undefined {
  const { issuer, identity, jtiSha256, truncated } = record;
  if (issuer === undefined || identity === undefined || jtiSha256 === undefined || truncated !== undefined) {
    return undefined;
  }
  const { kind, subject, spiffeId, issuedAt, expiresAt } = identity;
  const base = { issuer, subject, issuedAt, expiresAt, jtiSha256, ...(spiffeId !== undefined && { spiffeId }) };
  if (kind === 'oidc') return { ...base, kind, claims: identity.claims ?? {} };
  const { cluster, namespace, serviceAccount, serviceAccountUid, pod, node } = identity;
  const binding = BINDINGS.find((one) => one === identity.binding);
  if (
    kind !== 'kubernetes' ||
    cluster === undefined ||
    namespace === undefined ||
    serviceAccount === undefined ||
    serviceAccountUid === undefined ||
    binding === undefined
  ) {
    return undefined;
  }
  const liveness = LIVENESS.find((one) => one === identity.liveness) ?? 'not_asked';
  const bound = { ...(pod !== undefined && { pod }), ...(node !== undefined && { node }) };
  return { ...base, kind, cluster, namespace, serviceAccount, serviceAccountUid, ...bound, binding, liveness };
}

/** What a record says was asked. What an SDK narrowed in its cloud's own words is not on record. */
export function recordedAsk({ request }: AuditRecord): Ask | undefined {
  const [address] = request?.addresses ?? [];
  if (request === undefined || address === undefined) return undefined;
  const requestedTokenType = Object.values(TokenType).find((type) => type === request.type);
  return {
    address,
    scopes: request.scope === undefined ? [] : request.scope.split(' '),
    ...(requestedTokenType !== undefined && { requestedTokenType }),
    ...(request.ttl !== undefined && { ttlSeconds: request.ttl }),
  };
}
