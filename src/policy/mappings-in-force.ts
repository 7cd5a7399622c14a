import type { Document, DocumentOf, Fault, ValidDocument } from '../resources/document.ts';
import { targetOf } from '../resources/targets/target.ts';
import { crowdedMappings, MAX_CLAIM_SHAPES } from './claim-crowds.ts';
import { compileMapping, subjectOf } from './compile-mapping.ts';
import type { CompiledMapping } from './compiled-mapping.ts';
import type { Condition } from './conditions/condition.ts';
import { type Coverage, type Coverages, needsGrant, uncovered } from './coverage.ts';
import { errorAt, warningAt } from './fault.ts';
import { duplicateFault } from './in-force.ts';
import { faultsAmongMappings, mappingFaults, mappingWarnings, type Surroundings } from './mapping-faults.ts';
import { quarantined } from './quarantine.ts';
import { type Aged, type Tied, tiedMappings } from './ties.ts';
import { unbuiltFeatures } from './unbuilt-features.ts';
import type { LastGood, Version } from './versions.ts';

interface Context extends Surroundings {
  readonly grants: Coverages;
  readonly requireGrants: boolean;
  /** Of a former compilation with the same issuers, grants and configuration. */
  readonly former: MappingOutcomes;
}

export interface MappingsInForce {
  /** Those that take part in decisions, active and inactive. */
  readonly mappings: readonly CompiledMapping[];
  /** Those of mode `shadow`, decided beside. */
  readonly shadows: readonly CompiledMapping[];
  readonly accepted: readonly DocumentOf<'FederationMapping'>[];
  /** Last good versions that give faulty mappings their place. */
  readonly kept: readonly ValidDocument[];
  readonly faults: readonly Fault[];
  readonly outcomes: MappingOutcomes;
}

/**
 * What became of documents without fault before they were held against each other. Those with a condition are left out:
 * a condition that nobody asks for is forgotten.
 */
export type MappingOutcomes = ReadonlyMap<Document, Outcome>;

/** One mapping document with what becomes of it. */
interface Outcome {
  readonly version: Version;
  readonly mapping: CompiledMapping | undefined;
  readonly faults: readonly Fault[];
  /** True for one of mode `shadow`: it takes no part, so it ties with nobody. */
  readonly shadow?: true;
  /** Set when the document is without fault. */
  readonly good?: DocumentOf<'FederationMapping'>;
  /** Set when a last good version gives a faulty document its place. */
  readonly kept?: ValidDocument | undefined;
}

/** Compiles mappings; a faulty one is quarantined, one that ties leaves, and neither touches the others. */
export function mappingsInForce(versions: readonly Version[], lastGood: LastGood, context: Context): MappingsInForce {
  const holders = new Map(versions.filter(({ holdsName }) => holdsName).map((one) => [one.document.name, one]));
  const outcomes = versions.map((version) => {
    if (version.holdsName) return outcomeOf(version, lastGood, context);
    const duplicate = duplicateFault(version.document, holders.get(version.document.name)?.document);
    return faulty(version, [duplicate], { lastGood: lastGood.ofThisSource(version.document), context });
  });
  const reusable = outcomes.flatMap((one): [Document, Outcome][] =>
    one.good === undefined || one.good.spec.when !== undefined ? [] : [[one.good, one]],
  );
  const aged = agedOf(outcomes.filter(({ shadow }) => shadow === undefined));
  const shadows = agedOf(outcomes.filter(({ shadow }) => shadow === true));
  const crowded = new Map([...crowdedMappings(aged), ...crowdedMappings(shadows)]);
  const uncrowded = aged.filter(({ mapping }) => !crowded.has(mapping));
  const tied = Map.groupBy(tiedMappings(uncrowded, context.issuers), ({ mapping }) => mapping);
  const inForce = outcomes.map((outcome) => withTie(withCrowd(outcome, crowded), tied));
  return {
    mappings: agedOf(inForce.filter(({ shadow }) => shadow === undefined)).map(({ mapping }) => mapping),
    shadows: agedOf(inForce.filter(({ shadow }) => shadow === true)).map(({ mapping }) => mapping),
    accepted: inForce.flatMap(({ good }) => (good === undefined ? [] : [good])),
    kept: inForce.flatMap(({ kept }) => (kept === undefined ? [] : [kept])),
    faults: inForce.flatMap(({ faults }) => faults),
    outcomes: new Map(reusable),
  };
}

