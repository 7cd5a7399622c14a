import { isJsonObject } from './json.ts';

/** Who wrote a document: set by the door that it came through, never read from the document. */
export interface Author {
  /** `iss` of the token that the author signed in with. */
  readonly issuer: string;
  readonly subject: string;
  /** The values of `admin.oidc.roles` that gave the right to write it. */
  readonly as: readonly string[];
  /** Every entry that gave the right was limited to some documents. */
  readonly scoped?: true;
}

/** Somebody of the admin API, as tokens name him. */
export interface Person {
  readonly issuer: string;
  readonly subject: string;
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
  const { issuer, subject } = isJsonObject(value) ? value : {};
  return typeof issuer === 'string' && typeof subject === 'string' ? { issuer, subject } : undefined;
}

/** What the store says of an author; undefined where it says nothing. */
export function authorFrom(value: unknown): Author | undefined {
  if (value === undefined) return undefined;
  if (!isJsonObject(value)) return UNKNOWN;
  const { issuer, subject, as, scoped } = value;
  if (typeof issuer !== 'string' || typeof subject !== 'string' || !Array.isArray(as)) return UNKNOWN;
  if (!as.every((one) => typeof one === 'string') || (scoped !== undefined && scoped !== true)) return UNKNOWN;
  return { issuer, subject, as, ...(scoped === true && { scoped }) };
}
