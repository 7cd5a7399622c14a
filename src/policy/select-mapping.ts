import type { VerifiedIdentity } from '../core/identity.ts';
import type { CompiledMapping } from './compiled-mapping.ts';
import type { MappingIndex } from './mapping-index.ts';
import { compareSubjects } from './subject.ts';

export type Selection =
  | { readonly kind: 'none'; readonly examined: number }
  | {
      readonly kind: 'one';
      readonly mapping: CompiledMapping;
      readonly matching: readonly CompiledMapping[];
      readonly examined: number;
    }
  /** Several that nothing puts before one another. */
  | { readonly kind: 'ambiguous'; readonly matching: readonly CompiledMapping[]; readonly examined: number };

/** The single most specific mapping at the address that matches the identity; the others never get a say. */
export function selectMapping(index: MappingIndex, identity: VerifiedIdentity, address: string): Selection {
  const { matching, examined } = index.candidates(identity, address);
  const only = matching.length === 1 ? matching[0] : undefined;
  if (only !== undefined) return { kind: 'one', mapping: only, matching, examined };
  const first = matching.filter((mapping) =>
    matching.every((other) => compareSubjects(other.subject, mapping.subject) >= 0),
  );
  const [mapping, ...rest] = first;
  if (mapping !== undefined && rest.length === 0) return { kind: 'one', mapping, matching, examined };
  return matching.length === 0 ? { kind: 'none', examined } : { kind: 'ambiguous', matching, examined };
}

/** In the order of the alphabet. */
export function namesOf(mappings: readonly CompiledMapping[]): string {
  return mappings
    .map(({ name }) => name)
    .sort()
    .join(', ');
}
