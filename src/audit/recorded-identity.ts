import type { Ask } from '../core/decision.ts';
import type { KubernetesIdentity, Liveness, VerifiedIdentity } from '../core/identity.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { TokenType } from '../core/token-types.ts';
import type { IdentityAttributes } from './identity-attributes.ts';
import type { AuditRecord } from './record.ts';

/** Why a record cannot be decided on again. */
export type NotReplayable =
  /** It holds no identity, or no request with one address. */
  | 'incomplete'
  /** Claims or texts were cut to keep the line in its limit. */
  | 'cut'
  /** A kind of identity, or a form, that this version does not know. */
  | 'unknown_form';

export type Recorded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly why: NotReplayable };

/**
 * What a record lacks of what was decided on, in words for people: the raw `jti`, and a narrowing that a cloud's SDK
 * sent. Where a decision depends on one of them, a replay may come to another one.
 */
export const NOT_RECORDED = ['the claim jti', "a narrowing in the cloud's own words"] as const;

const BINDINGS: readonly string[] = ['pod', 'node', 'secret', 'none'] satisfies KubernetesIdentity['binding'][];
const LIVENESS: readonly string[] = ['reviewed', 'unreachable', 'not_asked'] satisfies Liveness[];
/** Verified tokens stay within 16; whoever forged a line gains no depth by it. */
const MAX_DEPTH = 32;
const TOKEN_TYPES: readonly string[] = Object.values(TokenType);

/** The identity that a record was decided on. Takes records of every older version. */
export function recordedIdentity(record: AuditRecord): Recorded<VerifiedIdentity> {
  const { issuer, identity: attributes, jtiSha256 = '' } = record;
  if (issuer === undefined || attributes === undefined) return no('incomplete');
  if (attributes.claimsSha256 !== undefined || isCut(record)) return no('cut');
  const { subject, issuedAt, expiresAt, spiffeId } = attributes;
  if (!areTexts(issuer, subject, jtiSha256, spiffeId ?? '') || !areSeconds(issuedAt, expiresAt))
    return no('unknown_form');
  const base = { issuer, subject, issuedAt, expiresAt, jtiSha256, ...(spiffeId !== undefined && { spiffeId }) };
  const own =
    attributes.kind === 'oidc' ? oidc(attributes.claims) : attributes.kind === 'kubernetes' && workload(attributes);
  return own ? { ok: true, value: { ...base, ...own } as VerifiedIdentity } : no('unknown_form');
}

/** What a record's request asked of policy. */
export function recordedAsk(record: AuditRecord): Recorded<Ask> {
  const { request } = record;
  if (!isJsonObject(request) || !Array.isArray(request.addresses)) return no('incomplete');
  const [address, second] = request.addresses;
  if (address === undefined || second !== undefined) return no('incomplete');
  if (isCut(record)) return no('cut');
  const { type, scope = '', ttl } = request;
  if (!areTexts(address, scope) || (ttl !== undefined && !areSeconds(ttl))) return no('unknown_form');
  if (type !== undefined && !isTokenType(type)) return no('unknown_form');
  return {
    ok: true,
    value: {
      address,
      scopes: scope === '' ? [] : scope.split(' '),
      ...(type !== undefined && { requestedTokenType: type }),
      ...(ttl !== undefined && { ttlSeconds: ttl }),
    },
  };
}

function no(why: NotReplayable): { readonly ok: false; readonly why: NotReplayable } {
  return { ok: false, why };
}

/** Texts that were cut end in `…`; in a line that was not cut it is a character like any other. */
function isCut({
  truncated,
  request,
  identity: { claims: _, ...attributes } = {} as IdentityAttributes,
}: AuditRecord): boolean {
  const steps = Array.isArray(truncated) ? truncated : [];
  if (!steps.some((step) => String(step).startsWith('strings:'))) return false;
  return Object.values({ ...attributes, ...request })
    .flat()
    .some(endsInMark);
}

function endsInMark(value: unknown): boolean {
  if (typeof value === 'string') return value.endsWith('…');
  return isJsonObject(value) && Object.values(value).some((part) => typeof part === 'string' && part.endsWith('…'));
}

function oidc(claims: JsonObject | undefined): object | undefined {
  return isJsonObject(claims) && isShallow(claims, MAX_DEPTH) ? { kind: 'oidc', claims } : undefined;
}

function workload(attributes: IdentityAttributes): object | undefined {
  const { cluster, namespace, serviceAccount, serviceAccountUid, pod, node, binding, liveness } = attributes;
  if (!areTexts(cluster, namespace, serviceAccount, serviceAccountUid)) return undefined;
  if (pod !== undefined && !(isJsonObject(pod) && areTexts(pod.name, pod.uid))) return undefined;
  if (node !== undefined && !(isJsonObject(node) && areTexts(node.name, node.uid ?? ''))) return undefined;
  // Before anybody could be asked, nobody was.
  const alive = liveness ?? 'not_asked';
  if (!BINDINGS.includes(binding ?? '') || !LIVENESS.includes(alive)) return undefined;
  const places = { ...(pod !== undefined && { pod }), ...(node !== undefined && { node }) };
  return {
    kind: 'kubernetes',
    cluster,
    namespace,
    serviceAccount,
    serviceAccountUid,
    ...places,
    binding,
    liveness: alive,
  };
}

function areTexts(...values: readonly unknown[]): boolean {
  return values.every((value) => typeof value === 'string');
}

function areSeconds(...values: readonly unknown[]): boolean {
  return values.every((value) => Number.isSafeInteger(value));
}

function isTokenType(text: unknown): text is TokenType {
  return typeof text === 'string' && TOKEN_TYPES.includes(text);
}

function isShallow(value: JsonValue, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((part) => isShallow(part, depth - 1));
}
