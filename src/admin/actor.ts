import { type AdminRole, isLimited, type RoleEntry } from '../core/admin-role.ts';
import type { Author, Person } from '../core/author.ts';
import { AdminError } from './admin-error.ts';

/** Whoever asks, verified. */
export interface Actor {
  /** `iss` of the token, or `carnet` for the bootstrap token. */
  readonly issuer: string;
  /** `sub` of the token. */
  readonly subject: string;
  /** Those that hold for every document. */
  readonly roles: readonly AdminRole[];
  /** Entries of `admin.oidc.roles` that gave the roles, also those that are limited; absent is none. */
  readonly given?: readonly RoleEntry[];
  /** Keys of the labels by which entries are limited: only owners set them. */
  readonly ownersLabels?: readonly string[];
  /** Claim `email`, if it is a text. It gives no right; it only tells that somebody is an owner. */
  readonly email?: string;
  /** Its issuer says that nobody has looked whether the address is his. */
  readonly emailVerified?: false;
  /** The bearer of the bootstrap token: it names the first owner and may nothing else. */
  readonly bootstrap?: true;
}

export type Right =
  | 'read'
  | 'change mappings'
  | 'change issuers, guardrails and grants'
  | 'read the audit log'
  | 'replay'
  | 'ask for access'
  | 'decide on access';

/** Who may what: the only place where a role means something. */
const RIGHTS: Readonly<Record<AdminRole, readonly Right[]>> = {
  viewer: ['read'],
  editor: ['read', 'change mappings', 'replay', 'ask for access'],
  approver: ['read', 'ask for access', 'decide on access'],
  auditor: ['read', 'read the audit log', 'replay'],
  owner: [
    'read',
    'change mappings',
    'change issuers, guardrails and grants',
    'read the audit log',
    'replay',
    'ask for access',
    'decide on access',
  ],
};

/** Throws AdminError `forbidden` unless a role of the actor gives the right, for every document. */
export function assertMay(actor: Actor, right: Right): void {
  if (!mayEverywhere(actor, right)) throw forbidden(actor, right);
}

/** The same for whoever has it for some documents at least: which they are is for `scope.ts` to say. */
export function assertMaySomewhere(actor: Actor, right: Right): void {
  if (!mayEverywhere(actor, right) && givenFor(actor, right).length === 0) throw forbidden(actor, right);
}

export function mayEverywhere({ roles }: Actor, right: Right): boolean {
  return roles.some((role) => RIGHTS[role].includes(right));
}

/** Entries that give the right, where they are limited for the documents that they name. */
export function givenFor({ given = [] }: Actor, right: Right): readonly RoleEntry[] {
  return given.filter((entry) => RIGHTS[entry.role].includes(right) && (!isLimited(entry) || right in LIMITABLE));
}

/** Longer ones are no addresses (RFC 5321 section 4.5.3.1), and what has no `@` may be anybody's. */
const ADDRESS = /^(?=.{3,320}$)[^@]+@.+$/u;

/** Whoever asks, as it is kept of him who did what. */
export function personOf({ issuer, subject, email = '', emailVerified }: Actor): Person {
  return { issuer, subject, ...(emailVerified !== false && ADDRESS.test(email) && { email }) };
}

/** The actor as the author of what only an unlimited right lets him write. Throws AdminError `forbidden`. */
export function authorOf(actor: Actor, right: Right): Author {
  assertMay(actor, right);
  return { ...personOf(actor), as: givenFor(actor, right).map(({ value }) => value) };
}

/** Rights over single documents, and what is asked or recorded of them: the others are for everything or not at all. */
const LIMITABLE: { readonly [R in Right]?: true } = {
  read: true,
  'change mappings': true,
  'read the audit log': true,
  replay: true,
  'ask for access': true,
  'decide on access': true,
};

function forbidden({ given = [] }: Actor, right: Right): AdminError {
  const able = (Object.keys(RIGHTS) as AdminRole[]).filter((role) => RIGHTS[role].includes(right));
  // Whoever has such a role, for some documents, would look for what he lacks in vain.
  const limited = given.some(({ role }) => able.includes(role)) ? ', not limited to some documents' : '';
  return new AdminError('forbidden', { detail: `to ${right} takes one of the roles ${able.join(', ')}${limited}` });
}
