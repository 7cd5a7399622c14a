import type { AuditRecord } from '../../audit/record.ts';
import type { GrantedAccess } from '../../core/decision.ts';
import type { VerifiedIdentity } from '../../core/identity.ts';
import { isJsonObject } from '../../core/json.ts';
import { type AccessIndex, NO_ACCESS } from '../../policy/access.ts';

/** The just-in-time access that a request was allowed for; undefined where there was none, or none that can be read. */
export function recordedAccess({ grant }: AuditRecord): GrantedAccess | undefined {
  const access: unknown = isJsonObject(grant) ? grant['access'] : undefined;
  if (!isJsonObject(access)) return undefined;
  const { request, until, counted, breakGlass } = access;
  if (typeof request !== 'string' || typeof until !== 'number' || !Number.isSafeInteger(until)) return undefined;
  return { request, until, ...(counted === true && { counted }), ...(breakGlass === true && { breakGlass }) };
}

/**
 * That access as it stood then, and no other: a mapping that says something else by now, or would, looks for another
 * request by name and finds none.
 */
export function accessThen(
  access: GrantedAccess | undefined,
  { issuer, subject }: Pick<VerifiedIdentity, 'issuer' | 'subject'>,
): AccessIndex {
  if (access === undefined) return NO_ACCESS;
  const { request, until, counted, breakGlass } = access;
  const approved = {
    ...{ mapping: '', mappingVersion: '', identity: { issuer, subject }, durationSeconds: 1, needed: 1, approvals: [] },
    ...{ state: 'approved' as const, askedAt: 0, from: 0, notAfter: until, uses: 0 },
    ...(counted && { maxUses: 1 }),
    ...(breakGlass && { breakGlass }),
  };
  return new Map([[request, approved]]);
}
