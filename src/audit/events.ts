import type { Beside, Grant } from '../core/decision.ts';
import type { ErrorKey, Reason } from '../core/oauth-error.ts';
import type { RecordBody, RecordedAdminAct, RecordType } from './record.ts';
import type { RecordedCase } from './recorded-case.ts';

/** Something that happened to one request of a verified identity. */
export interface ExchangeEvent {
  readonly type: 'allowed' | 'refused' | 'issued' | 'failed' | 'reused';
  readonly about: RecordedCase;
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

/** What the log takes: an event, or a record that it writes of itself. */
export type Recordable = AuditEvent | RecordBody;

/** A record without its place in the chain. */
export interface RecordJson {
  readonly type: RecordType;
  /** Objects, of which none is empty: their members in turn, after `type`, are the record's (DESIGN section 11). */
  readonly objects: readonly string[];
}

/** The record of an event, in the frozen order of members. Throws what JSON.stringify throws. */
export function recordJson(record: Recordable): RecordJson {
  const { type } = record;
  if ('about' in record) return { type, objects: [record.about.json(), outcomeJson(record)] };
  if (type !== 'changed') return { type, objects: [JSON.stringify({ ...record, type: undefined })] };
  const { traceId, revision, outcome, detail, admin } = record;
  return { type, objects: [JSON.stringify({ traceId, revision, outcome, detail, admin })] };
}

// Member by member: an object would be built for nothing, and written more slowly the more of them are absent.
function outcomeJson(event: ExchangeEvent): string {
  const { type, about, mapping, reason, grant, credential, error, detail, beside } = event;
  const upstream = recordedUpstream(event);
  let text = mapping === undefined ? '{' : `{"mapping":${JSON.stringify(mapping)},`;
  text += `"outcome":"${type}"`;
  if (reason !== undefined) text += `,"reason":${JSON.stringify(reason)}`;
  if (grant !== undefined) text += `,"grant":${about.grantJson(grant)}`;
  if (credential !== undefined) text += `,"credential":${credentialJson(credential)}`;
  if (upstream !== undefined) text += `,"upstream":${JSON.stringify(upstream)}`;
  if (error !== undefined) text += `,"error":${JSON.stringify(error)}`;
  if (detail !== undefined) text += `,"detail":${JSON.stringify(detail)}`;
  if (beside !== undefined) text += `,"beside":${JSON.stringify(beside)}`;
  return `${text}}`;
}

function credentialJson({ id, expiresAt }: NonNullable<ExchangeEvent['credential']>): string {
  return `{"id":${JSON.stringify(id)},"expiresAt":${JSON.stringify(expiresAt)}}`;
}

function recordedUpstream({
  upstreamRequestId: requestId,
  packedPolicyPercent,
}: ExchangeEvent): RecordBody['upstream'] {
  if (requestId === undefined && packedPolicyPercent === undefined) return undefined;
  return { requestId, packedPolicyPercent };
}
