import type { JsonObject } from '../core/json.ts';
import type { PublicJwk, Purpose } from './authority.ts';

/** How often a consumer of the SPIFFE bundle should look again, seconds (SPIFFE Trust Domain and Bundle section 4.1.2). */
const BUNDLE_REFRESH_SECONDS = 300;

const SIGNING_ALGORITHM: Readonly<Record<Purpose, string>> = { cloud: 'RS256', svid: 'ES256' };

/** What every token of the purpose carries; targets' own claims are not listed, so that a new target changes nothing. */
const CLAIMS: Readonly<Record<Purpose, readonly string[]>> = {
  cloud: ['iss', 'sub', 'aud', 'iat', 'nbf', 'exp', 'jti'],
  svid: ['iss', 'sub', 'aud', 'iat', 'exp', 'jti'],
};

/** The `iss` of each purpose, of the configuration's `issuer`. */
export function issuersOf(issuer: string): Readonly<Record<Purpose, string>> {
  return { cloud: issuer, svid: `${issuer}/svid` };
}

interface Publication {
  readonly purpose: Purpose;
  /** The purpose's issuer, `authority.issuer(purpose)`. */
  readonly issuer: string;
  /** Base of the token endpoint: `listeners.workload.url`, else the cloud issuer. */
  readonly workloadUrl: string;
}

/** Where the documents of an issuer are answered, as paths of its origin. */
export interface WellKnownPaths {
  /** OpenID Connect Discovery section 4: appended to the issuer's path. */
  readonly configuration: string;
  /** RFC 8414 section 3: inserted before the issuer's path. */
  readonly metadata: string;
  readonly jwks: string;
}

export function wellKnownPaths(issuer: string): WellKnownPaths {
  const path = new URL(issuer).pathname.replace(/\/$/, '');
  return {
    configuration: `${path}/.well-known/openid-configuration`,
    metadata: `/.well-known/oauth-authorization-server${path}`,
    jwks: `${path}/.well-known/jwks.json`,
  };
}

/**
 * OpenID Connect discovery document. AWS wants `response_types_supported`, `subject_types_supported` and the algorithms
 * even of an issuer at which nobody signs in (clouds.md 1.1, 1.4).
 */
export function discoveryDocument(publication: Publication): JsonObject {
  return {
    ...authorizationServerMetadata(publication),
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [SIGNING_ALGORITHM[publication.purpose]],
    claims_supported: CLAIMS[publication.purpose],
  };
}

/** RFC 8414 metadata. The token endpoint belongs to the cloud issuer alone: tokens of the SVID issuer are got there too. */
export function authorizationServerMetadata({ purpose, issuer, workloadUrl }: Publication): JsonObject {
  const document = {
    issuer,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    response_types_supported: ['id_token'],
  };
  if (purpose === 'svid') return document;
  return {
    ...document,
    token_endpoint: `${workloadUrl}/oauth2/token`,
    grant_types_supported: ['urn:ietf:params:oauth:grant-type:token-exchange'],
    token_endpoint_auth_methods_supported: ['none'],
  };
}

/** JWK Set for OAuth and OpenID consumers (RFC 7517 section 5). */
export function jwksDocument(keys: readonly PublicJwk[]): JsonObject {
  return { keys: [...keys] };
}

/**
 * SPIFFE bundle of the trust domain: SVID keys with `use: jwt-svid` and only members that the bundle format defines, so
 * without `alg` (SPIFFE Trust Domain and Bundle section 4.2). `changedAt`, milliseconds, is the sequence: it grows
 * whenever the keys change, is equal on every replica and survives the loss of the store.
 */
export function spiffeBundle(keys: readonly PublicJwk[], changedAt: number): JsonObject {
  return {
    spiffe_sequence: changedAt,
    spiffe_refresh_hint: BUNDLE_REFRESH_SECONDS,
    keys: keys.map(({ alg: _, use: __, ...key }) => ({ ...key, use: 'jwt-svid' })),
  };
}
