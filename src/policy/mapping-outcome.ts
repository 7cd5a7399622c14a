import type { DocumentOf, Fault, ValidDocument } from '../resources/document.ts';
import { targetOf } from '../resources/targets/target.ts';
import { compileMapping } from './compile-mapping.ts';
import type { CompiledMapping } from './compiled-mapping.ts';
import type { Condition } from './conditions/condition.ts';
import { type Coverage, type Coverages, needsGrant, uncovered } from './coverage.ts';
import { errorAt, warningAt } from './fault.ts';
import { duplicateFault } from './in-force.ts';
import { mappingFaults, mappingWarnings, type Surroundings } from './mapping-faults.ts';
import { quarantined } from './quarantine.ts';
import { subjectOf } from './subject.ts';
import { unbuiltFeatures } from './unbuilt-features.ts';
import type { LastGood, Version } from './versions.ts';

type MappingDocument = DocumentOf<'FederationMapping'>;

/** What mappings are judged by. */
export interface MappingContext extends Surroundings {
  readonly grants: Coverages;
  readonly requireGrants: boolean;
  readonly lastGood: LastGood;
}

/** One mapping document with what becomes of it. */
export interface Outcome {
  readonly version: Version;
  readonly mapping: CompiledMapping | undefined;
  readonly faults: readonly Fault[];
  /** True for one of mode `shadow`: it takes no part, so it ties with nobody. */
  readonly shadow?: true;
  /** Set when the document is without fault. */
  readonly good?: MappingDocument;
  /** Set when a last good version gives a faulty document its place. */
  readonly kept?: ValidDocument | undefined;
}

/** What becomes of a document before it is held against the mappings beside it; a faulty one is quarantined. */
export function outcomeOf(version: Version, context: MappingContext): Outcome {
  const { document, holdsName, holder } = version;
  if (!holdsName) {
    return faulty(version, [duplicateFault(document, holder)], context.lastGood.ofThisSource(document), context);
  }
  const faultyFor = (faults: readonly Fault[]) => faulty(version, faults, context.lastGood.of(document), context);
  if (!document.valid || document.kind !== 'FederationMapping') return faultyFor([]);
  const subject = subjectOf(document.spec.subject);
  const target = targetOf(document.spec.target);
  if (subject === undefined || target === undefined) {
    const message = 'must have one subject and one target';
    return faultyFor([errorAt(document, ['spec'], { message })]);
  }
  const examined = { document, subject, target, surroundings: context };
  const faults = mappingFaults(examined);
  if (faults.length > 0) return faultyFor(faults);
  const unbuilt = unbuiltFeatures(target);
  const inactive = unbuilt.map((feature) =>
    warningAt(document, ['spec'], { message: `${feature} is not built yet: the mapping is inactive and refuses` }),
  );
  const grant = grantOf(document, context);
  const outcome = {
    version,
    mapping: compileMapping(document, { subject, target, unbuilt, when: whenOf(document, context), grant }),
    faults: inactive.concat(grantWarnings(document, grant), mappingWarnings(examined)),
    good: document,
  };
  return document.spec.mode === 'shadow' ? { ...outcome, shadow: true } : outcome;
}

interface Others {
  /** Whether a name is that of a mapping now and was not, or the other way round. */
  readonly isOtherName: (name: string) => boolean;
  /** The same of an audience that is reserved. */
  readonly isOtherAudience: (audience: string) => boolean;
}

/**
 * Whether what became of a document once is what becomes of it now, as issuers, grants and configuration are the same.
 * Of its condition it asks anew: one that nobody asks for is forgotten.
 */
export function stands({ good, mapping }: Outcome, others: Others, { conditions }: MappingContext): boolean {
  if (good === undefined) return false;
  const { addresses = [], target, when } = good.spec;
  if (addresses.some(others.isOtherName)) return false;
  const audiences = target.jwtSvid?.audiences ?? [];
  if (audiences.some((one) => others.isOtherName(one) || others.isOtherAudience(one))) return false;
  if (when === undefined) return true;
  const compiled = conditions.compile(when);
  const { state } = mapping ?? {};
  return compiled.ok && state?.kind === 'active' && state.terms.when === compiled.condition;
}

function grantOf(document: MappingDocument, { grants, requireGrants }: MappingContext): Coverage | undefined {
  const { source } = document;
  return needsGrant(source, requireGrants) ? grants.of({ mapping: document, source }) : undefined;
}

function grantWarnings(document: MappingDocument, grant: Coverage | undefined): readonly Fault[] {
  if (grant === undefined || grant.ok) return [];
  const { path, message, hint } = uncovered(grant);
  return [warningAt(document, path, { message: `${message}: the mapping refuses`, hint })];
}

function whenOf({ spec }: MappingDocument, { conditions }: MappingContext): Condition | undefined {
  const compiled = spec.when === undefined ? undefined : conditions.compile(spec.when);
  return compiled?.ok ? compiled.condition : undefined;
}

function faulty(
  version: Version,
  faults: readonly Fault[],
  lastGood: ValidDocument | undefined,
  context: MappingContext,
): Outcome {
  return { version, mapping: quarantined(version.document, lastGood, context), faults, kept: lastGood };
}
