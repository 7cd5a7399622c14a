import type { DocumentOf, Fault } from './document.ts';
import { durationSeconds } from './duration.ts';
import { fieldName } from './field-name.ts';
import type { IssuerProfile, TrustedIssuer, TrustedIssuers } from './issuers.ts';
import { keySource, type OwnCluster, tokenReview } from './key-source.ts';
import { DEFAULT_KUBERNETES_PATH, mayProduceSamePath } from './spiffe-path.ts';

type IssuerDocument = DocumentOf<'TrustedIssuer'>;
interface Compiled {
  readonly document: IssuerDocument;
  readonly issuer: TrustedIssuer;
}

export interface IssuerContext {
  readonly trustDomain: string;
  /** Carnet's own issuers: a TrustedIssuer equal to one would let Carnet's tokens come back as subjects. */
  readonly ownIssuers: readonly string[];
  /** Absent where Carnet does not run in a cluster: keys by `inCluster` are a fault then. */
  readonly ownCluster?: OwnCluster;
}

export interface CompiledIssuers {
  /** Those that are whole and use only what is built. */
  readonly issuers: TrustedIssuers;
  /** Those that name a feature which is not built: not in `issuers`, so their tokens are refused. */
  readonly inactive: readonly { readonly name: string; readonly feature: string }[];
  /** An issuer with an error here is not in `issuers`; a warning changes nothing. */
  readonly faults: readonly Fault[];
}

/**
 * Compiles TrustedIssuers, of which each name is there once. When two could give two clusters the same SPIFFE ID, or
 * have one `iss` and one place of their keys (K5), the one later in `documents` is the fault, so callers pass them in the order in which they were first seen.
 */
export function compileIssuers(documents: readonly IssuerDocument[], context: IssuerContext): CompiledIssuers {
  const inactive = documents.flatMap((document) => {
    const feature = unbuiltFeature(document.spec);
    return feature === undefined ? [] : [{ name: document.name, feature }];
  });
  const unbuilt = new Set(inactive.map(({ name }) => name));
  const faults: Fault[] = [];
  const compiled: Compiled[] = [];
  for (const document of documents) {
    const wrong = ownIssuerFault(document, context.ownIssuers) ?? ownClusterFault(document, context.ownCluster);
    if (wrong !== undefined) faults.push(wrong);
    else if (!unbuilt.has(document.name)) {
      compiled.push({ document, issuer: compileIssuer(document, context.ownCluster) });
    }
  }
  const clashes = pathClashes(compiled);
  const apart = without(compiled, clashes);
  const keyless = keylessTwins(apart);
  const whole = without(apart, keyless);
  return {
    issuers: indexIssuers(whole, context.trustDomain),
    inactive,
    faults: [...faults, ...clashes, ...keyless, ...twinWarnings(whole), ...replayWarnings(whole)],
  };
}

function without(compiled: readonly Compiled[], faulty: readonly Fault[]): readonly Compiled[] {
  const names = new Set(faulty.map(({ name }) => name));
  return compiled.filter(({ document }) => !names.has(document.name));
}

/**
 * Origins that this issuer's keys are fetched from and its tokens are reviewed at, as far as the resource tells: a
 * kubeconfig is read when it is used.
 */
export function originsOf({ keys, profile }: TrustedIssuer): string[] {
  const review = profile.kind === 'kubernetes' ? profile.tokenReview?.server : undefined;
  const addresses = [
    ...(keys.kind === 'discovery' ? [keys.url, keys.jwksUri] : []),
    ...(keys.kind === 'jwks' ? [keys.url] : []),
    ...(review?.kind === 'address' ? [review.url] : []),
  ];
  const origins = addresses.flatMap((address) => (address === undefined ? [] : [new URL(address).origin]));
  return [...new Set(origins)];
}

function unbuiltFeature(spec: IssuerDocument['spec']): string | undefined {
  if (spec.spiffe !== undefined) return 'spiffe';
  return spec.keys?.push === undefined ? undefined : 'keys.push';
}

