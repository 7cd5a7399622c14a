import type { VerifiedIdentity } from '../core/identity.ts';
import type { TrustedIssuers } from '../resources/issuers.ts';
import { type ClaimShape, claimShape, claimValues } from './claim-shape.ts';
import type { CompiledMapping } from './compiled-mapping.ts';
import { ANY, carries, type Who } from './subject.ts';

export interface Candidates {
  /** Every mapping at the address whose subject matches the identity, in no order. */
  readonly matching: readonly CompiledMapping[];
  /** Probes made and mappings touched: independent of how many mappings there are. */
  readonly examined: number;
}

const NONE: readonly CompiledMapping[] = [];
const NOTHING = { found: NONE, examined: 0 };

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
  /** In no order. */
  readonly all: readonly CompiledMapping[];
  readonly #byIssuer = new Map<string, CompiledMapping[]>();
  /** Outer key without the issuer, inner key the selector's text. */
  readonly #bySelector = new Map<string, Map<string, CompiledMapping[]>>();
  readonly #claimShapes = new Map<string, Map<string, ClaimShape>>();
  /** Texts of the selectors that match an issuer. */
  readonly #selectorsOf = new Map<string, Set<string>>();

  constructor(mappings: readonly CompiledMapping[], issuers: TrustedIssuers) {
    this.all = mappings;
    for (const mapping of mappings) {
      for (const address of mapping.addresses) this.#add(mapping, address);
    }
    this.#matchSelectors(mappings, issuers);
  }

  get size(): number {
    return this.all.length;
  }

  candidates(identity: VerifiedIdentity, address: string): Candidates {
    const selectors = this.#selectorsOf.get(identity.issuer);
    if (selectors === undefined) return { matching: [], examined: 1 };
    const matching: CompiledMapping[] = [];
    let examined = 1;
    for (const probe of this.#probes(identity, address)) {
      const direct = this.#byIssuer.get(key(probe, address, identity.issuer)) ?? NONE;
      const selected = pick(this.#bySelector.get(key(probe, address)), selectors);
      matching.push(...direct, ...selected.found);
      examined += 2 + direct.length + selected.examined;
    }
    return { matching, examined };
  }

  #add(mapping: CompiledMapping, address: string): void {
    const { issuer, who } = mapping.subject;
    const probe = probeOf(who);
    if (who.kind === 'claims') {
      const shapes = getOrAdd(this.#claimShapes, address, () => new Map<string, ClaimShape>());
      shapes.set(probe.shape, claimShape(who.claims));
    }
    if (issuer.kind === 'name') {
      append(this.#byIssuer, key(probe, address, issuer.name), mapping);
      return;
    }
    const selected = getOrAdd(this.#bySelector, key(probe, address), () => new Map<string, CompiledMapping[]>());
    append(selected, issuer.text, mapping);
  }

  #matchSelectors(mappings: readonly CompiledMapping[], issuers: TrustedIssuers): void {
    const selectors = new Map<string, Readonly<Record<string, string>>>();
    for (const { subject } of mappings) {
      if (subject.issuer.kind === 'selector') selectors.set(subject.issuer.text, subject.issuer.labels);
    }
    for (const issuer of issuers.byName.values()) {
      const texts = [...selectors].filter(([, labels]) => carries(issuer, labels)).map(([text]) => text);
      this.#selectorsOf.set(issuer.name, new Set(texts));
    }
  }

  #probes(identity: VerifiedIdentity, address: string): readonly Probe[] {
    const probes: Probe[] = [];
    if (identity.spiffeId !== undefined) probes.push({ shape: 'spiffeId', values: [identity.spiffeId] });
    if (identity.kind === 'kubernetes') {
      const { namespace, serviceAccount } = identity;
      probes.push(workloadProbe(namespace, serviceAccount));
      probes.push(workloadProbe(namespace, ANY), workloadProbe(ANY, serviceAccount), workloadProbe(ANY, ANY));
      return probes;
    }
    for (const shape of this.#claimShapes.get(address)?.values() ?? []) {
      const values = claimValues(identity, shape);
      if (values !== undefined) probes.push({ shape: shape.id, values });
    }
    return probes;
  }
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

function getOrAdd<V>(map: Map<string, V>, name: string, create: () => V): V {
  const known = map.get(name);
  if (known !== undefined) return known;
  const created = create();
  map.set(name, created);
  return created;
}

/** Most lists hold one mapping for good, so each begins with room for exactly one. */
function append(map: Map<string, CompiledMapping[]>, name: string, mapping: CompiledMapping): void {
  const list = map.get(name);
  if (list === undefined) map.set(name, [mapping]);
  else list.push(mapping);
}
