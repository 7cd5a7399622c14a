import { isSamePerson, type Person } from '../../core/author.ts';
import type { AccessRequest } from '../../resources/access-request.ts';
import { type Actor, personOf } from '../actor.ts';
import { AdminError } from '../admin-error.ts';
import type { JustInTimeMapping } from './just-in-time-mappings.ts';

interface Asked {
  readonly request: AccessRequest;
  readonly mapping: JustInTimeMapping;
  /** `iss` of the identity that it is for. */
  readonly identityIssuer: string | undefined;
  /** Who changed the mapping last, and who before that: two people where there are two. */
  readonly editors: readonly Person[];
}

/** Whether the mapping names the person: by `sub`, or by the value of an entry of `admin.oidc.roles`. */
function isApprover({ subject, given = [] }: Actor, { access: { approvers } }: JustInTimeMapping): boolean {
  return approvers.includes(subject) || given.some(({ value }) => approvers.includes(value));
}

/** Throws AdminError `not_entitled` unless the person is named and has no part in what is asked. */
export function assertMayApprove(actor: Actor, { request, mapping, identityIssuer, editors }: Asked): void {
  if (!isApprover(actor, mapping)) throw notEntitled('the mapping does not name this person among its approvers');
  const { identity, askedBy, approvals } = request;
  const person = personOf(actor);
  if (askedBy !== undefined && isSamePerson(person, askedBy)) throw notEntitled('whoever asks does not approve');
  if (actor.issuer === identityIssuer && actor.subject === identity.subject) {
    throw notEntitled('whoever asks does not approve');
  }
  if (isOwner(actor, mapping)) throw notEntitled('the owner of the mapping does not approve');
  if (editors.some((editor) => isSamePerson(person, editor))) {
    throw notEntitled('the last two editors of the mapping do not approve');
  }
  if (approvals.some(({ by }) => isSamePerson(person, by))) throw notEntitled('this person has approved it already');
}

/** Throws AdminError `not_entitled`: a no is for approvers and for owners of the whole, who take part in nothing by it. */
export function assertMayDeny(actor: Actor, mapping: JustInTimeMapping | undefined): void {
  if (actor.roles.includes('owner') || (mapping !== undefined && isApprover(actor, mapping))) return;
  throw notEntitled('the mapping does not name this person among its approvers');
}

/** Throws AdminError `not_entitled`: what was asked is taken back by the account that asked, or by whoever may say no. */
export function assertMayWithdraw(
  actor: Actor,
  { request, mapping }: { readonly request: AccessRequest; readonly mapping: JustInTimeMapping | undefined },
): void {
  if (request.askedBy !== undefined && isSameAccount(actor, request.askedBy)) return;
  assertMayDeny(actor, mapping);
}

/** Throws AdminError `not_entitled` unless the person is in the group that may open access alone. */
export function assertMayBreakGlass({ given = [] }: Actor, { access: { breakGlass } }: JustInTimeMapping): void {
  if (breakGlass !== undefined && given.some(({ value }) => value === breakGlass.group)) return;
  throw notEntitled('the mapping gives this person no break-glass access');
}

function isOwner({ subject, email }: Actor, { owner }: JustInTimeMapping): boolean {
  const named = owner.toLowerCase();
  return subject.toLowerCase() === named || email?.toLowerCase() === named;
}

function isSameAccount(actor: Actor, { issuer, subject }: Pick<Person, 'issuer' | 'subject'>): boolean {
  return actor.issuer === issuer && actor.subject === subject;
}

function notEntitled(detail: string): AdminError {
  return new AdminError('not_entitled', { detail });
}
