import type { Steps } from '../core/steps.ts';
import { claimShape } from './claim-shape.ts';
import type { CompiledMapping } from './compiled-mapping.ts';
import type { MappingIndex } from './mapping-index.ts';
import { type Aged, generations } from './ties.ts';

/** Each different set of claim names at an address is one more look-up for every decision there. */
export const MAX_CLAIM_SHAPES = 64;

/**
 * Mappings that leave the index because their set of claim names is one more than an address may have, each with that
 * address. What was first seen earlier stays; of one revision that brings too many, all that bring a new one leave. So
 * nobody's documents make the decisions of others slow, or the compilation, which compares the sets with one another.
 */
export function* crowdedMappings(aged: readonly Aged[]): Steps<ReadonlyMap<CompiledMapping, string>> {
  const kept = new Shapes();
  const crowded = new Map<CompiledMapping, string>();
  for (const generation of generations(aged)) {
    const fresh = new Shapes();
    const places: Placed[] = [];
    for (const mapping of generation) {
      places.push(...placesOf(mapping));
      yield;
    }
    for (const placed of places) if (!kept.has(placed)) fresh.add(placed);
    for (const placed of places) {
      const { address, mapping } = placed;
      const tooMany = kept.count(address) + fresh.count(address) > MAX_CLAIM_SHAPES;
      if (tooMany && fresh.has(placed)) crowded.set(mapping, address);
    }
    for (const placed of places) if (!crowded.has(placed.mapping)) kept.add(placed);
  }
  return crowded;
}

/** False only where these mappings beside those of an index ask for no more sets than an address may have. */
export function mayCrowd(mappings: readonly CompiledMapping[], index: MappingIndex): boolean {
  const shapes = new Shapes();
  return mappings.some((mapping) =>
    placesOf(mapping).some((placed) => {
      const { address } = placed;
      if (shapes.count(address) === 0)
        for (const { id: shape } of index.shapesAt(address)) shapes.add({ address, shape });
      shapes.add(placed);
      return shapes.count(address) > MAX_CLAIM_SHAPES;
    }),
  );
}

interface Place {
  readonly address: string;
  readonly shape: string;
}
interface Placed extends Place {
  readonly mapping: CompiledMapping;
}

function placesOf(mapping: CompiledMapping): readonly Placed[] {
  const { who } = mapping.subject;
  if (who.kind !== 'claims') return [];
  const { id } = claimShape(who.claims);
  return mapping.addresses.map((address) => ({ mapping, address, shape: id }));
}

/** Sets of claim names by address. */
class Shapes {
  readonly #byAddress = new Map<string, Set<string>>();

  add({ address, shape }: Place): void {
    const shapes = this.#byAddress.get(address) ?? new Set();
    this.#byAddress.set(address, shapes.add(shape));
  }

  has({ address, shape }: Place): boolean {
    return this.#byAddress.get(address)?.has(shape) ?? false;
  }

  count(address: string): number {
    return this.#byAddress.get(address)?.size ?? 0;
  }
}
