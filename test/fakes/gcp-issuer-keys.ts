import { importJWK, type JWK } from 'jose';
import type { Clock } from '../../src/core/clock.ts';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';
import { GcpRefusal } from './gcp-wire.ts';

const MAX_DOCUMENT_BYTES = 256 * 1024;
const MAX_KEYS = 100;
const MIN_RSA_BITS = 2048;

interface KeySet {
  readonly keys: readonly JsonObject[];
  readonly fetchedAt: number;
}

/** Google's side of key distribution: discovery, then JWKS, kept for a while, fetched anew for a kid it has not seen. */
export class GcpIssuerKeys {
  readonly #clock: Clock;
  readonly #cacheSeconds: number;
  readonly #sets = new Map<string, KeySet>();
  /** How often an issuer's documents were fetched. */
  fetches = 0;

  constructor(clock: Clock, cacheSeconds: number) {
    this.#clock = clock;
    this.#cacheSeconds = cacheSeconds;
  }

  /** The key that a token names, for one algorithm. Throws GcpRefusal `invalid_grant`. */
  async find(issuer: string, kid: string, alg: string): Promise<CryptoKey | Uint8Array> {
    const cached = this.#sets.get(issuer);
    const fresh = cached !== undefined && this.#clock.now() - cached.fetchedAt < this.#cacheSeconds * 1000;
    const jwk = (fresh ? pick(cached.keys, kid, alg) : undefined) ?? pick(await this.#fetch(issuer), kid, alg);
    if (jwk === undefined) throw unverifiable();
    return await importJWK(jwk, alg).catch(() => {
      throw unverifiable();
    });
  }

  async #fetch(issuer: string): Promise<readonly JsonObject[]> {
    this.fetches += 1;
    const discovery = await document(`${issuer}/.well-known/openid-configuration`);
    const jwksUri = discovery['jwks_uri'];
    if (discovery['issuer'] !== issuer || typeof jwksUri !== 'string') throw outOfReach();
    const { keys } = await document(jwksUri);
    if (!Array.isArray(keys) || !keys.every(isJsonObject) || keys.length > MAX_KEYS) throw outOfReach();
    this.#sets.set(issuer, { keys, fetchedAt: this.#clock.now() });
    return keys;
  }
}

/** The type of the key must fit the algorithm, and RSA keys be of 2,048 bits or more. */
function pick(keys: readonly JsonObject[], kid: string, alg: string): JWK | undefined {
  const key = keys.find((candidate) => candidate['kid'] === kid);
  if (key === undefined || (key['use'] !== undefined && key['use'] !== 'sig')) return undefined;
  const rsaBits = Buffer.from(String(key['n'] ?? ''), 'base64url').length * 8;
  const fits =
    alg === 'RS256' ? key['kty'] === 'RSA' && rsaBits >= MIN_RSA_BITS : key['kty'] === 'EC' && key['crv'] === 'P-256';
  return fits ? (key as JWK) : undefined;
}

async function document(url: string): Promise<JsonObject> {
  try {
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(5_000) });
    const text = await response.text();
    const value: unknown = JSON.parse(text);
    if (!response.ok || text.length > MAX_DOCUMENT_BYTES || !isJsonObject(value)) throw outOfReach();
    return value;
  } catch {
    throw outOfReach();
  }
}

function outOfReach(): GcpRefusal {
  return GcpRefusal.sts('invalid_grant', "Error connecting to the given credential's issuer.");
}

function unverifiable(): GcpRefusal {
  return GcpRefusal.sts('invalid_grant', 'Unable to verify the ID Token signature.');
}
