import type { GrantedAccess } from '../core/decision.ts';
import type { JsonObject } from '../core/json.ts';
import type { ErrorKey, Reason } from '../core/oauth-error.ts';
import type { IdentityAttributes } from './identity-attributes.ts';

/** The version that is written. Fields may be added within it; readers accept every older one. */
export const RECORD_VERSION = 1;

export const RECORD_TYPES = [
  'allowed',
  'refused',
  'issued',
  'failed',
  'reused',
  'summary',
  'lifecycle',
  'changed',
] as const;
export type RecordType = (typeof RECORD_TYPES)[number];

export interface RecordedRequest {
  readonly addresses: readonly string[];
  /** `requested_token_type`. */
  readonly type?: string | undefined;
  readonly scope?: string | undefined;
  /** `requested_expires_in`, seconds. */
  readonly ttl?: number | undefined;
}

export interface RecordedGrant {
  /** The target's own name for what is granted: a role ARN, an SVID audience. */
  readonly target: string;
  /** Seconds. */
  readonly ttl: number;
  readonly enforcedBy: readonly string[];
  readonly kind: string;
  readonly deliver: string;
  /** What the cloud's own log calls the session, for reconciling. */
  readonly session?: string | undefined;
  /** The just-in-time access that it was given for; `until` in milliseconds. */
  readonly access?: GrantedAccess | undefined;
}

/** Refusals that have no record of their own, counted from `from` to `until` (RFC 3339). */
export interface RecordedSummary {
  readonly from: string;
  readonly until: string;
  readonly count: number;
  /** False: refused before an identity was verified. True: after it, and left out for a limit. */
  readonly verified: boolean;
}

/** What the start found of the process before it. */
export interface RecordedRecovery {
  /** The process before did not close the log. */
  readonly unclean: boolean;
  /** The store knew no head of a stream that has files: a cut before this record cannot be found. */
  readonly headUnknown?: true | undefined;
  /** A torn last line: where it was and how many bytes were taken off. */
  readonly torn?: { readonly file: string; readonly droppedBytes: number } | undefined;
}

/** What a mapping would have come to that does not enforce. */
export interface RecordedBeside {
  readonly mode: 'report' | 'shadow';
  readonly outcome: 'allowed' | 'refused';
  readonly mapping?: string | undefined;
  readonly reason?: Reason | undefined;
  readonly detail?: string | undefined;
}

/** One version of a document. `document` is there where the change was made and it is small enough for a record. */
export interface RecordedDocument {
  readonly version: number;
  /** Of the JSON that the store holds. */
  readonly sha256: string;
  readonly document?: JsonObject | undefined;
}

/** What somebody did through the admin API, or was refused. */
export interface RecordedAdminAct {
  readonly by: { readonly issuer: string; readonly subject: string };
  readonly action:
    | 'put'
    | 'delete'
    | 'rollback'
    | 'name-owner'
    | 'ask'
    | 'approve'
    | 'deny'
    | 'withdraw'
    | 'break-glass'
    /** A request that would change something, and was refused before it was known what. */
    | 'unread';
  readonly kind?: string | undefined;
  readonly name?: string | undefined;
  /** In the words of who did it. */
  readonly why?: string | undefined;
  /** Name of the set that it belongs to. */
  readonly set?: string | undefined;
  /** Absent: there was none. */
  readonly before?: RecordedDocument | undefined;
  /** Absent: there is none any more. */
  readonly after?: RecordedDocument | undefined;
  /** Id of what was proposed or withdrawn. */
  readonly proposal?: string | undefined;
  /** The first person's proposal that this change, by a second one, confirms. */
  readonly confirms?:
    | { readonly proposal: string; readonly by: { readonly issuer: string; readonly subject: string } }
    | undefined;
}

/** All that a record says, without its place in the chain. Absent members do not apply to its type; undefined is absent. */
export interface RecordBody {
  readonly type: RecordType;
  readonly traceId?: string | undefined;
  readonly revision?: string | undefined;
  /** The version of the policy code. */
  readonly decider?: string | undefined;
  /** Name of the TrustedIssuer. */
  readonly issuer?: string | undefined;
  readonly identity?: IdentityAttributes | undefined;
  readonly jtiSha256?: string | undefined;
  readonly request?: RecordedRequest | undefined;
  readonly mapping?: string | undefined;
  readonly outcome: string;
  /** What the caller learnt of policy, or for a summary what was counted. */
  readonly reason?: Reason | string | undefined;
  readonly grant?: RecordedGrant | undefined;
  /** `id` is a jti, serial or access key id; `expiresAt` in seconds since the epoch. */
  readonly credential?: { readonly id: string; readonly expiresAt: number } | undefined;
  /** `packedPolicyPercent`: of what AWS allows a session's policies and tags, how much this one fills. */
  readonly upstream?:
    | { readonly requestId?: string | undefined; readonly packedPolicyPercent?: number | undefined }
    | undefined;
  /** The row of the error table that the caller was answered with. */
  readonly error?: ErrorKey | undefined;
  /** The truth behind the reason, never shown to callers. */
  readonly detail?: string | undefined;
  /** With `allowed` and `refused`, where a mapping reports or a shadow stands beside. */
  readonly beside?: readonly RecordedBeside[] | undefined;
  readonly summary?: RecordedSummary | undefined;
  readonly recovery?: RecordedRecovery | undefined;
  readonly admin?: RecordedAdminAct | undefined;
  /** Present when the line had to be cut to its limit, with what was cut. */
  readonly truncated?: readonly string[] | undefined;
}

/** A record as it is read back. Members unknown to this version are kept and ignored. */
export interface AuditRecord extends RecordBody {
  readonly v: number;
  readonly stream: string;
  /** From 1, without a gap. */
  readonly seq: number;
  /** RFC 3339 UTC with milliseconds: when it was handed to the log. */
  readonly at: string;
  /** Hash of the record before, also across segments; 64 zeros for the first. */
  readonly prev: string;
  readonly hash: string;
}
