import type { VerifiedIdentity } from '../core/identity.ts';
import { copied, type Steps, whole } from '../core/steps.ts';
import type { TrustedIssuers } from '../resources/issuers.ts';
import { type ClaimShape, claimShape, claimValues } from './claim-shape.ts';
import type { CompiledMapping } from './compiled-mapping.ts';
import { ANY, carries, type Shape, type Subject, shapeOf, type Who } from './subject.ts';

export interface Candidates {
  /** Every mapping at the address whose subject matches the identity, in no order. */
  readonly matching: readonly CompiledMapping[];
  /** Probes made and mappings touched: independent of how many mappings there are. */
  readonly examined: number;
}

/** A set of claim names with the number of mappings that ask for it at an address. */
interface CountedShape {
  readonly shape: ClaimShape;
  readonly count: number;
}

interface IndexChange {
  readonly gone: readonly CompiledMapping[];
  readonly fresh: readonly CompiledMapping[];
}

type Alone = [CompiledMapping];

const NONE: readonly CompiledMapping[] = [];
const NOTHING = { found: NONE, examined: 0 };
const NO_ISSUER: Candidates = { matching: NONE, examined: 1 };

interface Probe {
  readonly shape: string;
  readonly values: readonly string[];
}

/**
 * Finds the mappings of one address for one identity by exact keys: address, kind of subject, its exact values, and the
 * issuer or the selectors that match it. Nothing is scanned, so 100,000 mappings at one address cost what ten do. Only
 * the number of different claim name sets at an address, and of selectors for one and the same subject there, add probes.
 */
export class MappingIndex {
  #byIssuer = new Map<string, CompiledMapping[]>();
  /** Outer key without the issuer, inner key the selector's text. */
  #bySelector = new Map<string, Map<string, CompiledMapping[]>>();
  #claimShapes = new Map<string, Map<string, CountedShape>>();
  /** Texts of the selectors that match an issuer. */
  readonly #selectorsOf = new Map<string, Set<string>>();
  /** Of all mappings together: what none of them has is not looked for. */
  readonly #shapes = new Set<Shape>();
  #all: readonly CompiledMapping[] = [];

