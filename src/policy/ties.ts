import { each, type Steps } from '../core/steps.ts';
import type { TrustedIssuers } from '../resources/issuers.ts';
import { type ClaimShape, claimShape, comparable, projection } from './claim-shape.ts';
import type { CompiledMapping } from './compiled-mapping.ts';
import { carries, type IssuerPart, type Subject, type Who } from './subject.ts';

/** A mapping with the revision in which it was first seen; what is new has none. */
export interface Aged {
  readonly mapping: CompiledMapping;
  readonly firstSeen: number | undefined;
}

export interface Tied {
  readonly mapping: CompiledMapping;
  /** Name of one that it ties with. */
  readonly other: string;
  /**
   * `leaves`: it has no place in the index. `yields`: these addresses are the other's alone. `shares`: at these addresses
   * neither decides, and whoever asks there is refused as ambiguous.
   */
  readonly consequence: 'leaves' | 'yields' | 'shares';
  /** The addresses at which it ties. */
  readonly addresses: readonly [string, ...string[]];
}

/**
 * What becomes of mappings that are equal in rank at a shared address and can match the same identity: at an address that
 * somebody chose, the one first seen later leaves the index, and of two first seen in one revision both do (DESIGN section
 * 5); at one that a cloud gave, only that address is at stake (adr/0018).
 */
export function* tiedMappings(aged: readonly Aged[], issuers: TrustedIssuers): Steps<readonly Tied[]> {
  const reach = new IssuerReach(issuers);
  const kept = new TieTable(reach);
  const contested = yield* contestedAmong(aged);
  const isShared = yield* sharedAddresses(contested);
  const tied: Tied[] = [];
  const inOrder = generations(contested);
  for (const generation of inOrder) {
    const fresh: Entry[] = [];
    for (const mapping of generation) {
      const spots = spotsOf(mapping, isShared);
      const tie = tieOf({ mapping, spots }, kept, 'yields');
      if (tie !== undefined) tied.push(tie);
      if (tie?.consequence !== 'leaves') fresh.push({ mapping, spots: without(spots, tie?.addresses) });
      yield;
    }
    const peers = new TieTable(reach);
    for (const entry of fresh) {
      peers.add(entry);
      yield;
    }
    for (const entry of fresh) {
      const tie = tieOf(entry, peers, 'shares');
      if (tie !== undefined) tied.push(tie);
      // Nobody comes after the last.
      if (tie?.consequence !== 'leaves' && generation !== inOrder.at(-1)) kept.add(entry);
      yield;
    }
  }
  return tied;
}

/** What mappings must have in common at an address to tie there: kind of issuer part, and the subject unless it is claims. */
interface Spot {
  readonly address: string;
  readonly key: string;
}

/** A mapping with the addresses that are left to it. */
interface Entry {
  readonly mapping: CompiledMapping;
  readonly spots: readonly Spot[];
}

function tieOf({ mapping, spots }: Entry, table: TieTable, atCloudAddress: 'yields' | 'shares'): Tied | undefined {
  const ties = spots.flatMap(({ address, key }) => {
    const other = table.conflict(mapping, key);
    return other === undefined ? [] : [{ address, other: other.name }];
  });
  const chosen = ties.find(({ address }) => !mapping.cloudAddresses.includes(address));
  if (chosen !== undefined) return { mapping, other: chosen.other, consequence: 'leaves', addresses: [chosen.address] };
  const [first, ...others] = ties;
  if (first === undefined) return undefined;
  const at = [first.address, ...others.map(({ address }) => address)] as const;
  return { mapping, other: first.other, consequence: atCloudAddress, addresses: at };
}

function without(spots: readonly Spot[], lost: readonly string[] = []): readonly Spot[] {
  return lost.length === 0 ? spots : spots.filter(({ address }) => !lost.includes(address));
}

/** Mappings that are looked at in one step, where looking is all. */
const AT_ONCE = 50;

/** Those whose subject is another one's too, as far as exact values tell: nobody else can tie. */
function* contestedAmong(aged: readonly Aged[]): Steps<readonly Aged[]> {
  const first = new Map<string, Aged>();
  const contested = new Set<Aged>();
  yield* each(aged, AT_ONCE, (one) => {
    const key = keyOf(partsOf(one.mapping.subject));
    const other = first.get(key);
    if (other === undefined) first.set(key, one);
    else contested.add(other).add(one);
  });
  return contested.size === 0 ? [] : aged.filter((one) => contested.has(one));
}

/** Tells the addresses that more than one has: at the others nothing can tie. */
function* sharedAddresses(aged: readonly Aged[]): Steps<(address: string) => boolean> {
  const once = new Set<string>();
  const shared = new Set<string>();
  yield* each(aged, AT_ONCE, ({ mapping }) => {
    for (const address of mapping.addresses) (once.has(address) ? shared : once).add(address);
  });
  return (address) => shared.has(address);
}

/** Mappings by the revision in which they were first seen, the earliest first. */
export function generations(aged: readonly Aged[]): readonly CompiledMapping[][] {
  const byRevision = new Map<number, CompiledMapping[]>();
  for (const { mapping, firstSeen = Number.POSITIVE_INFINITY } of aged) {
    const generation = byRevision.get(firstSeen) ?? [];
    generation.push(mapping);
    byRevision.set(firstSeen, generation);
  }
  return [...byRevision].sort(([a], [b]) => a - b).map(([, generation]) => generation);
}

