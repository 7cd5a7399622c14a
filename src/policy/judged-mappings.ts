import { each, type Steps } from '../core/steps.ts';
import type { Document, DocumentOf, ValidDocument } from '../resources/document.ts';
import { type MappingContext, type Outcome, outcomeOf, stands } from './mapping-outcome.ts';
import type { ReservedAudiences } from './reserved-audiences.ts';
import { type FirstSeen, LastGood, versionsOf } from './versions.ts';

/** Mapping documents, each with what becomes of it before it is held against the mappings beside it. */
export interface JudgedMappings {
  readonly outcomes: ReadonlyMap<Document, Outcome>;
  readonly names: ReadonlySet<string>;
  readonly reserved: ReservedAudiences;
  /** Those that were judged now, and those of the former compilation that are gone. */
  readonly changed: readonly Document[];
}

export interface JudgingInput {
  readonly documents: readonly Document[];
  readonly firstSeen: FirstSeen;
  readonly lastGood: readonly ValidDocument[];
  readonly context: Omit<MappingContext, 'mappingNames' | 'reserved' | 'lastGood'>;
}

/** Documents that are looked at in one step, where looking is all. */
const AT_ONCE = 500;
/** That are judged in one step. */
const JUDGED_AT_ONCE = 10;

/** Without any mapping: what the first compilation begins with. */
export function noneJudged(reserved: ReservedAudiences): JudgedMappings {
  return { outcomes: new Map(), names: new Set(), reserved, changed: [] };
}

/**
 * Judges the documents that are new, that share a name with one that is new or gone, that were faulty, or to whom a name
 * or an audience means something else than it did. Of all others stands what became of them in the former compilation,
 * whose issuers, grants and configuration are the same.
 */
export function* judgeMappings(
  { documents, firstSeen, lastGood, context: given }: JudgingInput,
  former: JudgedMappings,
): Steps<JudgedMappings> {
  const outcomes = new Map<Document, Outcome>();
  const touched = new Set<string>();
  for (const [at, document] of documents.entries()) {
    const before = former.outcomes.get(document);
    if (before !== undefined && before.version.firstSeen === firstSeen(document)) outcomes.set(document, before);
    else touched.add(document.name);
    if (at % AT_ONCE === 0) yield;
  }
  const left = new Set<Document>();
  if (outcomes.size < former.outcomes.size) {
    for (const document of former.outcomes.keys()) if (!outcomes.has(document)) left.add(document);
    for (const { name } of left) touched.add(name);
    yield;
  }
  const group = touched.size === 0 ? [] : documents.filter(({ name }) => touched.has(name));
  yield;
  const regarded = new Set(group);
  const gone = left.difference(regarded);
  const { names, isOther: isOtherName } = namesAfter(former.names, touched, group);
  const { reserved, isOther: isOtherAudience } = former.reserved.changed({
    gone: validMappings([...gone]),
    fresh: validMappings(group.filter((document) => !former.outcomes.has(document))),
    // What is here counts as it is.
    lastGood: validMappings(lastGood.filter((one) => names.has(one.name) && !regarded.has(one) && !outcomes.has(one))),
  });
  yield;
  const context = { ...given, mappingNames: names, reserved, lastGood: new LastGood(lastGood) };
  const versions = [...(yield* versionsOf(group, firstSeen))];
  let seen = 0;
  for (const outcome of outcomes.values()) {
    const { version } = outcome;
    const isJudged = touched.has(version.document.name);
    if (!isJudged && !stands(outcome, { isOtherName, isOtherAudience }, context)) versions.push(version);
    seen += 1;
    if (seen % AT_ONCE === 0) yield;
  }
  yield* each(versions, JUDGED_AT_ONCE, (version) => outcomes.set(version.document, outcomeOf(version, context)));
  return { outcomes, names, reserved, changed: [...gone, ...versions.map(({ document }) => document)] };
}

/** The names that there are, of which `touched` may have come or gone, and which did. */
function namesAfter(before: ReadonlySet<string>, touched: ReadonlySet<string>, group: readonly Document[]) {
  const there = new Set(group.map(({ name }) => name));
  const others = new Set([...touched].filter((name) => there.has(name) !== before.has(name)));
  const isOther = (name: string) => others.has(name);
  if (others.size === 0) return { names: before, isOther };
  const names = new Set(before);
  for (const name of others) if (!names.delete(name)) names.add(name);
  return { names, isOther };
}

function validMappings(documents: readonly Document[]): readonly DocumentOf<'FederationMapping'>[] {
  return documents.flatMap((one) => (one.valid && one.kind === 'FederationMapping' ? [one] : []));
}
