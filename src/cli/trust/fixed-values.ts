import { ANY } from '../../policy/subject.ts';
import { legalSessionName } from '../../resources/targets/aws.ts';
import { fixedText } from '../../resources/targets/template.ts';
import type { Trusting } from './trusting.ts';

/** What AWS sees of every identity that the mapping selects, whoever asks: fit for conditions of a trust policy. */
export interface FixedValues {
  /** Absent where identities differ in it. */
  readonly sourceIdentity?: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Keys of those of `tags` that a second role session inherits. */
  readonly transitive: readonly string[];
}

/** Reads them from the mapping: exact subjects, and templates that need nothing else. */
export function fixedValues(mapping: Trusting<'aws'>): FixedValues {
  const { document, target } = mapping;
  const known = knownVariables(mapping);
  const name = target.sessionName ?? (mayBePods(mapping) ? '{namespace}.{serviceAccount}' : '{mapping}');
  const sourceIdentity = fixedText(name, known);
  const own = [
    ['carnet:issuer', known['issuer']],
    ['carnet:namespace', known['namespace']],
    ['carnet:serviceAccount', known['serviceAccount']],
    ['carnet:mapping', document.name],
  ] as const;
  const templates = Object.entries(target.tags ?? {}).map(([key, value]) => [key, fixedText(value, known)] as const);
  const tags = [...own, ...templates].flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]));
  return {
    ...(sourceIdentity !== undefined && { sourceIdentity: legalSessionName(sourceIdentity) }),
    tags: Object.fromEntries(tags),
    transitive: own.flatMap(([key, value]) => (value === undefined ? [] : [key])),
  };
}

/** Sessions of a cluster's workloads are named otherwise; behind a SPIFFE ID may be one. */
function mayBePods({ document, issuer }: Trusting<'aws'>): boolean {
  const { namespace, spiffeId } = document.spec.subject;
  return namespace !== undefined || (spiffeId !== undefined && (issuer?.profile.kind ?? 'kubernetes') === 'kubernetes');
}

function knownVariables({ document, issuer }: Trusting<'aws'>): Readonly<Record<string, string>> {
  const { namespace, serviceAccount, issuer: issuerName, claims = {} } = document.spec.subject;
  const variables: Record<string, string | undefined> = {
    mapping: document.name,
    issuer: issuerName,
    cluster: issuer?.profile.kind === 'kubernetes' ? issuer.profile.cluster : undefined,
    namespace,
    serviceAccount,
  };
  for (const [claim, value] of Object.entries(claims)) variables[`claims.${claim}`] = value;
  const exact = Object.entries(variables).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ANY,
  );
  return Object.fromEntries(exact);
}
