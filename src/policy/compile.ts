import type { IssuerContext } from '../resources/compile-issuers.ts';
import type { Document, Fault, Kind, ValidDocument } from '../resources/document.ts';
import { NearestNames } from '../resources/nearest-name.ts';
import { NO_ACCESS } from './access.ts';
import type { Conditions } from './conditions/condition.ts';
import { NO_CONDITIONS } from './conditions/conditions-for.ts';
import { Coverages } from './coverage.ts';
import { errorAt } from './fault.ts';
import { guardrailsInForce } from './guardrails-in-force.ts';
import { type Chosen, choose } from './in-force.ts';
import { issuersInForce } from './issuers-in-force.ts';
import { MappingIndex } from './mapping-index.ts';
import { type MappingOutcomes, mappingsInForce } from './mappings-in-force.ts';
import { ReservedAudiences } from './reserved-audiences.ts';
import { revisionOf } from './revision.ts';
import type { Snapshot } from './snapshot.ts';
import { type FirstSeen, LastGood, type Version, versionsOf } from './versions.ts';

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
  readonly reusable: Reusable;
}

/** What the next compilation need not do again. */
interface Reusable {
  readonly context: CompileContext;
  /** The issuers and grants, by which all mappings are judged. */
  readonly basis: readonly (readonly Document[])[];
  readonly outcomes: MappingOutcomes;
}

/** All resources of one revision as one Snapshot. Pure; the order of documents does not matter. */
export function compile({
  documents,
  firstSeen,
  lastGood,
  context,
  conditions = NO_CONDITIONS,
  former,
}: CompileInput): Compiled {
  const versions = Map.groupBy(versionsOf(documents, firstSeen), ({ document }) => document.kind);
  const of = (kind: Kind): readonly Version[] => versions.get(kind) ?? [];
  const good = new LastGood(lastGood);
  const issuers = issuersInForce(of('TrustedIssuer'), good, context);
  const issuerNames = namesIn(of('TrustedIssuer'));
  const mappingNames = namesIn(of('FederationMapping'));
  const guardrails = guardrailsInForce(of('Guardrail'), good, {
    known: {
      issuers: issuerNames,
      issuerLabels: of('TrustedIssuer').map(({ document }) => document.labels),
      mappings: mappingNames,
    },
    conditions,
  });
  const grants = choose('FederationGrant', of('FederationGrant'), good);
  const coverages = new Coverages(grants.inForce, issuers.issuers);
  const before = former?.reusable;
  const basis = [of('TrustedIssuer').map(({ document }) => document), issuers.inForce, grants.inForce];
  const requests = of('AccessRequest').map(({ document }) => errorAt(document, ['kind'], NOT_FOR_FILES));
  const mappings = mappingsInForce(of('FederationMapping'), good, {
    issuers: issuers.issuers,
    issuerNames,
    nearestIssuers: new NearestNames(issuerNames),
    mappingNames,
    reserved: reservedBy([...context.ownIssuers, context.adminAudience ?? []].flat(), issuers, [
      ...documents,
      ...lastGood.filter(({ name }) => mappingNames.has(name)),
    ]),
    conditions,
    grants: coverages,
    requireGrants: context.requireGrants,
    former: before?.context === context && isSame(before.basis, basis) ? before.outcomes : new Map(),
  });
  const parts = [issuers, guardrails, grants, mappings];
  return {
    snapshot: {
      revision: revisionOf(documents, [...issuers.kept, ...guardrails.kept, ...grants.kept, ...mappings.kept]),
      issuers: issuers.issuers,
      mappings: new MappingIndex(mappings.mappings, issuers.issuers),
      shadows: new MappingIndex(mappings.shadows, issuers.issuers),
      guardrails: guardrails.guardrails,
      grants: coverages,
      access: NO_ACCESS,
    },
    faults: [...parts.flatMap(({ faults }) => faults), ...requests],
    refused: [issuers, guardrails, grants].flatMap(({ refused }) => refused),
    accepted: parts.flatMap<ValidDocument>(({ accepted }) => accepted),
    reusable: { context, basis, outcomes: mappings.outcomes },
  };
}

/** Also what a faulty mapping's last good version names stays reserved, as long as the mapping is there. */
function reservedBy(
  ownIssuers: readonly string[],
  issuers: Chosen<'TrustedIssuer'>,
  documents: readonly Document[],
): ReservedAudiences {
  const mappings = documents.flatMap((document) =>
    document.valid && document.kind === 'FederationMapping' ? [document] : [],
  );
  return new ReservedAudiences(ownIssuers, issuers.inForce, mappings);
}

function isSame(some: Reusable['basis'], others: Reusable['basis']): boolean {
  return some.every((part, at) => {
    const other = others[at] ?? [];
    return part.length === other.length && part.every((one, index) => one === other[index]);
  });
}

function namesIn(versions: readonly Version[]): ReadonlySet<string> {
  return new Set(versions.map(({ document }) => document.name));
}

/** Access is what people have approved one after the other, which no document can say of itself. */
const NOT_FOR_FILES = {
  message: 'an AccessRequest is made by asking, and by no document',
  hint: 'ask with carnet access request, or let the workload ask',
};
