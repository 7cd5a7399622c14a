import type { AwaitedAccess, GrantedAccess } from '../core/decision.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import { type AccessRequest, accessRequestName, accessStateAt } from '../resources/access-request.ts';
import { durationSeconds } from '../resources/duration.ts';
import type { Terms } from './compiled-mapping.ts';

/** AccessRequests by name. */
export type AccessIndex = ReadonlyMap<string, AccessRequest>;

export const NO_ACCESS: AccessIndex = new Map();

/** What becomes of the just-in-time access that a mapping asks for; `detail` is for audit and explain. */
export type Access =
  | { readonly kind: 'standing' }
  | { readonly kind: 'granted'; readonly access: GrantedAccess; readonly detail: string }
  | { readonly kind: 'awaiting'; readonly access: AwaitedAccess; readonly detail: string };

const STANDING: Access = { kind: 'standing' };

interface Asked {
  readonly mapping: string;
  readonly terms: Terms;
  readonly identity: VerifiedIdentity;
  /** Milliseconds. */
  readonly now: number;
}

/** The one request that there can be for this mapping as it is now and this identity, and whether it has been approved. */
export function accessOf(index: AccessIndex, { mapping, terms, identity, now }: Asked): Access {
  if (terms.access === undefined) return STANDING;
  const { version, spec } = terms.access;
  const name = accessRequestName(mapping, version, identity);
  const request = index.get(name);
  const state = request && accessStateAt(request, now);
  if (request?.notAfter !== undefined && state === 'approved' && now >= (request.from ?? request.notAfter)) {
    const { notAfter, maxUses, uses, breakGlass } = request;
    const used = maxUses === undefined ? '' : `, ${uses} of ${maxUses} uses`;
    return {
      kind: 'granted',
      access: {
        request: name,
        until: notAfter,
        ...(maxUses !== undefined && { counted: true }),
        ...(breakGlass && { breakGlass }),
      },
      detail: `${name}: ${breakGlass ? 'break-glass' : 'approved'} until ${new Date(notAfter).toISOString()}${used}`,
    };
  }
  const of = `${request?.approvals.length ?? 0} of ${spec.approvals} approvals`;
  const access: AwaitedAccess = {
    request: name,
    state: state ?? 'none',
    mapping,
    mappingVersion: version,
    needed: spec.approvals,
    durationSeconds: durationSeconds(spec.maxDuration),
    ...(spec.maxUses !== undefined && { maxUses: spec.maxUses }),
  };
  return { kind: 'awaiting', access, detail: `${name}: ${state ?? 'not asked yet'}, ${of}` };
}
