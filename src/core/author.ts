import { isJsonObject } from './json.ts';

/** Somebody of the admin API, as tokens name him. */
export interface Person {
  /** `iss` of the token that he signed in with. */
  readonly issuer: string;
  readonly subject: string;
  /** An address that its issuer does not call unverified, as it is written there. */
  readonly email?: string;
}

/** Who wrote a document: set by the door that it came through, never read from the document. */
export interface Author extends Person {
  /** The values of `admin.oidc.roles` that gave the right to write it. */
  readonly as: readonly string[];
  /** Every entry that gave the right was limited to some documents. */
  readonly scoped?: true;
}

/**
 * Whether two accounts are one person's: the same, or of one address, without regard to case. It only ever tells that
 * somebody is no second person, and gives no right.
 */
export function isSamePerson(one: Named, other: Named): boolean {
  if (one.issuer === other.issuer && one.subject === other.subject) return true;
  return one.email !== undefined && one.email.toLowerCase() === other.email?.toLowerCase();
}

interface Named extends Omit<Person, 'email'> {
  readonly email?: string | undefined;
}

/** A person as records name him. */
export function accountOf({ issuer, subject }: Person): Pick<Person, 'issuer' | 'subject'> {
  return { issuer, subject };
}

/** How a document came into the store. What was written before these were kept has none of them. */
export interface Provenance {
  readonly author?: Author;
  /** Who proposed it, where the author is the second person who confirmed that. */
  readonly proposedBy?: Person;
  /** The author's own words. */
  readonly why?: string;
  /** Name of the set that it was applied with. */
  readonly set?: string;
  /** Milliseconds. */
  readonly at?: number;
}

/** Of a text that cannot be read: whoever it was may have been limited, and a limit must not be lost. */
const UNKNOWN: Author = { issuer: '', subject: '', as: [], scoped: true };

/** What the store says of a person; undefined where it says nothing that can be read. */
export function personFrom(value: unknown): Person | undefined {
  const { issuer, subject, email } = isJsonObject(value) ? value : {};
  if (typeof issuer !== 'string' || typeof subject !== 'string') return undefined;
  return { issuer, subject, ...(typeof email === 'string' && { email }) };
}

/** What the store says of an author; undefined where it says nothing. */
export function authorFrom(value: unknown): Author | undefined {
  if (value === undefined) return undefined;
  if (!isJsonObject(value)) return UNKNOWN;
  const { as, scoped } = value;
  const person = personFrom(value);
  if (person === undefined || !Array.isArray(as)) return UNKNOWN;
  if (!as.every((one) => typeof one === 'string') || (scoped !== undefined && scoped !== true)) return UNKNOWN;
  return { ...person, as, ...(scoped === true && { scoped }) };
}
