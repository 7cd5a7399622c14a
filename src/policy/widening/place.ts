import type { TrustedIssuers } from '../../resources/issuers.ts';
import type { CompiledMapping } from '../compiled-mapping.ts';
import { ANY, asksForAll, carries, compareSubjects, type IssuerPart, type Subject, type Who } from '../subject.ts';
import { beyond, differs, type Found } from './reason.ts';

/** Other mappings at an address, as they are before and as they are after. */
export type Neighbours = (address: string) => readonly CompiledMapping[];

interface Beside {
  readonly neighbours: Neighbours;
  /** Those before: what a new issuer or another label opens is found there. */
  readonly issuers: TrustedIssuers;
}

/**
 * Whether another place lets anybody reach more: this mapping for whom, or at an address where, it was not; or a mapping
 * beside it, which decides where this one no longer does, or no longer decides where this one now comes first.
 */
export function placeWidens(
  before: CompiledMapping,
  after: CompiledMapping | undefined,
  beside: Beside,
): readonly Found[] {
  const lost = beyond(after?.addresses ?? [], before.addresses);
  const otherSubject = after !== undefined && differs(before.subject, after.subject);
  const added = after === undefined ? [] : beyond(before.addresses, after.addresses);
  return [
    ...added.map((address) => ({ field: 'spec.addresses', why: `it can be asked for as ${address}` })),
    ...(otherSubject && !isWithin(after.subject, before.subject, beside.issuers)
      ? [{ field: 'spec.subject', why: 'is not certainly a part of what it was' }]
      : []),
    ...takeovers(before, after, { ...beside, addresses: otherSubject ? before.addresses : lost }),
  ];
}

function takeovers(
  before: CompiledMapping,
  after: CompiledMapping | undefined,
  { neighbours, issuers, addresses }: Beside & { readonly addresses: readonly string[] },
): readonly Found[] {
  const field = after === undefined ? '' : 'spec.subject';
  return addresses.flatMap((address) => {
    const other = neighbours(address).find(
      ({ subject }) => mayMeet(subject, before.subject, issuers) && !isAlwaysBefore(subject, before, after),
    );
    const why = `at ${address} another mapping may decide than before, ${other?.name} among them`;
    return other === undefined ? [] : [{ field, why }];
  });
}

/** Whether a subject comes before the mapping whatever becomes of that, so that it has nothing to gain from it. */
function isAlwaysBefore(subject: Subject, before: CompiledMapping, after: CompiledMapping | undefined): boolean {
  const place = [before, after].filter((one) => one !== undefined);
  return place.every((one) => compareSubjects(subject, one.subject) < 0);
}

/** True only where every identity of the first subject is one of the second. */
function isWithin(narrow: Subject, wide: Subject, issuers: TrustedIssuers): boolean {
  return issuersWithin(narrow.issuer, wide.issuer, issuers) && whoWithin(narrow.who, wide.who);
}

function issuersWithin(narrow: IssuerPart, wide: IssuerPart, { byName }: TrustedIssuers): boolean {
  if (wide.kind === 'name') return narrow.kind === 'name' && narrow.name === wide.name;
  if (narrow.kind === 'selector') return carries({ labels: narrow.labels }, wide.labels);
  const named = byName.get(narrow.name);
  return named !== undefined && carries(named, wide.labels);
}

function whoWithin(narrow: Who, wide: Who): boolean {
  if (narrow.kind === 'workload' && wide.kind === 'workload') {
    return (['namespace', 'serviceAccount'] as const).every(
      (name) => wide[name] === ANY || wide[name] === narrow[name],
    );
  }
  if (narrow.kind === 'claims' && wide.kind === 'claims') return asksForAll(narrow.claims, wide.claims);
  return !differs(narrow, wide);
}

/** False only where no identity is one of both. */
function mayMeet(one: Subject, other: Subject, issuers: TrustedIssuers): boolean {
  const reached = [...issuers.byName.values()].some((issuer) =>
    [one, other].every(({ issuer: part }) =>
      part.kind === 'name' ? part.name === issuer.name : carries(issuer, part.labels),
    ),
  );
  return reached && mayBeSame(one.who, other.who);
}

function mayBeSame(one: Who, other: Who): boolean {
  if (one.kind === 'spiffeId' || other.kind === 'spiffeId') {
    return one.kind !== other.kind || !differs(one, other);
  }
  const [left, right] = [valuesOf(one), valuesOf(other)];
  if (one.kind !== other.kind) return false;
  return Object.entries(left).every(([name, value]) => {
    const wanted = Object.hasOwn(right, name) ? right[name] : ANY;
    return value === ANY || wanted === ANY || value === wanted;
  });
}

function valuesOf(who: Exclude<Who, { kind: 'spiffeId' }>): Readonly<Record<string, string>> {
  return who.kind === 'claims' ? who.claims : { namespace: who.namespace, serviceAccount: who.serviceAccount };
}
