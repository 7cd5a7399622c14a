/** What somebody may be to the admin API. `approver` and `auditor` read like a viewer; what they are for is not there yet. */
export const ADMIN_ROLES = ['viewer', 'editor', 'approver', 'auditor', 'owner'] as const;
export type AdminRole = (typeof ADMIN_ROLES)[number];
