import { copied, type Steps, sorted } from '../core/steps.ts';
import type { Document, Fault } from '../resources/document.ts';
import type { TrustedIssuers } from '../resources/issuers.ts';
import { crowdedMappings, MAX_CLAIM_SHAPES, mayCrowd } from './claim-crowds.ts';
import type { CompiledMapping } from './compiled-mapping.ts';
import { errorAt, warningAt } from './fault.ts';
import type { JudgedMappings } from './judged-mappings.ts';
import type { MappingIndex } from './mapping-index.ts';
import { neighboursOf } from './mapping-neighbours.ts';
import type { Outcome } from './mapping-outcome.ts';
import { type Aged, type Tied, tiedMappings } from './ties.ts';
import { byIdentity } from './versions.ts';

/** What their neighbours make of mappings that by themselves are without fault. */
export interface HeldAgainst {
  /** What becomes of those that lose their place, or an address, by a neighbour. Of any two that tie at least one is here. */
  readonly troubled: ReadonlyMap<Document, Outcome>;
  /** Whether an address has too many sets of claim names. */
  readonly isCrowded: boolean;
}

export const NOTHING_HELD: HeldAgainst = { troubled: new Map(), isCrowded: false };

interface Former extends HeldAgainst {
  readonly index: MappingIndex;
  readonly shadows: MappingIndex;
}

/**
 * Holds mappings against each other where anything may be different from a former compilation with the same issuers: those
 * that were judged anew, those that were in trouble, and whatever ties with one of them. Two of the others tie neither
 * now nor then, for of two that tie one is in trouble.
 */
export function* heldAgainstEachOther(
  { outcomes, changed }: JudgedMappings,
  former: Former,
  issuers: TrustedIssuers,
): Steps<HeldAgainst> {
  const seeds = new Set([...changed, ...former.troubled.keys()].flatMap((one) => outcomes.get(one) ?? []));
  const crowded = yield* crowdsAmong(outcomes, seeds, former);
  const isPlaced = ({ shadow, mapping }: Outcome) =>
    shadow === undefined && mapping !== undefined && !crowded.has(mapping);
  const own = [...seeds].filter(isPlaced);
  const neighbours = yield* neighboursOf(
    own.flatMap(({ mapping }) => mapping ?? []),
    former.index,
  );
  const affected = new Set(own);
  if (neighbours.some) {
    for (const outcome of outcomes.values()) {
      if (isPlaced(outcome) && outcome.mapping !== undefined && neighbours.includes(outcome.mapping))
        affected.add(outcome);
    }
    yield;
  }
  const inOrder = yield* sorted([...affected], (a, b) => byIdentity(a.version.document, b.version.document));
  const tied = Map.groupBy(yield* tiedMappings(agedOf(inOrder), issuers), ({ mapping }) => mapping);
  const troubled = new Map<Document, Outcome>();
  if (tied.size + crowded.size > 0) {
    for (const outcome of outcomes.values()) {
      const held = withTie(withCrowd(outcome, crowded), tied);
      if (held !== outcome) troubled.set(outcome.version.document, held);
    }
  }
  return { troubled, isCrowded: crowded.size > 0 };
}

function* crowdsAmong(
  outcomes: ReadonlyMap<Document, Outcome>,
  seeds: ReadonlySet<Outcome>,
  { isCrowded, index, shadows }: Former,
): Steps<ReadonlyMap<CompiledMapping, string>> {
  const crowded = yield* copied(yield* crowdsIn(index, (one) => one.shadow === undefined));
  for (const [mapping, address] of yield* crowdsIn(shadows, (one) => one.shadow === true))
    crowded.set(mapping, address);
  return crowded;

  function* crowdsIn(beside: MappingIndex, isOne: (outcome: Outcome) => boolean) {
    const fresh = agedOf([...seeds].filter(isOne)).map(({ mapping }) => mapping);
    const maybe = isCrowded || mayCrowd(fresh, beside);
    return yield* crowdedMappings(maybe ? agedOf([...outcomes.values()].filter(isOne)) : []);
  }
}

function agedOf(outcomes: readonly Outcome[]): readonly Aged[] {
  return outcomes.flatMap(({ version: { firstSeen }, mapping }) =>
    mapping === undefined ? [] : [{ mapping, firstSeen }],
  );
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
