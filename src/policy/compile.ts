import { type Steps, whole } from '../core/steps.ts';
import type { IssuerContext } from '../resources/compile-issuers.ts';
import type { Document, Fault, Kind, ValidDocument } from '../resources/document.ts';
import { NearestNames } from '../resources/nearest-name.ts';
import { NO_ACCESS } from './access.ts';
import type { Conditions } from './conditions/condition.ts';
import { NO_CONDITIONS } from './conditions/conditions-for.ts';
import { Coverages } from './coverage.ts';
import { errorAt } from './fault.ts';
import { guardrailsInForce } from './guardrails-in-force.ts';
import { choose } from './in-force.ts';
import { issuersInForce } from './issuers-in-force.ts';
import { isAccepted, type MappingsInForce, mappingsInForce, noMappings } from './mappings-in-force.ts';
import { ReservedAudiences } from './reserved-audiences.ts';
import { Revision } from './revision.ts';
import type { Snapshot } from './snapshot.ts';
import { byIdentity, type FirstSeen, LastGood, versionsOf } from './versions.ts';

export interface CompileContext extends IssuerContext {
  /** Whether mappings need a FederationGrant even when they come from the owner's files. */
  readonly requireGrants: boolean;
  /** Audience of the admin API, which no SVID may carry; absent where there is none. */
  readonly adminAudience?: string;
}

export interface CompileInput {
  readonly documents: readonly Document[];
  readonly firstSeen: FirstSeen;
  /** Last good version of each kind, name and source, as earlier compilations accepted them. */
  readonly lastGood: readonly ValidDocument[];
  readonly context: CompileContext;
  /** Compiles `when` and `deny`; without it a document that has one is faulty. */
  readonly conditions?: Conditions;
  /** Any earlier one: what it made of documents that are here again is taken where nothing they depend on has changed. */
  readonly former?: Compiled | undefined;
}

export interface Compiled {
  readonly snapshot: Snapshot;
  /** What is wrong between documents, and what is not built; what is wrong inside one is listed by who parsed it. */
  readonly faults: readonly Fault[];
  /**
   * Faulty TrustedIssuers, Guardrails and FederationGrants in whose place nothing is in force. They stop a start; at
   * reload they alone are refused and the snapshot is good without them.
   */
  readonly refused: readonly Fault[];
  /** Documents of this revision without fault: from now on the last good versions of their names. */
  readonly accepted: readonly ValidDocument[];
  /** Names of all mappings, faulty ones too; the same object as in a former compilation with the same names. */
  readonly mappingNames: ReadonlySet<string>;
  /** Whether a document is one of `accepted`. */
  readonly accepts: (document: Document) => boolean;
  readonly reusable: Reusable;
}

/** What the next compilation need not do again. */
interface Reusable {
  readonly context: CompileContext;
  /** The issuers and grants, by which all mappings are judged. */
  readonly basis: readonly (readonly Document[])[];
  readonly mappings: MappingsInForce;
  /** Whether they were compiled from those of the compilation before. */
  readonly isReused: boolean;
  readonly documents: readonly Document[];
  /** Those of them that are no mappings. */
  readonly others: ReadonlySet<Document>;
  readonly revision: Revision;
}

/** All resources of one revision as one Snapshot. Pure; the order of documents does not matter. */
export function compile(input: CompileInput): Compiled {
  return whole(compileInSteps(input));
}

