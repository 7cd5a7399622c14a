import type { Steps } from '../core/steps.ts';
import { claimShape, comparable, projection } from './claim-shape.ts';
import type { CompiledMapping } from './compiled-mapping.ts';
import type { MappingIndex } from './mapping-index.ts';

/** Sets of claims of which a mapping at the address may be a neighbour: by values for names that both ask for. */
interface Sought {
  readonly names: readonly string[];
  readonly values: Set<string>;
}

/**
 * Tells which mappings of an index may be equal in rank to one of `seeds` for the same identity, and perhaps some that are
 * not. The others have nothing to do with these, as far as ties go.
 */
export function* neighboursOf(
  seeds: readonly CompiledMapping[],
  index: MappingIndex,
): Steps<{ readonly some: boolean; readonly includes: (mapping: CompiledMapping) => boolean }> {
  const found = new Set<CompiledMapping>();
  const sought = new Map<string, Map<string, Sought[]>>();
  if (index.size > 0) {
    for (const seed of seeds) {
      for (const address of seed.addresses) {
        for (const mapping of index.withSubject(seed.subject, address)) found.add(mapping);
        seek(seed, address, index, sought);
      }
      yield;
    }
  }
  return {
    some: found.size > 0 || sought.size > 0,
    includes: (mapping) => found.has(mapping) || (sought.size > 0 && isSought(mapping, sought)),
  };
}

/** Claim sets of which neither contains the other are found by the values that they have in common. */
function seek(
  { subject: { who } }: CompiledMapping,
  address: string,
  index: MappingIndex,
  sought: Map<string, Map<string, Sought[]>>,
): void {
  if (who.kind !== 'claims') return;
  const own = claimShape(who.claims);
  for (const shape of index.shapesAt(address)) {
    if (shape.id === own.id || comparable(shape, own)) continue;
    const names = own.exact.filter((name) => shape.exact.includes(name));
    const shapes = sought.get(address) ?? new Map<string, Sought[]>();
    const there = shapes.get(shape.id) ?? [];
    const known = there.find((one) => one.names.join() === names.join());
    const values = projection(who.claims, names);
    if (known === undefined) there.push({ names, values: new Set([values]) });
    else known.values.add(values);
    sought.set(address, shapes.set(shape.id, there));
  }
}

function isSought(
  { addresses, subject: { who } }: CompiledMapping,
  sought: ReadonlyMap<string, ReadonlyMap<string, readonly Sought[]>>,
): boolean {
  if (who.kind !== 'claims') return false;
  const { claims } = who;
  const shapes = addresses.flatMap((address) => sought.get(address) ?? []);
  if (shapes.length === 0) return false;
  const { id } = claimShape(claims);
  return shapes.some((one) => one.get(id)?.some(({ names, values }) => values.has(projection(claims, names))) === true);
}
