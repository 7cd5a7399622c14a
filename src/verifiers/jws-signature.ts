import { constants, type KeyObject, type VerifyKeyObjectInput, verify } from 'node:crypto';
import { promisify } from 'node:util';
import type { Soon } from '../core/soon.ts';
import type { SignatureAlgorithm } from './algorithms.ts';
import type { CompactJws } from './compact-jws.ts';
import type { VerificationKey } from './key-set.ts';

interface Scheme {
  /** Null where the algorithm brings its own. */
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null;
  readonly use: { readonly padding?: number; readonly saltLength?: number; readonly dsaEncoding?: 'ieee-p1363' };
  /** Exact length of a signature where the curve gives it; of PKCS #1 v1.5 it is the key's, and node:crypto sees to it. */
  readonly signatureBytes?: number;
  /** As long as the modulus, which node:crypto does not insist on where a leading zero is missing (RFC 8017 section 8.1.2). */
  readonly asModulus?: true;
  /** A check takes a millisecond or two, which nobody else shall wait for: a thread of the pool makes it. */
  readonly slow?: true;
}

const PKCS1 = { padding: constants.RSA_PKCS1_PADDING };
/** The salt is as long as the hash, and no other length will do (RFC 7518 section 3.5). */
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
/** R and S, each as long as the order of the curve, and never ASN.1 (RFC 7518 section 3.4). */
const ECDSA = { dsaEncoding: 'ieee-p1363' } as const;

const SCHEMES: Readonly<Record<SignatureAlgorithm, Scheme>> = {
  RS256: { hash: 'sha256', use: PKCS1 },
  RS384: { hash: 'sha384', use: PKCS1 },
  RS512: { hash: 'sha512', use: PKCS1 },
  PS256: { hash: 'sha256', use: PSS, asModulus: true },
  PS384: { hash: 'sha384', use: PSS, asModulus: true },
  PS512: { hash: 'sha512', use: PSS, asModulus: true },
  ES256: { hash: 'sha256', use: ECDSA, signatureBytes: 64 },
  ES384: { hash: 'sha384', use: ECDSA, signatureBytes: 96, slow: true },
  ES512: { hash: 'sha512', use: ECDSA, signatureBytes: 132, slow: true },
  Ed25519: { hash: null, use: {}, signatureBytes: 64 },
};

const verifyInPool = promisify<string | null, Uint8Array, VerifyKeyObjectInput, Uint8Array, boolean>(verify);

type BoundKey = Pick<VerificationKey, 'alg' | 'key'>;

/**
 * True when the token is signed by this key under the one algorithm the key is bound to: what its header names can only
 * make it fail (V2, V11). Throws as `isSignature` does.
 */
export function isSignedBy({ alg, signingInput, signature }: CompactJws, key: BoundKey): Soon<boolean> {
  if (alg !== key.alg) return false;
  return isSignature(signature, Buffer.from(signingInput, 'latin1'), key);
}

/**
 * True when `signature` is the key's over the bytes (RFC 7518 section 3, RFC 8037 section 3.1). Wrong bytes of any kind
 * and length are false. Throws, or rejects with, what node:crypto throws: it could not check, which says nothing about the
 * signature. A promise only where a thread of the pool makes the check.
 */
export function isSignature(signature: Uint8Array, bytes: Uint8Array, { alg, key }: BoundKey): Soon<boolean> {
  const { hash, use, slow } = SCHEMES[alg];
  const length = lengthOf(SCHEMES[alg], key);
  if (length !== undefined && signature.length !== length) return false;
  if (slow) return verifyInPool(hash, bytes, { key, ...use }, signature);
  return verify(hash, bytes, { key, ...use }, signature);
}

function lengthOf({ signatureBytes, asModulus }: Scheme, key: KeyObject): number | undefined {
  if (asModulus === undefined) return signatureBytes;
  const bits = key.asymmetricKeyDetails?.modulusLength;
  return bits === undefined ? undefined : Math.ceil(bits / 8);
}
