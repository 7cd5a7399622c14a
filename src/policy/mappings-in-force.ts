import type { Steps } from '../core/steps.ts';
import type { Document, DocumentOf, Fault, ValidDocument } from '../resources/document.ts';
import type { TrustedIssuers } from '../resources/issuers.ts';
import type { CompiledMapping } from './compiled-mapping.ts';
import { type JudgedMappings, type JudgingInput, judgeMappings, noneJudged } from './judged-mappings.ts';
import { MappingIndex } from './mapping-index.ts';
import type { Outcome } from './mapping-outcome.ts';
import { type HeldAgainst, heldAgainstEachOther, NOTHING_HELD } from './mapping-ties.ts';
import type { ReservedAudiences } from './reserved-audiences.ts';

export interface MappingsInForce {
  /** Those that take part in decisions, active and inactive. */
  readonly index: MappingIndex;
  /** Those of mode `shadow`, decided beside. */
  readonly shadows: MappingIndex;
  readonly accepted: readonly DocumentOf<'FederationMapping'>[];
  /** Last good versions that give faulty mappings their place. */
  readonly kept: readonly ValidDocument[];
  readonly faults: readonly Fault[];
  readonly judged: JudgedMappings;
  readonly held: HeldAgainst;
}

type Former = Pick<MappingsInForce, 'index' | 'shadows' | 'judged' | 'held'>;

/** What a compilation begins with that has no former one with the same issuers, grants and configuration. */
export function noMappings(reserved: ReservedAudiences, issuers: TrustedIssuers): Former {
  const none = new MappingIndex([], issuers);
  return { index: none, shadows: none, judged: noneJudged(reserved), held: NOTHING_HELD };
}

/**
 * Compiles mappings; a faulty one is quarantined, one that ties leaves, and neither touches the others. What the former
 * compilation made of a mapping is taken where nothing that it depends on has changed.
 */
export function* mappingsInForce(input: JudgingInput, former: Former): Steps<MappingsInForce> {
  const { issuers } = input.context;
  const judged = yield* judgeMappings(input, former.judged);
  const held = yield* heldAgainstEachOther(judged, { ...former.held, ...former }, issuers);
  const changes = changedPlaces({ judged, held }, former);
  const index = yield* former.index.changed(placesIn(changes, false), issuers);
  const shadows = yield* former.shadows.changed(placesIn(changes, true), issuers);
  const accepted: DocumentOf<'FederationMapping'>[] = [];
  const kept: ValidDocument[] = [];
  const faults: Fault[] = [];
  for (const [document, outcome] of judged.outcomes) {
    const one = held.troubled.get(document) ?? outcome;
    if (one.good !== undefined) accepted.push(one.good);
    if (one.kept !== undefined) kept.push(one.kept);
    faults.push(...one.faults);
  }
  yield;
  return { index, shadows, accepted, kept, faults, judged, held };
}

/** Whether a mapping document is one of `accepted`. */
export function isAccepted({ judged, held }: Pick<MappingsInForce, 'judged' | 'held'>, document: Document): boolean {
  return (held.troubled.get(document) ?? judged.outcomes.get(document))?.good !== undefined;
}

interface Change {
  readonly before: Outcome | undefined;
  readonly after: Outcome | undefined;
}

function changedPlaces(now: Pick<Former, 'judged' | 'held'>, former: Former): readonly Change[] {
  const changed = new Set([...now.judged.changed, ...now.held.troubled.keys(), ...former.held.troubled.keys()]);
  const of = ({ judged, held }: Pick<Former, 'judged' | 'held'>, document: Document) =>
    held.troubled.get(document) ?? judged.outcomes.get(document);
  return [...changed].map((document) => ({ before: of(former, document), after: of(now, document) }));
}

function placesIn(changes: readonly Change[], shadow: boolean) {
  const placed = (outcome: Outcome | undefined): readonly CompiledMapping[] =>
    outcome?.mapping === undefined || (outcome.shadow === true) !== shadow ? [] : [outcome.mapping];
  return {
    gone: changes.flatMap(({ before }) => placed(before)),
    fresh: changes.flatMap(({ after }) => placed(after)),
  };
}
