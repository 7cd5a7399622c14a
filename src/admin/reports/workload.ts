import type { AuditRecord } from '../../audit/record.ts';

/** Who asked, as far as a mapping tells workloads apart: pods of one ServiceAccount are one. */
export interface Workload {
  /** Name of the TrustedIssuer. */
  readonly issuer: string;
  readonly subject: string;
  readonly namespace?: string | undefined;
  readonly serviceAccount?: string | undefined;
}

/** Undefined for a record that is of no identity. */
export function workloadOf({ issuer, identity }: AuditRecord): Workload | undefined {
  if (issuer === undefined || identity === undefined) return undefined;
  const { subject, namespace, serviceAccount } = identity;
  return { issuer, subject, namespace, serviceAccount };
}

/** `prod-eu payments/reporter`, or the issuer and the token's `sub`. */
export function workloadText({ issuer, subject, namespace, serviceAccount }: Workload): string {
  if (namespace === undefined || serviceAccount === undefined) return `${issuer} ${subject}`;
  return `${issuer} ${namespace}/${serviceAccount}`;
}
