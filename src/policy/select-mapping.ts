import type { VerifiedIdentity } from '../core/identity.ts';
import type { CompiledMapping } from './compiled-mapping.ts';
import type { MappingIndex } from './mapping-index.ts';
import { compareSubjects } from './subject.ts';

export type Selection =
  | { readonly kind: 'none'; readonly examined: number }
  | {
      readonly kind: 'one';
      readonly mapping: CompiledMapping;
      readonly matching: readonly string[];
      readonly examined: number;
    }
  /** Several that nothing puts before one another. */
  | { readonly kind: 'ambiguous'; readonly matching: readonly string[]; readonly examined: number };

/** The single most specific mapping at the address that matches the identity; the others never get a say. */
export function selectMapping(index: MappingIndex, identity: VerifiedIdentity, address: string): Selection {
  const { matching, examined } = index.candidates(identity, address);
  const [only, second] = matching;
  if (only !== undefined && second === undefined)
    return { kind: 'one', mapping: only, matching: [only.name], examined };
  const names = matching.map(({ name }) => name).sort();
  const first = matching.filter((mapping) =>
    matching.every((other) => compareSubjects(other.subject, mapping.subject) >= 0),
  );
  const [mapping, ...rest] = first;
  if (mapping !== undefined && rest.length === 0) return { kind: 'one', mapping, matching: names, examined };
  return matching.length === 0 ? { kind: 'none', examined } : { kind: 'ambiguous', matching: names, examined };
}
