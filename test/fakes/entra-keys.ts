import type { JWK } from 'jose';
import type { Clock } from '../../src/core/clock.ts';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';
import { EntraRefusal } from './entra-wire.ts';

const MAX_KEYS = 100;
const CACHE_SECONDS = 300;

interface KeySet {
  readonly keys: readonly JsonObject[];
  readonly fetchedAt: number;
}

/** Entra's side of key distribution: discovery, then JWKS, of which it keeps the first 100 keys (clouds.md 1.3). */
export class EntraIssuerKeys {
  readonly #clock: Clock;
  readonly #sets = new Map<string, KeySet>();
  /** How often an issuer's documents were fetched. */
  fetches = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The key a token names: RSA, for signatures. Throws EntraRefusal: 90061 without documents, 700027 without the key. */
  async find(issuer: string, kid: unknown): Promise<JWK> {
    const cached = this.#sets.get(issuer);
    const fresh = cached !== undefined && this.#clock.now() - cached.fetchedAt < CACHE_SECONDS * 1000;
    const key = (fresh ? pick(cached.keys, kid) : undefined) ?? pick(await this.#fetch(issuer), kid);
    if (key === undefined) throw new EntraRefusal(700027, 'The key was not found.');
    return key;
  }

  async #fetch(issuer: string): Promise<readonly JsonObject[]> {
    this.fetches += 1;
    const discovery = await document(`${issuer}/.well-known/openid-configuration`);
    const jwksUri = discovery['jwks_uri'];
    if (discovery['issuer'] !== issuer || typeof jwksUri !== 'string') throw unavailable();
    const { keys } = await document(jwksUri);
    if (!Array.isArray(keys)) throw unavailable();
    const kept = keys.filter(isJsonObject).slice(0, MAX_KEYS);
    this.#sets.set(issuer, { keys: kept, fetchedAt: this.#clock.now() });
    return kept;
  }
}

function pick(keys: readonly JsonObject[], kid: unknown): JWK | undefined {
  return keys.find(
    (key) => typeof kid === 'string' && key['kid'] === kid && key['kty'] === 'RSA' && key['use'] === 'sig',
  );
}

async function document(url: string): Promise<JsonObject> {
  try {
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(5_000) });
    const value: unknown = await response.json();
    if (response.ok && isJsonObject(value)) return value;
  } catch {
    // Falls through: an issuer that cannot be asked and one that answers nonsense are the same to Entra.
  }
  throw unavailable();
}

function unavailable(): EntraRefusal {
  return new EntraRefusal(90061, 'Request to External OIDC endpoint failed.');
}