/** The same, step by step. */
export function* compileInSteps(input: CompileInput): Steps<Compiled> {
  const { documents, firstSeen, lastGood, context, conditions = NO_CONDITIONS, former } = input;
  const byKind = Map.groupBy(documents, ({ kind }) => kind);
  const of = (kind: Kind): readonly Document[] => byKind.get(kind) ?? [];
  const versions = (kind: Kind) => whole(versionsOf(of(kind), firstSeen));
  yield;
  const good = new LastGood(lastGood.filter(({ kind }) => kind !== 'FederationMapping'));
  const issuers = issuersInForce(versions('TrustedIssuer'), good, context);
  const issuerNames = new Set(of('TrustedIssuer').map(({ name }) => name));
  const grants = choose('FederationGrant', versions('FederationGrant'), good);
  const coverages = new Coverages(grants.inForce, issuers.issuers);
  yield;
  const before = former?.reusable;
  const basis = [of('TrustedIssuer').toSorted(byIdentity), issuers.inForce, grants.inForce];
  const isReused = before?.context === context && isSame(before.basis, basis);
  const ownIssuers = [...context.ownIssuers, context.adminAudience ?? []].flat();
  const mappings = yield* mappingsInForce(
    {
      documents: of('FederationMapping'),
      firstSeen,
      lastGood: lastGood.filter(({ kind }) => kind === 'FederationMapping'),
      context: {
        issuers: issuers.issuers,
        issuerNames,
        nearestIssuers: new NearestNames(issuerNames),
        conditions,
        grants: coverages,
        requireGrants: context.requireGrants,
      },
    },
    isReused ? before.mappings : noMappings(ReservedAudiences.of(ownIssuers, issuers.inForce), issuers.issuers),
  );
  const guardrails = guardrailsInForce(versions('Guardrail'), good, {
    known: {
      issuers: issuerNames,
      issuerLabels: of('TrustedIssuer').map(({ labels }) => labels),
      mappings: mappings.judged.names,
    },
    conditions,
  });
  yield;
  const requests = of('AccessRequest').map((document) => errorAt(document, ['kind'], NOT_FOR_FILES));
  const parts = [issuers, guardrails, grants, mappings];
  const others = new Set(documents.filter(isNoMapping));
  const now = { context, basis, mappings, isReused, documents, others };
  const revision = yield* revisionAfter(before, now);
  return {
    snapshot: {
      revision: revision.named(parts.flatMap<Document>(({ kept }) => kept)),
      issuers: issuers.issuers,
      mappings: mappings.index,
      shadows: mappings.shadows,
      guardrails: guardrails.guardrails,
      grants: coverages,
      access: NO_ACCESS,
    },
    faults: [...parts.flatMap(({ faults }) => faults), ...requests],
    refused: [issuers, guardrails, grants].flatMap(({ refused }) => refused),
    accepted: parts.flatMap<ValidDocument>(({ accepted }) => accepted),
    mappingNames: mappings.judged.names,
    accepts: acceptedAmong(mappings, [issuers, guardrails, grants]),
    reusable: { ...now, revision },
  };
}

/** A scope of its own: what it gives lives as long as the Snapshot, and must not hold the one before. */
function acceptedAmong(mappings: MappingsInForce, others: readonly { readonly accepted: readonly Document[] }[]) {
  const known = new Set(others.flatMap(({ accepted }) => accepted));
  return (document: Document) => known.has(document) || isAccepted(mappings, document);
}

function* revisionAfter(before: Reusable | undefined, now: Omit<Reusable, 'revision'>): Steps<Revision> {
  if (before === undefined) return yield* Revision.NONE.changed([], now.documents);
  const { changed } = now.mappings.judged;
  const touched = new Set(
    now.isReused ? [...changed, ...before.others, ...now.others] : [...before.documents, ...now.documents],
  );
  yield;
  const gone = [...touched].filter((one) => holds(before, one) && !holds(now, one));
  const fresh = [...touched].filter((one) => !holds(before, one) && holds(now, one));
  return yield* before.revision.changed(gone, fresh);
}

function holds({ mappings, others }: Omit<Reusable, 'revision'>, document: Document): boolean {
  return mappings.judged.outcomes.has(document) || others.has(document);
}

function isNoMapping({ kind }: Document): boolean {
  return kind !== 'FederationMapping';
}

function isSame(some: Reusable['basis'], others: Reusable['basis']): boolean {
  return some.every((part, at) => {
    const other = others[at] ?? [];
    return part.length === other.length && part.every((one, index) => one === other[index]);
  });
}

/** Access is what people have approved one after the other, which no document can say of itself. */
const NOT_FOR_FILES = {
  message: 'an AccessRequest is made by asking, and by no document',
  hint: 'ask with carnet access request, or let the workload ask',
};
