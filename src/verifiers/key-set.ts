import { createPublicKey, type KeyObject, type webcrypto } from 'node:crypto';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { keyThumbprint } from '../core/key-thumbprint.ts';
import { isPrivateJwk } from '../core/private-jwk.ts';
import { boundAlgorithm, type SignatureAlgorithm } from './algorithms.ts';
import { isRocaModulus } from './roca.ts';

/** One public key, bound to one algorithm for as long as it is held. */
export interface VerificationKey {
  readonly kid: string;
  readonly alg: SignatureAlgorithm;
  readonly key: KeyObject;
  /** RFC 7638, SHA-256, base64url, over the key as the cryptographic library writes it: one text per key. */
  readonly thumbprint: string;
}

export interface KeySet {
  readonly byKid: ReadonlyMap<string, VerificationKey>;
  /** Keys left out: of a type not known, weak, malformed, without `kid` or not for verifying (K16). */
  readonly skipped: number;
}

/** A key set that is refused as a whole. `message` names the rule. */
export class KeySetError extends Error {
  override readonly name = 'KeySetError';
}

const MAX_KEYS = 64;
const KID = /^[\x20-\x7e]{1,256}$/;
const COORDINATE_BYTES: Readonly<Record<string, number>> = { 'P-256': 32, 'P-384': 48, 'P-521': 66, Ed25519: 32 };
/** The widest RSA numbers that can pass, a leading zero included: wider ones would keep the library busy for seconds. */
const RSA_BYTES = { n: 1025, e: 5 };

/**
 * The usable keys of a JWK set (V2, V11, K16). Throws KeySetError when the document is no key set, holds more than 64
 * keys, private members or one `kid` twice, or when no key is usable. Unknown and weak keys are skipped and counted.
 */
export function readKeySet(document: JsonObject): KeySet {
  const { keys } = document;
  if (!Array.isArray(keys)) throw new KeySetError('there is no keys array');
  if (keys.length > MAX_KEYS) throw new KeySetError(`more than ${MAX_KEYS} keys`);
  refuseWhole(keys);
  const usable = keys.map(readKey).filter((key) => key !== undefined);
  if (usable.length === 0) throw new KeySetError('there is no usable key');
  return { byKid: new Map(usable.map((key) => [key.kid, key])), skipped: keys.length - usable.length };
}

function refuseWhole(keys: readonly JsonValue[]): void {
  const kids = new Set<JsonValue>();
  for (const jwk of keys) {
    if (!isJsonObject(jwk)) continue;
    if (isPrivateJwk(jwk)) throw new KeySetError('a key has private members');
    if (jwk['kid'] === undefined) continue;
    if (kids.has(jwk['kid'])) throw new KeySetError('a kid appears twice');
    kids.add(jwk['kid']);
  }
}

function readKey(jwk: JsonValue): VerificationKey | undefined {
  if (!isJsonObject(jwk)) return undefined;
  const { kty, crv, kid, use, key_ops: operations } = jwk;
  if (typeof kid !== 'string' || !KID.test(kid)) return undefined;
  if (use !== undefined && use !== 'sig') return undefined;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return undefined;
  const alg = boundAlgorithm(kty, crv, jwk['alg']);
  const key = alg === undefined ? undefined : importKey(jwk);
  return alg === undefined || key === undefined ? undefined : { kid, alg, key, thumbprint: keyThumbprint(key) };
}

/** Undefined for a key that does not import, is not on its curve, or is weak. */
function importKey(jwk: JsonObject): KeyObject | undefined {
  const { kty, crv, n, e, x, y } = jwk;
  const members = kty === 'RSA' ? { n, e } : kty === 'EC' ? { x, y } : { x };
  if (!Object.values(members).every(isCanonicalBase64url)) return undefined;
  if (!(kty === 'RSA' ? fitsRsa(jwk) : fitsCurve(crv, members))) return undefined;
  try {
    const key = createPublicKey({ key: { kty, crv, ...members } as webcrypto.JsonWebKey, format: 'jwk' });
    return kty !== 'RSA' || (isStrongRsa(key) && !isRocaModulus(modulus(n))) ? key : undefined;
  } catch {
    return undefined;
  }
}

function fitsRsa({ n, e }: JsonObject): boolean {
  return byteLength(n) <= RSA_BYTES.n && byteLength(e) <= RSA_BYTES.e;
}

function fitsCurve(crv: unknown, coordinates: object): boolean {
  const size = typeof crv === 'string' ? COORDINATE_BYTES[crv] : undefined;
  return Object.values(coordinates).every((text) => byteLength(text) === size);
}

function isStrongRsa(key: KeyObject): boolean {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  const oddExponent = publicExponent >= 65_537n && publicExponent < 2n ** 32n && publicExponent % 2n === 1n;
  return modulusLength >= 2048 && modulusLength <= 8192 && oddExponent;
}

function modulus(n: unknown): bigint {
  return typeof n === 'string' ? BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`) : 0n;
}

function isCanonicalBase64url(text: unknown): boolean {
  return typeof text === 'string' && text !== '' && Buffer.from(text, 'base64url').toString('base64url') === text;
}

function byteLength(text: unknown): number {
  return typeof text === 'string' ? Buffer.from(text, 'base64url').length : 0;
}
