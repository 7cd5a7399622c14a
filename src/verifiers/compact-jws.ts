import type { JsonObject } from '../core/json.ts';
import { OAuthError } from '../core/oauth-error.ts';
import type { Secret } from '../core/secret.ts';
import { isAlgorithm, type SignatureAlgorithm } from './algorithms.ts';
import { LikelyNames } from './likely-names.ts';
import { parseStrictJsonObject, StrictJsonError } from './strict-json.ts';

/** A token in its parts, nothing of it believed yet. */
export interface CompactJws {
  readonly alg: SignatureAlgorithm;
  readonly kid: string;
  /** Claims as parsed before the signature was looked at: they may choose an issuer and nothing else. */
  readonly unverifiedClaims: JsonObject;
  /** The bytes that are signed, ASCII. */
  readonly signingInput: string;
  readonly signature: Uint8Array;
  /** Of the tokens with this header, to be told of claims that are signed; undefined where it is new or long. */
  readonly claimNames: LikelyNames | undefined;
}

export const MAX_TOKEN_BYTES = 16 * 1024;

const SEGMENT = /^[A-Za-z0-9_-]+$/;
const NOT_BASE64URL = 'a segment is empty or not base64url';
/** Characters that a segment may end in, by the number of those beyond whole groups of four: the bits for no byte are zero. */
const LAST_CHARACTERS = [
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
  '',
  'AQgw',
  'AEIMQUYcgkosw048',
];
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
  // Node would take a wider character for the one that its low byte stands for.
  if (Buffer.byteLength(text) !== text.length) throw malformed(NOT_BASE64URL);
  const segment = text.slice(0, first);
  const header = headers.get(segment) ?? bytesOf(segment);
  const payload = bytesOf(text.slice(first + 1, second));
  const signature = bytesOf(text.slice(second + 1));
  const claimNames = header instanceof Uint8Array ? undefined : header.claimNames;
  const unverifiedClaims = readObject(payload, 'claims', claimNames);
  const { alg, kid } = header instanceof Uint8Array ? headerIn(header) : header;
  return { alg, kid, unverifiedClaims, signingInput: text.slice(0, second), signature, claimNames };
}

interface Header {
  readonly alg: SignatureAlgorithm;
  readonly kid: string;
  /** Of the tokens that have this header. */
  readonly claimNames: LikelyNames;
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

/**
 * The bytes of canonical base64url (RFC 4648 sections 3.5 and 5). Node passes over characters that are none of its own and
 * takes both alphabets; what it took whole, of one alphabet, with no bit left over, is what encoding gives again.
 */
function bytesOf(segment: string): Buffer {
  const { length } = segment;
  const bytes = Buffer.from(segment, 'base64url');
  const isWhole = length > 0 && bytes.length === Math.floor((length * 3) / 4);
  const last = LAST_CHARACTERS[length % 4]?.includes(segment.charAt(length - 1));
  if (isWhole && last === true && !segment.includes('+') && !segment.includes('/')) return bytes;
  throw malformed(SEGMENT.test(segment) ? 'base64url is not canonical' : NOT_BASE64URL);
}

function readObject(bytes: Uint8Array, what: string, likely?: LikelyNames): JsonObject {
  try {
    return parseStrictJsonObject(bytes, { likely });
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
  return { alg, kid, claimNames: new LikelyNames() };
}

/** RFC 8725 section 3.11: media types compare without case, and `application/` may be left off (RFC 7515 4.1.9). */
function isJwtType(typ: unknown): boolean {
  return typeof typ === 'string' && /^(?:application\/)?jwt$/i.test(typ);
}

function malformed(detail: string): OAuthError {
  return new OAuthError('token_malformed', { detail });
}
