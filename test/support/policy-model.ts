import type { VerifiedIdentity } from '../../src/core/identity.ts';
import type { Document, DocumentOf } from '../../src/resources/document.ts';

type Mapping = DocumentOf<'FederationMapping'>;
type Subject = Mapping['spec']['subject'];

/**
 * Which mapping selects the identity at the address, by reading the resources one after the other with nothing indexed:
 * the rule of DESIGN section 6 told a second time, for sets without faults and ties.
 */
export function modelDecision(
  documents: readonly Document[],
  identity: VerifiedIdentity,
  address: string,
): string | undefined {
  const issuer = documents.find(({ kind, name }) => kind === 'TrustedIssuer' && name === identity.issuer);
  if (issuer === undefined) return undefined;
  const candidates = documents
    .filter((one): one is Mapping => one.valid && one.kind === 'FederationMapping')
    .filter(({ spec }) => spec.mode !== 'shadow')
    .filter((mapping) => addressesOf(mapping).includes(address))
    .filter(({ spec }) => isFor(spec.subject, issuer, identity));
  const best = candidates.filter((one) => candidates.every((other) => one === other || !isBefore(other, one)));
  if (best.length > 1) throw new Error(`the model finds a tie: ${best.map(({ name }) => name).join(', ')}`);
  return best[0]?.name;
}

function addressesOf({ name, spec }: Mapping): readonly string[] {
  const aliases = spec.addresses ?? [];
  if (spec.target.aws !== undefined) return [name, ...aliases, spec.target.aws.roleArn];
  const audiences = spec.target.jwtSvid?.audiences ?? [];
  return audiences.length === 1 ? [name, ...aliases, ...audiences] : audiences;
}

function isFor(subject: Subject, issuer: Document, identity: VerifiedIdentity): boolean {
  if (subject.issuer !== undefined && subject.issuer !== issuer.name) return false;
  for (const [key, value] of Object.entries(subject.issuerSelector ?? {})) {
    if (issuer.labels[key] !== value) return false;
  }
  if (subject.spiffeId !== undefined) return subject.spiffeId === identity.spiffeId;
  if (subject.claims !== undefined) {
    if (identity.kind !== 'oidc') return false;
    const { claims } = identity;
    return Object.entries(subject.claims).every(([key, value]) =>
      value === '*' ? typeof claims[key] === 'string' : claims[key] === value,
    );
  }
  if (identity.kind !== 'kubernetes') return false;
  const namespace = subject.namespace === '*' || subject.namespace === identity.namespace;
  return namespace && (subject.serviceAccount === '*' || subject.serviceAccount === identity.serviceAccount);
}

function isBefore(one: Mapping, other: Mapping): boolean {
  const [a, b] = [one.spec.subject, other.spec.subject];
  if (specificity(a) !== specificity(b)) return specificity(a) > specificity(b);
  if (a.claims !== undefined && b.claims !== undefined) {
    const [down, up] = [asks(a.claims, b.claims), asks(b.claims, a.claims)];
    if (down !== up) return down;
  }
  return a.issuer !== undefined && b.issuer === undefined;
}

function specificity({ spiffeId, namespace, serviceAccount, claims }: Subject): number {
  if (spiffeId !== undefined) return 9;
  if (claims !== undefined) return 0;
  return (namespace === '*' ? 0 : 2) + (serviceAccount === '*' ? 0 : 1) + 1;
}

/** True when the first set asks for everything that the second asks for. */
function asks(set: Readonly<Record<string, string>>, of: Readonly<Record<string, string>>): boolean {
  return Object.entries(of).every(([key, value]) => set[key] === value || (value === '*' && set[key] !== undefined));
}