/** Which issuers a selector reaches, worked out once for each selector. */
class IssuerReach {
  readonly #issuers: TrustedIssuers;
  readonly #names = new Map<string, ReadonlySet<string>>();

  constructor(issuers: TrustedIssuers) {
    this.#issuers = issuers;
  }

  overlap(a: IssuerPart, b: IssuerPart): boolean {
    if (a.kind !== b.kind) return false;
    if (a.kind === 'name') return b.kind === 'name' && a.name === b.name;
    return b.kind === 'selector' && (a.text === b.text || !this.#of(a).isDisjointFrom(this.#of(b)));
  }

  #of(selector: Extract<IssuerPart, { kind: 'selector' }>): ReadonlySet<string> {
    const known = this.#names.get(selector.text);
    if (known !== undefined) return known;
    const reached = [...this.#issuers.byName.values()].filter((issuer) => carries(issuer, selector.labels));
    const names = new Set(reached.map(({ name }) => name));
    this.#names.set(selector.text, names);
    return names;
  }
}

/** Mappings by the keys of their spots. */
class TieTable {
  readonly #reach: IssuerReach;
  readonly #exact = new Map<string, CompiledMapping[]>();
  readonly #claims = new Map<string, ClaimTable>();

  constructor(reach: IssuerReach) {
    this.#reach = reach;
  }

  add({ mapping, spots }: Entry): void {
    const { who } = mapping.subject;
    for (const { key } of spots) {
      if (who.kind !== 'claims') {
        append(this.#exact, key, mapping);
        continue;
      }
      const table = this.#claims.get(key) ?? new ClaimTable();
      table.add(mapping, who.claims);
      this.#claims.set(key, table);
    }
  }

  /** A mapping in the table, other than itself, that ties with this one at a spot. */
  conflict(mapping: CompiledMapping, key: string): CompiledMapping | undefined {
    return this.#peers(mapping, key).find((peer) => this.#ties(peer, mapping));
  }

  #peers({ subject: { who } }: CompiledMapping, key: string): IteratorObject<CompiledMapping> {
    if (who.kind === 'claims') return this.#claims.get(key)?.peers(who.claims) ?? Iterator.from([]);
    return (this.#exact.get(key) ?? []).values();
  }

  #ties(peer: CompiledMapping, mapping: CompiledMapping): boolean {
    return peer !== mapping && this.#reach.overlap(peer.subject.issuer, mapping.subject.issuer);
  }
}

type Claims = Readonly<Record<string, string>>;

interface ShapeEntry {
  readonly shape: ClaimShape;
  readonly members: { readonly mapping: CompiledMapping; readonly claims: Claims }[];
  /** Members by their values for some of the names; made when first asked for, kept up to date from then on. */
  readonly projections: Map<
    string,
    { readonly names: readonly string[]; readonly byValues: Map<string, CompiledMapping[]> }
  >;
}

/** Claim mappings of one place, by the shape of their sets; sets that may tie are found by the values they share. */
class ClaimTable {
  readonly #shapes = new Map<string, ShapeEntry>();

  add(mapping: CompiledMapping, claims: Claims): void {
    const shape = claimShape(claims);
    const entry: ShapeEntry = this.#shapes.get(shape.id) ?? { shape, members: [], projections: new Map() };
    entry.members.push({ mapping, claims });
    for (const { names, byValues } of entry.projections.values()) append(byValues, projection(claims, names), mapping);
    this.#shapes.set(shape.id, entry);
  }

  *peers(claims: Claims): Generator<CompiledMapping> {
    const own = claimShape(claims);
    for (const entry of this.#shapes.values()) {
      if (entry.shape.id !== own.id && comparable(entry.shape, own)) continue;
      const shared = own.exact.filter((name) => entry.shape.exact.includes(name));
      yield* project(entry, shared).get(projection(claims, shared)) ?? [];
    }
  }
}

function project(entry: ShapeEntry, names: readonly string[]): ReadonlyMap<string, readonly CompiledMapping[]> {
  const id = JSON.stringify(names);
  const known = entry.projections.get(id);
  if (known !== undefined) return known.byValues;
  const byValues = new Map<string, CompiledMapping[]>();
  for (const { mapping, claims } of entry.members) append(byValues, projection(claims, names), mapping);
  entry.projections.set(id, { names, byValues });
  return byValues;
}

function spotsOf({ addresses, subject }: CompiledMapping, isSpot: (address: string) => boolean): readonly Spot[] {
  const parts = partsOf(subject);
  return addresses.filter(isSpot).map((address) => ({ address, key: keyOf([address, ...parts]) }));
}

function partsOf({ issuer, who }: Subject): readonly string[] {
  const values = valuesOf(who);
  return issuer.kind === 'name' ? ['name', issuer.name, ...values] : ['selector', ...values];
}

function valuesOf(who: Who): readonly string[] {
  if (who.kind === 'claims') return [];
  return who.kind === 'spiffeId' ? [who.kind, who.spiffeId] : [who.kind, who.namespace, who.serviceAccount];
}

/** Each part says its length, which keeps them apart whatever characters they hold. */
function keyOf(parts: readonly string[]): string {
  let key = '';
  for (const part of parts) key += `${part.length}:${part}`;
  return key;
}

function append(map: Map<string, CompiledMapping[]>, key: string, mapping: CompiledMapping): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [mapping]);
  else list.push(mapping);
}
