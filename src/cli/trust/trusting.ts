import type { DocumentOf, Fault } from '../../resources/document.ts';
import type { TrustedIssuer } from '../../resources/issuers.ts';
import type { TargetKind, TargetSpec } from '../../resources/targets/target.ts';

type Spec<K extends TargetKind> = Extract<TargetSpec, { kind: K }>['spec'];

/** A mapping whose cloud has to trust Carnet. */
export interface TrustingMapping<S> {
  readonly document: DocumentOf<'FederationMapping'>;
  readonly target: S;
  /** Absent where the mapping selects issuers by their labels. */
  readonly issuer?: TrustedIssuer;
}
export type Trusting<K extends TargetKind> = TrustingMapping<Spec<K>>;

/** `sub` of its assertions (DESIGN section 8). */
export function subjectOf({ document }: Pick<TrustingMapping<unknown>, 'document'>): string {
  return `mapping:${document.name}`;
}

export function namesOf(mappings: readonly Pick<TrustingMapping<unknown>, 'document'>[]): readonly string[] {
  return mappings.map(({ document }) => document.name);
}

/** A finding about what will be printed, at the field of the mapping that it comes from. */
export function lint(
  { document }: Pick<TrustingMapping<unknown>, 'document'>,
  path: readonly string[],
  finding: { readonly message: string; readonly hint: string; readonly severity: Fault['severity'] },
): Fault {
  const { source, kind, name } = document;
  return { source: source.id, line: source.line(path), kind, name, field: path.join('.'), ...finding };
}
