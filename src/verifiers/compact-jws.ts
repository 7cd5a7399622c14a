import type { JsonObject } from '../core/json.ts';
import { OAuthError } from '../core/oauth-error.ts';
import type { Secret } from '../core/secret.ts';
import { isAlgorithm, type SignatureAlgorithm } from './algorithms.ts';
import { parseStrictJsonObject, StrictJsonError } from './strict-json.ts';

/** A token in its parts, nothing of it believed yet. */
export interface CompactJws {
  readonly alg: SignatureAlgorithm;
  readonly kid: string;
  /** Claims as parsed before the signature was looked at: they may choose an issuer and nothing else. */
  readonly unverifiedClaims: JsonObject;
  /** The bytes that are signed, ASCII. */
  readonly signingInput: string;
}

export const MAX_TOKEN_BYTES = 16 * 1024;

const SEGMENT = /^[A-Za-z0-9_-]+$/;
const KID = /^[\x20-\x7e]{1,256}$/;
/** Members that change what is signed or how it is read; an issuer of JWTs has no use for them (V5). */
const REFUSED_MEMBERS = ['crit', 'b64', 'zip', 'cty', 'enc'];

/**
 * Reads a compact JWS with everything closed that JOSE libraries leave open, before any cryptography (V1, V2, V4 to V7):
 * size first, three segments of canonical base64url, strict JSON, a closed list of algorithms, a `kid`. `jku`, `x5u`,
 * `jwk` and `x5c` are ignored: keys come from configuration alone.
 *
 * Throws OAuthError `token_malformed`, whose `detail` names the rule and holds nothing of the token.
 */
export function readCompactJws(token: Secret): CompactJws {
  const text = token.reveal();
  if (text.length > MAX_TOKEN_BYTES) throw malformed('larger than 16 KiB');
  const first = text.indexOf('.');
  const second = text.indexOf('.', first + 1);
  if (first === -1 || second === -1 || text.includes('.', second + 1)) throw malformed('not three segments');
  const segment = text.slice(0, first);
  const header = headers.get(segment) ?? bytesOf(segment);
  const payload = bytesOf(text.slice(first + 1, second));
  bytesOf(text.slice(second + 1));
  const unverifiedClaims = readObject(payload, 'claims');
  const { alg, kid } = header instanceof Uint8Array ? headerIn(header) : header;
  return { alg, kid, unverifiedClaims, signingInput: text.slice(0, second) };
}

interface Header {
  readonly alg: SignatureAlgorithm;
  readonly kid: string;
}

const MAX_HEADERS = 256;
/** Longer ones are read each time. */
const MAX_HELD_BYTES = 384;
/** Headers that were read and are legal, by their segment: all tokens that a key signs have the same one. */
const headers = new Map<string, Header>();

function headerIn(bytes: Buffer): Header {
  const header = readHeader(readObject(bytes, 'header'));
  if (bytes.length <= MAX_HELD_BYTES) {
    if (headers.size === MAX_HEADERS) headers.clear();
    // Encoded anew: a piece of the token's text would keep all of it in memory.
    headers.set(bytes.toString('base64url'), header);
  }
  return header;
}

/** Canonical base64url is what encoding the bytes gives again: bits that stand for no byte are zero (RFC 4648 section 3.5). */
function bytesOf(segment: string): Buffer {
  const bytes = Buffer.from(segment, 'base64url');
  if (segment !== '' && bytes.toString('base64url') === segment) return bytes;
  throw malformed(SEGMENT.test(segment) ? 'base64url is not canonical' : 'a segment is empty or not base64url');
}

function readObject(bytes: Uint8Array, what: string): JsonObject {
  try {
    return parseStrictJsonObject(bytes);
  } catch (error) {
    if (error instanceof StrictJsonError) throw malformed(`${what}: ${error.message}`);
    throw error;
  }
}

function readHeader(header: JsonObject): Header {
  const refused = REFUSED_MEMBERS.find((member) => member in header);
  if (refused !== undefined) throw malformed(`header: ${refused} is not accepted`);
  const { alg, kid, typ } = header;
  if (!isAlgorithm(alg)) throw malformed('header: alg is missing or never accepted');
  if (typ !== undefined && !isJwtType(typ)) throw malformed('header: typ is not JWT');
  if (kid === undefined) throw malformed('header: kid is missing');
  if (typeof kid !== 'string' || !KID.test(kid)) throw malformed('header: kid is not 1 to 256 printable characters');
  return { alg, kid };
}

/** RFC 8725 section 3.11: media types compare without case, and `application/` may be left off (RFC 7515 4.1.9). */
function isJwtType(typ: unknown): boolean {
  return typeof typ === 'string' && /^(?:application\/)?jwt$/i.test(typ);
}

function malformed(detail: string): OAuthError {
  return new OAuthError('token_malformed', { detail });
}