  constructor(mappings: readonly CompiledMapping[], issuers: TrustedIssuers) {
    whole(this.#take(mappings, issuers));
  }

  /** In no order. */
  get all(): readonly CompiledMapping[] {
    return this.#all;
  }

  /**
   * Another index, in which some mappings are gone and others are fresh. What is the same is shared, so that the maps are
   * copied and nothing in them is made anew.
   */
  *changed({ gone, fresh }: IndexChange, issuers: TrustedIssuers): Steps<MappingIndex> {
    const next = new MappingIndex([], issuers);
    next.#byIssuer = yield* copied(this.#byIssuer);
    next.#bySelector = yield* copied(this.#bySelector);
    next.#claimShapes = yield* copied(this.#claimShapes);
    yield* next.#remove(gone);
    const left = new Set(gone);
    next.#all = left.size === 0 ? this.#all : this.#all.filter((mapping) => !left.has(mapping));
    yield* next.#take(fresh, issuers);
    return next;
  }

  get size(): number {
    return this.#all.length;
  }

  /** Ids of the claim sets that are asked for at an address. */
  shapesAt(address: string): readonly ClaimShape[] {
    return [...(this.#claimShapes.get(address)?.values() ?? [])].map(({ shape }) => shape);
  }

  /** Mappings with this very subject, issuers aside where selectors say which, at an address. */
  *withSubject({ issuer, who }: Subject, address: string): Generator<CompiledMapping> {
    const probe = probeOf(who);
    if (issuer.kind === 'name') yield* this.#byIssuer.get(key(probe, address, issuer.name)) ?? NONE;
    else for (const found of this.#bySelector.get(key(probe, address))?.values() ?? []) yield* found;
  }

  candidates(identity: VerifiedIdentity, address: string): Candidates {
    const selectors = this.#selectorsOf.get(identity.issuer);
    if (selectors === undefined) return NO_ISSUER;
    let matching = NONE;
    let examined = 1;
    for (const probe of this.#probes(identity, address)) {
      const direct = this.#byIssuer.get(key(probe, address, identity.issuer)) ?? NONE;
      matching = joined(matching, direct);
      examined += 1 + direct.length;
      if (selectors.size === 0) continue;
      const selected = pick(this.#bySelector.get(key(probe, address)), selectors);
      matching = joined(matching, selected.found);
      examined += 1 + selected.examined;
    }
    return { matching, examined };
  }

  /** What is shared with another index is copied before anything is put into it. */
  *#take(mappings: readonly CompiledMapping[], issuers: TrustedIssuers): Steps<void> {
    const own = new Set<unknown>();
    for (const mapping of mappings) {
      const alone: Alone = [mapping];
      for (const address of mapping.addresses) this.#add(alone, address, own);
      yield;
    }
    if (mappings.length > 0) this.#all = this.#all.concat(mappings);
    this.#survey(issuers);
  }

  #add(alone: Alone, address: string, own: Set<unknown>): void {
    const { issuer, who } = alone[0].subject;
    const probe = probeOf(who);
    if (who.kind === 'claims') {
      const shapes = owned(this.#claimShapes, address, { own, copy: (known) => new Map(known) });
      const count = (shapes.get(probe.shape)?.count ?? 0) + 1;
      shapes.set(probe.shape, { shape: claimShape(who.claims), count });
    }
    if (issuer.kind === 'name') {
      append(this.#byIssuer, key(probe, address, issuer.name), alone, own);
      return;
    }
    const selected = owned(this.#bySelector, key(probe, address), { own, copy: (known) => new Map(known) });
    append(selected, issuer.text, alone, own);
  }

  *#remove(mappings: readonly CompiledMapping[]): Steps<void> {
    for (const mapping of mappings) {
      for (const address of mapping.addresses) this.#removeAt(mapping, address);
      yield;
    }
  }

  #removeAt(mapping: CompiledMapping, address: string): void {
    const { issuer, who } = mapping.subject;
    const probe = probeOf(who);
    const place = key(probe, address, issuer.kind === 'name' ? issuer.name : undefined);
    if (who.kind === 'claims') {
      const shapes = new Map(this.#claimShapes.get(address));
      const known = shapes.get(probe.shape);
      if (known === undefined || known.count === 1) shapes.delete(probe.shape);
      else shapes.set(probe.shape, { ...known, count: known.count - 1 });
      setOrDelete(this.#claimShapes, address, shapes, shapes.size);
    }
    if (issuer.kind === 'name') {
      dropFrom(this.#byIssuer, place, mapping);
      return;
    }
    const selected = new Map(this.#bySelector.get(place));
    dropFrom(selected, issuer.text, mapping);
    setOrDelete(this.#bySelector, place, selected, selected.size);
  }

  #survey(issuers: TrustedIssuers): void {
    const selectors = new Map<string, Readonly<Record<string, string>>>();
    for (const { subject } of this.#all) {
      this.#shapes.add(shapeOf(subject.who));
      if (subject.issuer.kind === 'selector') selectors.set(subject.issuer.text, subject.issuer.labels);
    }
    for (const issuer of issuers.byName.values()) {
      const texts = [...selectors].filter(([, labels]) => carries(issuer, labels)).map(([text]) => text);
      this.#selectorsOf.set(issuer.name, new Set(texts));
    }
  }

  #probes(identity: VerifiedIdentity, address: string): readonly Probe[] {
    const probes: Probe[] = [];
    const shapes = this.#shapes;
    const { spiffeId } = identity;
    if (spiffeId !== undefined && shapes.has('spiffeId')) probes.push({ shape: 'spiffeId', values: [spiffeId] });
    if (identity.kind === 'kubernetes') {
      const { namespace, serviceAccount } = identity;
      if (shapes.has('exact')) probes.push(workloadProbe(namespace, serviceAccount));
      if (shapes.has('namespace')) probes.push(workloadProbe(namespace, ANY));
      if (shapes.has('serviceAccount')) probes.push(workloadProbe(ANY, serviceAccount));
      if (shapes.has('any')) probes.push(workloadProbe(ANY, ANY));
      return probes;
    }
    for (const { shape } of this.#claimShapes.get(address)?.values() ?? []) {
      const values = claimValues(identity, shape);
      if (values !== undefined) probes.push({ shape: shape.id, values });
    }
    return probes;
  }
}

/** Most lists are alone, and are given as they stand. */
function joined(some: readonly CompiledMapping[], more: readonly CompiledMapping[]): readonly CompiledMapping[] {
  if (more.length === 0) return some;
  return some.length === 0 ? more : [...some, ...more];
}

function probeOf(who: Who): Probe {
  if (who.kind === 'spiffeId') return { shape: 'spiffeId', values: [who.spiffeId] };
  if (who.kind === 'workload') return workloadProbe(who.namespace, who.serviceAccount);
  const shape = claimShape(who.claims);
  return { shape: shape.id, values: shape.exact.map((name) => who.claims[name] ?? '') };
}

function workloadProbe(namespace: string, serviceAccount: string): Probe {
  return { shape: 'workload', values: [namespace, serviceAccount] };
}

/** Each part says its length first, which keeps them apart whatever characters they hold. */
function key({ shape, values }: Probe, address: string, issuer?: string): string {
  let text = prefixed(address) + prefixed(shape);
  for (const value of values) text += prefixed(value);
  return issuer === undefined ? text : `${text}@${prefixed(issuer)}`;
}

function prefixed(text: string): string {
  return `${text.length}:${text}`;
}

/** Walks whichever is smaller: the selectors of this subject or those of the issuer. */
function pick(
  selected: ReadonlyMap<string, readonly CompiledMapping[]> | undefined,
  selectors: ReadonlySet<string>,
): { found: readonly CompiledMapping[]; examined: number } {
  if (selected === undefined) return NOTHING;
  const texts: Iterable<string> = selected.size <= selectors.size ? selected.keys() : selectors;
  const found: CompiledMapping[] = [];
  let examined = 0;
  for (const text of texts) {
    examined += 1;
    if (selectors.has(text)) found.push(...(selected.get(text) ?? []));
  }
  return { found, examined: examined + found.length };
}

/** Collections that are not shared with another index yet. */
interface Ownership<V> {
  readonly own: Set<unknown>;
  readonly copy: (shared: V | undefined) => V;
}

/** What a map has under a name, made to be this index's own. */
function owned<V>(map: Map<string, V>, name: string, { own, copy }: Ownership<V>): V {
  const known = map.get(name);
  if (known !== undefined && own.has(known)) return known;
  const made = copy(known);
  own.add(made);
  map.set(name, made);
  return made;
}

/** Most lists hold one mapping for good, so each begins as that mapping's only one, shared by all its addresses. */
function append(map: Map<string, CompiledMapping[]>, name: string, alone: Alone, own: Set<unknown>): void {
  if (map.has(name)) owned(map, name, { own, copy: (known = []) => [...known] }).push(alone[0]);
  else map.set(name, alone);
}

function dropFrom(map: Map<string, CompiledMapping[]>, name: string, mapping: CompiledMapping): void {
  const left = (map.get(name) ?? []).filter((one) => one !== mapping);
  setOrDelete(map, name, left, left.length);
}

function setOrDelete<V>(map: Map<string, V>, name: string, value: V, size: number): void {
  if (size === 0) map.delete(name);
  else map.set(name, value);
}
