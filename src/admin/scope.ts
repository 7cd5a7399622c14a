import { isLimited, type RoleEntry } from '../core/admin-role.ts';
import type { Author } from '../core/author.ts';
import type { Coverages } from '../policy/coverage.ts';
import { carries } from '../policy/subject.ts';
import type { Document } from '../resources/document.ts';
import { type Actor, assertMaySomewhere, givenFor, mayEverywhere, personOf, type Right } from './actor.ts';
import { AdminError } from './admin-error.ts';

/** Where a right of an actor holds. */
export interface Scope {
  readonly everywhere: boolean;
  /** Whether it holds for a document. */
  admits(document: Document): boolean;
  /** Entries that let it hold for each of some documents that are there; all entries where it holds everywhere. */
  admitting(documents: readonly Document[]): readonly RoleEntry[];
}

/** Throws AdminError `forbidden` for whoever has the right nowhere. */
export function scopeOf(actor: Actor, right: Right, grants: Coverages): Scope {
  assertMaySomewhere(actor, right);
  const entries = givenFor(actor, right);
  const everywhere = mayEverywhere(actor, right);
  return {
    everywhere,
    admits: (document) => everywhere || entries.some((entry) => admits(entry, document, { actor, grants })),
    admitting: (documents) =>
      everywhere
        ? entries.filter((entry) => !isLimited(entry))
        : entries.filter((entry) => documents.some((one) => admits(entry, one, { actor, grants }))),
  };
}

/** Whether a right holds for every document of these mappings, and each has one. False without a name. */
export function holdsForAll({ admits }: Scope, documents: readonly Document[], names: readonly string[]): boolean {
  const mappings = documents.filter(({ kind, name }) => kind === 'FederationMapping' && names.includes(name));
  const found = Map.groupBy(mappings, ({ name }) => name);
  return names.length > 0 && names.every((name) => found.get(name)?.every(admits) === true);
}

interface Held {
  readonly actor: Actor;
  readonly grants: Coverages;
}

/** By labels and by grants together, where an entry has both. A grant itself belongs to those whom it limits. */
function admits(entry: RoleEntry, document: Document, { actor, grants }: Held): boolean {
  if (entry.labels !== undefined && !carries(document, entry.labels)) return false;
  if (entry.grants === undefined) return true;
  if (document.kind === 'FederationGrant') return entry.grants.includes(document.name);
  if (!document.valid || document.kind !== 'FederationMapping') return false;
  const { issuer, subject } = actor;
  const author: Author = { issuer, subject, as: [entry.value], scoped: true };
  return grants.of({ mapping: document, source: { ...document.source, author } }, entry.grants).ok;
}

/**
 * The actor as the author of a mapping that was and is to be, each undefined where there is none. Throws AdminError
 * `forbidden` unless both are where he may write, or when it moves a label that only owners set.
 */
export function writer(
  actor: Actor,
  { before, after }: Readonly<Record<'before' | 'after', Document | undefined>>,
  grants: Coverages,
): Author {
  const person = personOf(actor);
  const scope = scopeOf(actor, 'change mappings', grants);
  const there = [before, after].filter((document) => document !== undefined);
  // What let him write the former version says nothing of the new one: a grant may go by it.
  const as = [...new Set(scope.admitting(there.slice(-1)).map(({ value }) => value))];
  if (scope.everywhere) return { ...person, as };
  const [outside] = there.filter((document) => !scope.admits(document));
  if (outside !== undefined) {
    const which = outside === before ? 'as it is' : 'as it would be';
    throw new AdminError('forbidden', { detail: `${outside.kind} ${outside.name} ${which} ${limitsOf(actor)}` });
  }
  assertOwnersLabels(actor, before, after, scope);
  return { ...person, as, scoped: true };
}

/** Whoever is limited by labels must not choose by whom else a mapping can be written. */
function assertOwnersLabels(
  { ownersLabels = [] }: Actor,
  before: Document | undefined,
  after: Document | undefined,
  scope: Scope,
): void {
  if (after === undefined) return;
  const own = before === undefined ? scope.admitting([after]).map(({ labels }) => labels ?? {}) : [before.labels];
  const moved = ownersLabels.find((key) => !own.some((labels) => labelOf(labels, key) === labelOf(after.labels, key)));
  if (moved === undefined) return;
  throw new AdminError('forbidden', {
    field: `metadata.labels.${moved}`,
    detail: `the label ${moved} decides who may write a mapping, so only an owner sets it`,
  });
}

function labelOf(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function limitsOf(actor: Actor): string {
  const limits = givenFor(actor, 'change mappings').map(({ labels, grants }) =>
    [
      ...Object.entries(labels ?? {}).map(([key, value]) => `label ${key}=${value}`),
      ...(grants === undefined ? [] : [`covered by grant ${grants.join(' or ')}`]),
    ].join(' and '),
  );
  return `is outside what this identity may write: ${limits.join('; or ')}`;
}