function compileIssuer(document: IssuerDocument, ownCluster: OwnCluster | undefined): TrustedIssuer {
  const { spec } = document;
  return {
    name: document.name,
    labels: document.labels,
    issuer: spec.issuer,
    previousIssuers: (spec.previousIssuers ?? []).map(({ issuer, notAfter }) => ({
      issuer,
      notAfter: Date.parse(notAfter),
    })),
    audiences: spec.audiences,
    allowExtraAudiences: spec.allowExtraAudiences,
    algorithms: spec.algorithms,
    maxTokenLifetimeSeconds: durationSeconds(spec.maxTokenLifetime),
    clockSkewSeconds: durationSeconds(spec.clockSkew),
    keys: keySource(document, ownCluster),
    profile: profile(document, ownCluster),
    ...(spec.replay !== undefined && { replay: spec.replay }),
  };
}

function profile(document: IssuerDocument, ownCluster: OwnCluster | undefined): IssuerProfile {
  const { name, spec } = document;
  if (spec.oidc !== undefined) {
    return {
      kind: 'oidc',
      requireClaims: spec.oidc.requireClaims ?? {},
      ...(spec.oidc.spiffePath !== undefined && { spiffePath: spec.oidc.spiffePath }),
    };
  }
  const cluster = spec.kubernetes?.cluster ?? name;
  const template = spec.kubernetes?.spiffePath ?? DEFAULT_KUBERNETES_PATH;
  const review = tokenReview(document, ownCluster);
  return {
    kind: 'kubernetes',
    cluster,
    spiffePath: template.replaceAll('{cluster}', cluster),
    ...(review !== undefined && { tokenReview: review }),
  };
}

function indexIssuers(compiled: readonly Compiled[], trustDomain: string): TrustedIssuers {
  const byIss = new Map<string, TrustedIssuer[]>();
  for (const { issuer } of compiled) {
    for (const iss of issuersOf(issuer)) byIss.set(iss, [...(byIss.get(iss) ?? []), issuer]);
  }
  return { byName: new Map(compiled.map(({ issuer }) => [issuer.name, issuer])), byIss, trustDomain };
}

function issuersOf(issuer: TrustedIssuer): readonly string[] {
  return [issuer.issuer, ...issuer.previousIssuers.map((previous) => previous.issuer)];
}

function ownIssuerFault(document: IssuerDocument, ownIssuers: readonly string[]): Fault | undefined {
  if (ownIssuers.includes(document.spec.issuer)) {
    return fault(document, ['issuer'], 'is an issuer of Carnet itself');
  }
  const at = (document.spec.previousIssuers ?? []).findIndex(({ issuer }) => ownIssuers.includes(issuer));
  return at < 0 ? undefined : fault(document, ['previousIssuers', at, 'issuer'], 'is an issuer of Carnet itself');
}

function ownClusterFault(document: IssuerDocument, ownCluster: OwnCluster | undefined): Fault | undefined {
  if (document.spec.keys?.inCluster === undefined || ownCluster !== undefined) return undefined;
  return {
    ...fault(document, ['keys', 'inCluster'], 'is for a Carnet that runs in a cluster, and this one does not'),
    hint: 'KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; use keys.discovery or keys.kubeconfig',
  };
}

/** Templates of one's own against each other: the default form has a reserved first segment and holds its cluster. */
function pathClashes(compiled: readonly Compiled[]): Fault[] {
  const faults: Fault[] = [];
  const kept: Compiled[] = [];
  for (const later of compiled) {
    if (!hasOwnTemplate(later)) continue;
    const earlier = kept.find((one) => mayClash(one.issuer.profile, later.issuer.profile));
    if (earlier === undefined) kept.push(later);
    else faults.push(clash(later, earlier));
  }
  return faults;
}