function outcomeOf(version: Version, lastGood: LastGood, context: Context): Outcome {
  const { document } = version;
  const keep = { lastGood: lastGood.of(document), context };
  if (!document.valid || document.kind !== 'FederationMapping') return faulty(version, [], keep);
  const subject = subjectOf(document.spec.subject);
  const target = targetOf(document.spec.target);
  if (subject === undefined || target === undefined) {
    const message = 'must have one subject and one target';
    return faulty(version, [errorAt(document, ['spec'], { message })], keep);
  }
  const former = context.former.get(document);
  if (former !== undefined && faultsAmongMappings({ document, target, surroundings: context }).length === 0) {
    return { ...former, version };
  }
  const faults = mappingFaults({ document, subject, target, surroundings: context });
  if (faults.length > 0) return faulty(version, faults, keep);
  const unbuilt = unbuiltFeatures(target);
  const inactive = unbuilt.map((feature) =>
    warningAt(document, ['spec'], { message: `${feature} is not built yet: the mapping is inactive and refuses` }),
  );
  const grant = grantOf(document, context);
  return {
    version,
    mapping: compileMapping(document, { subject, target, unbuilt, when: whenOf(document, context), grant }),
    faults: [
      ...inactive,
      ...grantWarnings(document, grant),
      ...mappingWarnings({ document, subject, target, surroundings: context }),
    ],
    good: document,
    ...(document.spec.mode === 'shadow' && { shadow: true }),
  };
}

function grantOf(document: DocumentOf<'FederationMapping'>, { grants, requireGrants }: Context): Coverage | undefined {
  const { source } = document;
  return needsGrant(source, requireGrants) ? grants.of({ mapping: document, source }) : undefined;
}

function grantWarnings(document: DocumentOf<'FederationMapping'>, grant: Coverage | undefined): readonly Fault[] {
  if (grant === undefined || grant.ok) return [];
  const { path, message, hint } = uncovered(grant);
  return [warningAt(document, path, { message: `${message}: the mapping refuses`, hint })];
}

function whenOf({ spec }: DocumentOf<'FederationMapping'>, { conditions }: Context): Condition | undefined {
  const compiled = spec.when === undefined ? undefined : conditions.compile(spec.when);
  return compiled?.ok ? compiled.condition : undefined;
}

function agedOf(outcomes: readonly Outcome[]): readonly Aged[] {
  return outcomes.flatMap(({ version: { firstSeen }, mapping }) =>
    mapping === undefined ? [] : [{ mapping, firstSeen }],
  );
}

function faulty(
  version: Version,
  faults: readonly Fault[],
  { lastGood, context }: { lastGood: ValidDocument | undefined; context: Context },
): Outcome {
  return { version, mapping: quarantined(version.document, lastGood, context), faults, kept: lastGood };
}

function withCrowd(outcome: Outcome, crowded: ReadonlyMap<CompiledMapping, string>): Outcome {
  const { version, mapping } = outcome;
  const address = mapping === undefined ? undefined : crowded.get(mapping);
  if (address === undefined) return outcome;
  const fault = errorAt(version.document, ['spec', 'subject', 'claims'], {
    message: `at ${address}, mappings ask for more than ${MAX_CLAIM_SHAPES} different sets of claim names`,
    hint: 'ask for the claims that other mappings there ask for, or give it an address of its own',
  });
  return left(outcome, fault);
}

function withTie(outcome: Outcome, tied: ReadonlyMap<CompiledMapping, readonly Tied[]>): Outcome {
  const { mapping } = outcome;
  const ties = mapping === undefined ? [] : (tied.get(mapping) ?? []);
  return ties.reduce(tiedOnce, outcome);
}

function tiedOnce(outcome: Outcome, { other, consequence, addresses }: Tied): Outcome {
  const { version, mapping, faults } = outcome;
  if (mapping === undefined) return outcome;
  if (consequence === 'leaves') {
    const fault = errorAt(version.document, ['spec', 'subject'], {
      message: `ties with mapping ${other}: at an address of both, neither is more specific for the same identity`,
      hint: 'make one subject more specific, or give them different addresses',
    });
    return left(outcome, fault);
  }
  const [what, rest] =
    consequence === 'yields'
      ? [`leaves ${addresses[0]} to mapping ${other}`, mapping.addresses.filter((one) => !addresses.includes(one))]
      : [`shares ${addresses[0]} with mapping ${other}, and requests there are ambiguous`, mapping.addresses];
  const warning = warningAt(version.document, ['spec', 'target'], {
    message: `${what}: neither is more specific for the same identity`,
    hint: 'let requests name the mapping',
  });
  return { ...outcome, mapping: { ...mapping, addresses: rest }, faults: [...faults, warning] };
}

/** A mapping that leaves the index for a fault which only its neighbours make one. */
function left({ version, faults, kept }: Outcome, fault: Fault): Outcome {
  return { version, mapping: undefined, faults: [...faults, fault], kept };
}
