/** What somebody may be to the admin API. */
export const ADMIN_ROLES = ['viewer', 'editor', 'approver', 'auditor', 'owner'] as const;
export type AdminRole = (typeof ADMIN_ROLES)[number];

/** An entry of `admin.oidc.roles`: the role goes to whoever's claim is this text, or a list with it. */
export interface RoleEntry {
  readonly role: AdminRole;
  readonly claim: string;
  readonly value: string;
  /** Only for documents with all of these labels. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Only for mappings that one of these FederationGrants covers. */
  readonly grants?: readonly string[];
}

/** Whether the role holds for some documents only. */
export function isLimited({ labels, grants }: RoleEntry): boolean {
  return labels !== undefined || grants !== undefined;
}
