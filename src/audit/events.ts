import type { Beside, Grant } from '../core/decision.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import type { ErrorKey, Reason } from '../core/oauth-error.ts';
import { identityAttributes } from './identity-attributes.ts';
import type { RecordBody, RecordedAdminAct, RecordedGrant, RecordedRequest } from './record.ts';

/** Something that happened to one request of a verified identity. */
export interface ExchangeEvent {
  readonly type: 'allowed' | 'refused' | 'issued' | 'failed' | 'reused';
  readonly traceId: string;
  /** Of the snapshot that decided. */
  readonly revision: string;
  /** The version of the policy code. */
  readonly decider: string;
  readonly identity: VerifiedIdentity;
  readonly request: RecordedRequest;
  readonly mapping?: string | undefined;
  /** With `refused` and `failed`: what the caller was answered. */
  readonly error?: ErrorKey | undefined;
  readonly reason?: Reason | undefined;
  /** The truth, for the audit reader. */
  readonly detail?: string | undefined;
  readonly beside?: readonly Beside[] | undefined;
  readonly grant?: Grant | undefined;
  /** `expiresAt` in seconds; for "allowed" of what Carnet signs itself the `jti` that will be used. */
  readonly credential?: { readonly id: string; readonly expiresAt: number } | undefined;
  readonly upstreamRequestId?: string | undefined;
  readonly packedPolicyPercent?: number | undefined;
}

/** A change of what Carnet decides by: another set of resources, a key, a stop. */
export interface ChangedEvent {
  readonly type: 'changed';
  /** What changed, a fixed word such as `resources` or `keys`. */
  readonly outcome: string;
  readonly revision?: string | undefined;
  readonly traceId?: string | undefined;
  readonly detail?: string | undefined;
  /** Who did it through the admin API. */
  readonly admin?: RecordedAdminAct | undefined;
}

export type AuditEvent = ExchangeEvent | ChangedEvent;

/** The record of an event, in the frozen order of members (DESIGN section 11). */
export function toBody(event: AuditEvent): RecordBody {
  if (event.type === 'changed') {
    const { type, traceId, revision, outcome, detail, admin } = event;
    return { type, traceId, revision, outcome, detail, admin };
  }
  const { type, traceId, revision, decider, identity, request, mapping, reason, grant, credential, error } = event;
  return {
    type,
    traceId,
    revision,
    decider,
    issuer: identity.issuer,
    identity: identityAttributes(identity),
    jtiSha256: identity.jtiSha256,
    request: { addresses: request.addresses, type: request.type, scope: request.scope, ttl: request.ttl },
    mapping,
    outcome: type,
    reason,
    grant: grant && recordedGrant(grant),
    credential: credential && { id: credential.id, expiresAt: credential.expiresAt },
    upstream: recordedUpstream(event),
    error,
    detail: event.detail,
    beside: event.beside,
  };
}

function recordedUpstream({
  upstreamRequestId: requestId,
  packedPolicyPercent,
}: ExchangeEvent): RecordBody['upstream'] {
  if (requestId === undefined && packedPolicyPercent === undefined) return undefined;
  return { requestId, packedPolicyPercent };
}

function recordedGrant(grant: Grant): RecordedGrant {
  return {
    target: grant.targetId,
    ttl: grant.ttlSeconds,
    enforcedBy: grant.enforcedBy,
    kind: grant.kind,
    deliver: grant.deliver,
    session: grant.kind === 'aws' ? grant.sessionName : undefined,
    access: grant.access,
  };
}
