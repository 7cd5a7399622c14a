import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export type FakeAlgorithm = 'RS256' | 'ES256' | 'ES384' | 'ES512';

const CURVES = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' } as const;
const DIGESTS = { RS256: 'sha256', ES256: 'sha256', ES384: 'sha384', ES512: 'sha512' } as const;

/** A key pair as an API server holds it: `kid` is the base64url SHA-256 of the public key's SPKI DER (F3). */
export interface FakeKey {
  readonly alg: FakeAlgorithm;
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly jwk: Readonly<Record<string, string>>;
}

export function newKey(alg: FakeAlgorithm, kid?: string): FakeKey {
  const pair =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: CURVES[alg] });
  const der = pair.publicKey.export({ type: 'spki', format: 'der' });
  const name = kid ?? createHash('sha256').update(der).digest('base64url');
  const members = pair.publicKey.export({ format: 'jwk' }) as Record<string, string>;
  return { alg, kid: name, privateKey: pair.privateKey, jwk: { use: 'sig', ...members, kid: name, alg } };
}

/** A compact JWS over exactly these texts: tests forge headers and claims that no library would write. */
export function signText(key: Pick<FakeKey, 'alg' | 'privateKey'>, header: string | Buffer, claims: string | Buffer) {
  const input = `${Buffer.from(header).toString('base64url')}.${Buffer.from(claims).toString('base64url')}`;
  const signature = sign(DIGESTS[key.alg], Buffer.from(input), {
    key: key.privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  return `${input}.${signature.toString('base64url')}`;
}

/** A compact JWS with the header an API server writes: `alg` and `kid`, no `typ`. */
export function signClaims(key: FakeKey, claims: object, header: object = {}): string {
  return signText(key, JSON.stringify({ alg: key.alg, kid: key.kid, ...header }), JSON.stringify(claims));
}
