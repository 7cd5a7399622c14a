import type { JsonObject } from '../../core/json.ts';
import { type AccessRequest, type AccessState, accessStateAt, type Person } from '../../resources/access-request.ts';
import { API_VERSION } from '../../resources/document.ts';
import type { JustInTimeMapping } from './just-in-time-mappings.ts';

/** An AccessRequest as the admin API shows it; instants are RFC 3339. */
export interface AccessView {
  readonly document: JsonObject;
  readonly state: AccessState;
  readonly askedAt: string;
  /** Absent: the workload, by an exchange. */
  readonly askedBy?: Person;
  readonly needed: number;
  readonly approvals: readonly { readonly by: Person; readonly at: string; readonly why?: string }[];
  /** Whom the mapping names; absent where it is gone, or is not just-in-time any more. */
  readonly approvers?: readonly string[];
  /** Of the mapping, who does not approve; absent where `approvers` is. */
  readonly owner?: string;
  readonly breakGlass: boolean;
  readonly from?: string;
  readonly notAfter?: string;
  readonly uses: number;
  readonly maxUses?: number;
  readonly endedAt?: string;
  readonly why?: string;
}

/** The document alone: what was asked, of which mapping and for whom. */
function accessDocument(name: string, { mapping, identity, reason, durationSeconds }: AccessRequest): JsonObject {
  const spec = { mapping, identity, ...(reason !== undefined && { reason }), durationSeconds };
  return { apiVersion: API_VERSION, kind: 'AccessRequest', metadata: { name }, spec };
}

interface Viewed {
  readonly name: string;
  readonly request: AccessRequest;
  readonly mapping: JustInTimeMapping | undefined;
  readonly now: number;
}

export function accessView({ name, request, mapping, now }: Viewed): AccessView {
  const { askedAt, askedBy, needed, approvals, breakGlass, from, notAfter, uses, maxUses, endedAt, why } = request;
  return {
    document: accessDocument(name, request),
    state: accessStateAt(request, now),
    askedAt: instant(askedAt),
    ...(askedBy !== undefined && { askedBy }),
    needed,
    approvals: approvals.map(({ by, at, why: said }) => ({
      by,
      at: instant(at),
      ...(said !== undefined && { why: said }),
    })),
    ...(mapping !== undefined && { approvers: mapping.access.approvers, owner: mapping.owner }),
    breakGlass: breakGlass === true,
    ...(from !== undefined && { from: instant(from) }),
    ...(notAfter !== undefined && { notAfter: instant(notAfter) }),
    uses,
    ...(maxUses !== undefined && { maxUses }),
    ...(endedAt !== undefined && { endedAt: instant(endedAt) }),
    ...(why !== undefined && { why }),
  };
}

function instant(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