function hasOwnTemplate({ issuer: { profile } }: Compiled): boolean {
  return profile.spiffePath !== undefined && !profile.spiffePath.startsWith('/cluster/');
}

function mayClash(one: IssuerProfile, other: IssuerProfile): boolean {
  const left = one.spiffePath ?? '';
  const right = other.spiffePath ?? '';
  const sameCluster = one.kind === 'kubernetes' && other.kind === 'kubernetes' && one.cluster === other.cluster;
  return !(sameCluster && left === right) && mayProduceSamePath(left, right);
}

function clash({ document, issuer }: Compiled, earlier: Compiled): Fault {
  const path = [issuer.profile.kind, 'spiffePath'];
  return {
    ...fault(document, path, `can give the same SPIFFE ID as TrustedIssuer ${earlier.issuer.name}`),
    hint: 'leave it out, or begin it with text of its own',
  };
}

/**
 * A key counts for one issuer only, so of twins that discover their keys at one place the later would never have any.
 * Each cluster that calls itself `https://kubernetes.default.svc.cluster.local` is at that place as far as this default
 * goes (K5).
 */
function keylessTwins(compiled: readonly Compiled[]): Fault[] {
  const firstAt = new Map<string, string>();
  const faults: Fault[] = [];
  for (const { document, issuer } of compiled) {
    if (issuer.keys.kind !== 'discovery') continue;
    const { url, jwksUri } = issuer.keys;
    const places = issuersOf(issuer).map((iss) => JSON.stringify([iss, url, jwksUri]));
    const first = places.map((place) => firstAt.get(place)).find((name) => name !== undefined);
    if (first === undefined) for (const place of places) firstAt.set(place, issuer.name);
    else faults.push(keylessTwin(document, first));
  }
  return faults;
}

function keylessTwin(document: IssuerDocument, first: string): Fault {
  const path = document.spec.keys?.discovery === undefined ? ['keys'] : ['keys', 'discovery', 'url'];
  return {
    ...fault(document, path, `shares issuer and address of the keys with TrustedIssuer ${first}, for which they count`),
    hint: 'set keys.discovery.url to the discovery document of this cluster, or use keys.jwks or keys.static',
  };
}

function twinWarnings(compiled: readonly Compiled[]): Fault[] {
  const firstBy = new Map<string, string>();
  const warnings: Fault[] = [];
  for (const { document, issuer } of compiled) {
    const twins = new Set<string>();
    for (const iss of issuersOf(issuer)) {
      for (const audience of issuer.audiences) {
        const key = JSON.stringify([iss, audience]);
        const first = firstBy.get(key) ?? issuer.name;
        firstBy.set(key, first);
        if (first !== issuer.name) twins.add(first);
      }
    }
    for (const twin of twins) warnings.push(twinWarning(document, twin));
  }
  return warnings;
}

/** A kubelet hands its pods one token for most of an hour: used once, it is used up (R1). */
function replayWarnings(compiled: readonly Compiled[]): Fault[] {
  return compiled
    .filter(({ issuer }) => issuer.replay !== undefined && issuer.profile.kind === 'kubernetes')
    .map(({ document }) => ({
      ...fault(
        document,
        ['replay'],
        'lets a pod use its projected token once, and the kubelet keeps that one for long',
      ),
      hint: 'leave it out unless workloads request a token for each exchange',
      severity: 'warning' as const,
    }));
}

function twinWarning(document: IssuerDocument, twin: string): Fault {
  return {
    ...fault(document, ['audiences'], `shares issuer and an audience with TrustedIssuer ${twin}`),
    hint: 'give each cluster an audience of its own',
    severity: 'warning',
  };
}

function fault(document: IssuerDocument, path: readonly (string | number)[], message: string): Fault {
  const field = ['spec', ...path];
  return {
    source: document.source.id,
    line: document.source.line(field),
    kind: 'TrustedIssuer',
    name: document.name,
    field: fieldName(field),
    message,
    severity: 'error',
  };
}
