import { containing } from '../../audit/history.ts';
import type { AuditRecord } from '../../audit/record.ts';

/** What records are looked for; each member that is there must be equal. */
export interface AuditFilter {
  readonly type?: string | undefined;
  readonly outcome?: string | undefined;
  /** Name of the TrustedIssuer. */
  readonly issuer?: string | undefined;
  readonly namespace?: string | undefined;
  readonly serviceAccount?: string | undefined;
  /** Also a change of the mapping of this name. */
  readonly mapping?: string | undefined;
  readonly trace?: string | undefined;
  readonly reason?: string | undefined;
  /** A jti, serial or access key id. */
  readonly credential?: string | undefined;
}

export function matches(record: AuditRecord, filter: AuditFilter): boolean {
  const { identity, admin, credential } = record;
  const changed = admin?.kind === 'FederationMapping' ? admin.name : undefined;
  const found: readonly (readonly [string | undefined, string | undefined])[] = [
    [filter.type, record.type],
    [filter.outcome, record.outcome],
    [filter.issuer, record.issuer],
    [filter.namespace, identity?.namespace],
    [filter.serviceAccount, identity?.serviceAccount],
    [filter.mapping, record.mapping ?? changed],
    [filter.trace, record.traceId],
    [filter.reason, record.reason],
    [filter.credential, credential?.id],
  ];
  return found.every(([wanted, value]) => wanted === undefined || wanted === value);
}

/** Texts that the line of a record holds which matches: whatever lacks one need not be parsed. */
export function textsOf(filter: AuditFilter): readonly string[] {
  const { type, outcome, issuer, namespace, serviceAccount, mapping, trace, reason, credential } = filter;
  const members = { type, outcome, issuer, namespace, serviceAccount, traceId: trace, reason, id: credential };
  const texts = Object.entries(members).flatMap(([member, value]) =>
    value === undefined ? [] : [containing(member, value)],
  );
  return mapping === undefined ? texts : [...texts, JSON.stringify(mapping)];
}
