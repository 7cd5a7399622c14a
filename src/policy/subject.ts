import type { VerifiedIdentity } from '../core/identity.ts';
import type { FederationMappingSpec } from '../resources/federation-mapping.ts';
import type { TrustedIssuer, TrustedIssuers } from '../resources/issuers.ts';

/** Which issuers a mapping is for: one by name, or all that carry these labels. */
export type IssuerPart =
  | { readonly kind: 'name'; readonly name: string }
  /** `text` is canonical: equal for equal labels. */
  | { readonly kind: 'selector'; readonly labels: Readonly<Record<string, string>>; readonly text: string };

export const ANY = '*';

/** Which identities of those issuers: exact values, or a lone `*`. */
export type Who =
  | { readonly kind: 'spiffeId'; readonly spiffeId: string }
  | { readonly kind: 'workload'; readonly namespace: string; readonly serviceAccount: string }
  | { readonly kind: 'claims'; readonly claims: Readonly<Record<string, string>> };

export interface Subject {
  readonly issuer: IssuerPart;
  readonly who: Who;
}

type SubjectSpec = FederationMappingSpec['subject'];

/** The subject of a mapping, or undefined for a spec that says no whole one. */
export function subjectOf(spec: SubjectSpec): Subject | undefined {
  const issuer = issuerPartOf(spec);
  const who = whoOf(spec);
  return issuer === undefined || who === undefined ? undefined : { issuer, who };
}

function issuerPartOf({ issuer, issuerSelector }: SubjectSpec): IssuerPart | undefined {
  if (issuer !== undefined) return issuerSelector === undefined ? { kind: 'name', name: issuer } : undefined;
  return issuerSelector === undefined
    ? undefined
    : { kind: 'selector', labels: issuerSelector, text: selectorText(issuerSelector) };
}

function whoOf({ namespace, serviceAccount, claims, spiffeId }: SubjectSpec): Who | undefined {
  if (spiffeId !== undefined) return { kind: 'spiffeId', spiffeId };
  if (claims !== undefined) return Object.keys(claims).length > 0 ? { kind: 'claims', claims } : undefined;
  if (namespace === undefined || serviceAccount === undefined) return undefined;
  return { kind: 'workload', namespace, serviceAccount };
}

/** How specific a `who` is, first the most (DESIGN section 6). Claims are compared by their sets instead. */
export type Shape = 'spiffeId' | 'exact' | 'namespace' | 'serviceAccount' | 'any' | 'claims';

const RANK: Readonly<Record<Shape, number>> = {
  spiffeId: 0,
  exact: 1,
  namespace: 2,
  serviceAccount: 3,
  any: 4,
  claims: 5,
};

export function shapeOf(who: Who): Shape {
  if (who.kind !== 'workload') return who.kind;
  if (who.namespace !== ANY) return who.serviceAccount !== ANY ? 'exact' : 'namespace';
  return who.serviceAccount !== ANY ? 'serviceAccount' : 'any';
}

/** A selector's labels in one canonical text. */
export function selectorText(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** True when an issuer carries every one of the labels. */
export function carries(issuer: Pick<TrustedIssuer, 'labels'>, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(labels).every(
    ([key, value]) => Object.hasOwn(issuer.labels, key) && issuer.labels[key] === value,
  );
}

/** Every issuer in force whose identities a subject may match. */
export function issuersOf({ issuer: part }: Subject, { byName }: TrustedIssuers): readonly TrustedIssuer[] {
  if (part.kind === 'selector') return [...byName.values()].filter((issuer) => carries(issuer, part.labels));
  const named = byName.get(part.name);
  return named === undefined ? [] : [named];
}

/** The value of a claim that can be compared: a string of its own, never an inherited member. */
export function claimText(identity: VerifiedIdentity, name: string): string | undefined {
  if (identity.kind !== 'oidc' || !Object.hasOwn(identity.claims, name)) return undefined;
  const value = identity.claims[name];
  return typeof value === 'string' ? value : undefined;
}

/** True when whatever satisfies claim set `a` satisfies `b` too and they are not the same set: `a` is the more specific. */
function isStricter(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  return asksForAll(a, b) && !asksForAll(b, a);
}

/**
 * Order of two subjects that match the same identity: negative when `a` decides before `b`, 0 when neither does.
 * Not transitive over claim sets, so it compares, but does not sort.
 */
export function compareSubjects(a: Subject, b: Subject): number {
  const byShape = RANK[shapeOf(a.who)] - RANK[shapeOf(b.who)];
  if (byShape !== 0) return byShape;
  if (a.who.kind === 'claims' && b.who.kind === 'claims') {
    if (isStricter(a.who.claims, b.who.claims)) return -1;
    if (isStricter(b.who.claims, a.who.claims)) return 1;
  }
  return issuerRank(a) - issuerRank(b);
}

function issuerRank(subject: Subject): number {
  return subject.issuer.kind === 'name' ? 0 : 1;
}

/** True when whatever satisfies claim set `a` satisfies `b` too. */
export function asksForAll(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  return Object.entries(b).every(([key, value]) => Object.hasOwn(a, key) && (value === ANY || a[key] === value));
}
