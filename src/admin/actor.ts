import type { AdminRole } from '../core/admin-role.ts';
import type { Author } from '../core/author.ts';
import { AdminError } from './admin-error.ts';

/** Whoever asks, verified. */
export interface Actor {
  /** `iss` of the token, or `carnet` for the bootstrap token. */
  readonly issuer: string;
  /** `sub` of the token. */
  readonly subject: string;
  readonly roles: readonly AdminRole[];
  /** The bearer of the bootstrap token: it names the first owner and may nothing else. */
  readonly bootstrap?: true;
}

export type Right = 'read' | 'change mappings' | 'change issuers and guardrails' | 'read the audit log' | 'replay';

/** Who may what: the only place where a role means something. */
const RIGHTS: Readonly<Record<AdminRole, readonly Right[]>> = {
  viewer: ['read'],
  editor: ['read', 'change mappings', 'replay'],
  approver: ['read'],
  auditor: ['read', 'read the audit log', 'replay'],
  owner: ['read', 'change mappings', 'change issuers and guardrails', 'read the audit log', 'replay'],
};

/** Throws AdminError `forbidden` unless a role of the actor gives the right. */
export function assertMay({ roles }: Actor, right: Right): void {
  if (roles.some((role) => RIGHTS[role].includes(right))) return;
  const able = (Object.keys(RIGHTS) as AdminRole[]).filter((role) => RIGHTS[role].includes(right));
  throw new AdminError('forbidden', { detail: `to ${right} takes one of the roles ${able.join(', ')}` });
}

/** The actor as the author of what he writes. */
export function authorOf({ issuer, subject }: Actor): Author {
  return { issuer, subject, as: [] };
}
