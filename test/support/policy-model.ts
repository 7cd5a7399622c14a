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

type Grant = DocumentOf<'FederationGrant'>;

/**
 * The highest cap in seconds among the grants of which each covers the mapping by itself, Infinity where one has none,
 * undefined where no grant covers it: read off the documents, for mappings to AWS and for SVIDs of clusters, by files.
 */
export function modelCap(documents: readonly Document[], mapping: Mapping): number | undefined {
  const issuers = documents.filter(
    ({ kind, name, labels }) =>
      kind === 'TrustedIssuer' &&
      (mapping.spec.subject.issuer === name ||
        (mapping.spec.subject.issuerSelector !== undefined && has(labels, mapping.spec.subject.issuerSelector))),
  );
  const caps = documents
    .filter((one): one is Grant => one.valid && one.kind === 'FederationGrant')
    .filter(({ spec }) => isFrom(spec.from, mapping, issuers) && isTo(spec.to, mapping))
    .map(({ spec: { maxTtl } }) =>
      maxTtl === undefined ? Number.POSITIVE_INFINITY : Number.parseInt(maxTtl, 10) * 60,
    );
  return caps.length === 0 ? undefined : Math.max(...caps);
}

function has(labels: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>): boolean {
  return Object.keys(wanted).every((key) => labels[key] === wanted[key]);
}

function isFrom(from: Grant['spec']['from'], { spec, source }: Mapping, issuers: readonly Document[]): boolean {
  const { authors = [`file:${source.id}`], issuerLabels = {}, namespaces } = from ?? {};
  if (!authors.includes(`file:${source.id}`)) return false;
  if (Object.keys(issuerLabels).length > 0) {
    if (issuers.length === 0 || issuers.some(({ labels }) => !has(labels, issuerLabels))) return false;
  }
  const { namespace } = spec.subject;
  return namespaces === undefined || (namespace !== undefined && namespaces.includes(namespace));
}

function isTo(to: Grant['spec']['to'], { spec: { target } }: Mapping): boolean {
  const fits = (list: readonly string[], text: string) =>
    list.some((one) => new RegExp(`^${one.replaceAll('.', '[.]').replace('*', '.*')}$`).test(text));
  const { aws, jwtSvid } = target;
  if (aws !== undefined) {
    if (to.accounts === undefined && to.roles === undefined) return false;
    const [, account = ''] = /::([0-9]+):/.exec(aws.roleArn) ?? [];
    return fits(to.accounts ?? ['*'], account) && fits(to.roles ?? ['*'], aws.roleArn);
  }
  return to.audiences !== undefined && (jwtSvid?.audiences ?? []).every((one) => fits(to.audiences ?? [], one));
}
