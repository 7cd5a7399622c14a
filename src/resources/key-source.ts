import { resolve } from 'node:path';
import type { JsonObject } from '../core/json.ts';
import type { DocumentOf } from './document.ts';
import type { ApiServerSource, KeySource, TokenReview } from './issuers.ts';

type IssuerDocument = DocumentOf<'TrustedIssuer'>;

const WELL_KNOWN = '/.well-known/openid-configuration';
const JWKS = '/openid/v1/jwks';
/** Where every pod finds what its ServiceAccount may use (K12). */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The API server of the cluster that Carnet itself runs in. */
export interface OwnCluster {
  /** `https://10.96.0.1:443` */
  readonly server: string;
}

/**
 * Where the keys of an issuer come from, paths made absolute. `inCluster` without an own cluster gives an address that
 * answers nobody: such an issuer is a fault before anything is fetched.
 */
export function keySource(document: IssuerDocument, ownCluster: OwnCluster | undefined): KeySource {
  const { spec } = document;
  const file = pathsOf(document);
  const { discovery, jwks, static: fixed, inCluster, kubeconfig } = spec.keys ?? {};
  if (kubeconfig !== undefined) return kubeconfigSource(kubeconfig, file);
  if (inCluster !== undefined) {
    const { url, ...files } = ownServer(ownCluster);
    return { kind: 'discovery', url: `${url}${WELL_KNOWN}`, jwksUri: `${url}${JWKS}`, ...files };
  }
  if (discovery !== undefined) {
    return {
      kind: 'discovery',
      url: discovery.url ?? `${spec.issuer.replace(/\/$/, '')}${WELL_KNOWN}`,
      ...(discovery.jwksUri !== undefined && { jwksUri: discovery.jwksUri }),
      ...(discovery.caFile !== undefined && { caFile: file(discovery.caFile) }),
      ...(discovery.bearerTokenFile !== undefined && { bearerTokenFile: file(discovery.bearerTokenFile) }),
    };
  }
  if (jwks !== undefined) {
    return { kind: 'jwks', url: jwks.url, ...(jwks.caFile !== undefined && { caFile: file(jwks.caFile) }) };
  }
  return {
    kind: 'static',
    ...(fixed?.jwksFile !== undefined && { jwksFile: file(fixed.jwksFile) }),
    ...(fixed?.jwks !== undefined && { jwks: fixed.jwks as JsonObject }),
  };
}

/** How an issuer's tokens are reviewed; undefined when they are not. */
export function tokenReview(document: IssuerDocument, ownCluster: OwnCluster | undefined): TokenReview | undefined {
  const { kubernetes } = document.spec;
  const { mode = 'never' } = kubernetes?.tokenReview ?? {};
  return mode === 'never' ? undefined : { mode, server: reviewServer(document, ownCluster) };
}

/** What the review does not say it takes from the keys' source, a CA and a bearer only where the origin is the same (K10). */
function reviewServer(document: IssuerDocument, ownCluster: OwnCluster | undefined): ApiServerSource {
  const { keys, kubernetes, issuer } = document.spec;
  const file = pathsOf(document);
  const own = kubernetes?.tokenReview;
  if (own?.url === undefined && keys?.kubeconfig !== undefined) return kubeconfigSource(keys.kubeconfig, file);
  if (own?.url === undefined && keys?.inCluster !== undefined) return { kind: 'address', ...ownServer(ownCluster) };
  const known = keys?.discovery;
  const asked = known === undefined ? undefined : (known.url ?? issuer);
  const url = own?.url ?? baseOf(asked ?? issuer);
  const shared = asked !== undefined && new URL(url).origin === new URL(asked).origin ? known : undefined;
  const caFile = own?.caFile ?? shared?.caFile;
  const bearerTokenFile = own?.bearerTokenFile ?? shared?.bearerTokenFile;
  return {
    kind: 'address',
    url: url.replace(/\/+$/, ''),
    ...(caFile !== undefined && { caFile: file(caFile) }),
    ...(bearerTokenFile !== undefined && { bearerTokenFile: file(bearerTokenFile) }),
  };
}

/** The API server that a discovery document is on: what precedes the well-known path, else the origin. */
function baseOf(address: string): string {
  return address.endsWith(WELL_KNOWN) ? address.slice(0, -WELL_KNOWN.length) : new URL(address).origin;
}

function ownServer(ownCluster: OwnCluster | undefined) {
  return {
    url: ownCluster?.server ?? 'https://in-cluster.invalid',
    caFile: `${SERVICE_ACCOUNT}/ca.crt`,
    bearerTokenFile: `${SERVICE_ACCOUNT}/token`,
  };
}

type KubeconfigKeys = NonNullable<NonNullable<IssuerDocument['spec']['keys']>['kubeconfig']>;

function kubeconfigSource({ file, context }: KubeconfigKeys, absolute: (path: string) => string) {
  return { kind: 'kubeconfig', file: absolute(file), ...(context !== undefined && { context }) } as const;
}

function pathsOf({ source }: IssuerDocument): (path: string) => string {
  return (path) => (source.baseDirectory === undefined ? path : resolve(source.baseDirectory, path));
}
