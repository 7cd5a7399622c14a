import type { JWK } from 'jose';
import type { Clock } from '../../src/core/clock.ts';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';
import { StsRefusal } from './aws-sts-wire.ts';

const MAX_KEYS_PER_TYPE = 100;
const MAX_DOCUMENT_BYTES = 256 * 1024;
const REQUIRED_LISTS = [
  'response_types_supported',
  'subject_types_supported',
  'id_token_signing_alg_values_supported',
] as const;

interface KeySet {
  readonly keys: readonly JsonObject[];
  readonly fetchedAt: number;
}

/** AWS's side of key distribution: discovery, then JWKS, kept for a while, fetched anew for a kid it has not seen. */
export class IssuerKeys {
  readonly #clock: Clock;
  readonly #cacheSeconds: number;
  readonly #sets = new Map<string, KeySet>();
  /** How often an issuer's documents were fetched. */
  fetches = 0;

  constructor(clock: Clock, cacheSeconds: number) {
    this.#clock = clock;
    this.#cacheSeconds = cacheSeconds;
  }

  /** The key a token names. Throws StsRefusal with the one text that AWS has for everything that is wrong here. */
  async find(issuer: string, kid: unknown): Promise<JWK> {
    if (typeof kid !== 'string') throw noKey();
    const cached = this.#sets.get(issuer);
    const fresh = cached !== undefined && this.#clock.now() - cached.fetchedAt < this.#cacheSeconds * 1000;
    const key = (fresh ? pick(cached.keys, kid) : undefined) ?? pick(await this.#fetch(issuer), kid);
    if (key === undefined) throw noKey();
    return key;
  }

  async #fetch(issuer: string): Promise<readonly JsonObject[]> {
    this.fetches += 1;
    const discovery = await document(`${issuer}/.well-known/openid-configuration`);
    const listed = REQUIRED_LISTS.every((name) => isNonEmptyList(discovery[name]));
    const jwksUri = discovery['jwks_uri'];
    if (discovery['issuer'] !== issuer || !listed || typeof jwksUri !== 'string') throw noKey();
    const { keys } = await document(jwksUri);
    if (!Array.isArray(keys) || !keys.every(isJsonObject)) throw noKey();
    this.#sets.set(issuer, { keys, fetchedAt: this.#clock.now() });
    return keys;
  }
}

/** RSA and EC keys are counted apart; over the limit only that type stops working. Of two with one kid the last counts. */
function pick(keys: readonly JsonObject[], kid: string): JWK | undefined {
  const key = keys.findLast((candidate) => candidate['kid'] === kid);
  if (key === undefined || (key['kty'] !== 'RSA' && key['kty'] !== 'EC')) return undefined;
  if (keys.filter(({ kty }) => kty === key['kty']).length > MAX_KEYS_PER_TYPE) return undefined;
  if ('key_ops' in key || (key['use'] !== undefined && key['use'] !== 'sig')) return undefined;
  const { alg: _doesNotChooseTheHash, ...rest } = key;
  return rest as JWK;
}

async function document(url: string): Promise<JsonObject> {
  try {
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(5_000) });
    const text = await response.text();
    if (!response.ok || text.length > MAX_DOCUMENT_BYTES) throw noKey();
    const value: unknown = JSON.parse(text);
    if (!isJsonObject(value)) throw noKey();
    return value;
  } catch {
    throw noKey();
  }
}

function isNonEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string');
}

function noKey(): StsRefusal {
  return new StsRefusal(
    'InvalidIdentityToken',
    "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements",
  );
}
