import type { JsonObject } from '../core/json.ts';
import type { Secret } from '../core/secret.ts';
import type { Outbound } from '../outbound/outbound.ts';
import type { ApiServer } from './api-server.ts';
import { fetchJson, KeyFetchError } from './key-fetch.ts';
import { KeySetError, readKeySet } from './key-set.ts';

/** What an API server says of the tokens that it signs. */
export interface ClusterDiscovery {
  readonly issuer: string;
  /** Where its keys were had; the discovery document may advertise another place. */
  readonly jwksUri: string;
  /** True when the discovery document itself leads there. */
  readonly advertised: boolean;
  /** True when anybody may ask. */
  readonly anonymous: boolean;
  /** As published: public keys alone. */
  readonly jwks: JsonObject;
  readonly thumbprints: readonly string[];
}

/** No issuer that Carnet could trust has another name; anything else is made for whoever reads it on a terminal. */
const ISSUER = /^[\x21-\x7e]{1,2048}$/;

/**
 * Asks an API server for its issuer and keys: as nobody first, since what anybody may read needs no credential later, then
 * with the bearer. Throws KeyFetchError, which says what is missing.
 */
export async function discoverCluster(server: ApiServer, outbound: Outbound): Promise<ClusterDiscovery> {
  const { bearer } = server;
  try {
    return await discoverAs(undefined, server, outbound);
  } catch (error) {
    const refused = error instanceof KeyFetchError && (error.status === 401 || error.status === 403);
    if (!refused || bearer === undefined) throw error;
    return discoverAs(bearer, server, outbound);
  }
}

async function discoverAs(
  bearer: Secret | undefined,
  { url, ca }: ApiServer,
  outbound: Outbound,
): Promise<ClusterDiscovery> {
  const way = { outbound, ca, bearer };
  const document = await fetchJson({ ...way, url: `${url}/.well-known/openid-configuration`, purpose: 'discovery' });
  const { issuer, jwks_uri: advertisedUri } = document;
  if (typeof issuer !== 'string' || !ISSUER.test(issuer)) {
    throw new KeyFetchError('the discovery document names no issuer that may be one');
  }
  // What is advertised may be anywhere, often at an address that only nodes reach: the server's own path is asked instead.
  const jwksUri = `${url}/openid/v1/jwks`;
  const jwks = await fetchJson({ ...way, url: jwksUri, purpose: 'jwks' });
  return {
    issuer,
    jwksUri,
    advertised: advertisedUri === jwksUri,
    anonymous: bearer === undefined,
    jwks,
    thumbprints: thumbprintsOf(jwks),
  };
}

function thumbprintsOf(jwks: JsonObject): readonly string[] {
  try {
    return [...readKeySet(jwks).byKid.values()].map(({ thumbprint }) => thumbprint);
  } catch (error) {
    if (error instanceof KeySetError) throw new KeyFetchError(`the key set is refused: ${error.message}`);
    throw error;
  }
}
