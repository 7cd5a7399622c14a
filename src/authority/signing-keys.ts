import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { keyThumbprint } from '../core/key-thumbprint.ts';
import type { PublicJwk, Purpose } from './authority.ts';

/**
 * RS256 with 2048 bits is the one algorithm that every cloud takes (clouds.md rule 1); ES256 is the default of SPIFFE's
 * consumers. `members` are those of the public JWK beside `kid`, `use` and `alg`.
 */
const ALGORITHMS = {
  cloud: { alg: 'RS256', kty: 'RSA', members: ['n', 'e'] },
  svid: { alg: 'ES256', kty: 'EC', members: ['crv', 'x', 'y'] },
} as const satisfies Record<Purpose, { alg: string; kty: string; members: readonly string[] }>;

const RSA_BITS = 2048;

/** A key pair in use. What prints of it is its `kid`; the private part is an opaque KeyObject. */
export class SigningKey {
  readonly kid: string;
  readonly publicJwk: PublicJwk;
  /** Of all that it signs, base64url: exactly `alg kid typ` (spiffe.md clause 8). */
  readonly header: string;
  readonly #privateKey: KeyObject;

  constructor(publicJwk: PublicJwk, privateKey: KeyObject) {
    this.kid = publicJwk.kid;
    this.publicJwk = publicJwk;
    const { alg, kid } = publicJwk;
    this.header = Buffer.from(JSON.stringify({ alg, kid, typ: 'JWT' })).toString('base64url');
    this.#privateKey = privateKey;
  }

  privateKey(): KeyObject {
    return this.#privateKey;
  }

  toJSON(): string {
    return this.kid;
  }
}

export async function generateSigningKey(purpose: Purpose): Promise<SigningKey> {
  const generate = promisify(generateKeyPair);
  const { privateKey } =
    purpose === 'cloud'
      ? await generate('rsa', { modulusLength: RSA_BITS, publicExponent: 65_537 })
      : await generate('ec', { namedCurve: 'P-256' });
  return await fromPrivateKey(purpose, privateKey);
}

/** PKCS#8 DER, for sealing. */
export function exportPrivateKey(key: SigningKey): Buffer {
  return key.privateKey().export({ format: 'der', type: 'pkcs8' });
}

/**
 * The key pair of PKCS#8 DER. The public half comes from the private one, so nothing that lies beside it in a store can
 * make Carnet publish a key of somebody else. Throws when the bytes are no key of the purpose's kind.
 */
export async function importPrivateKey(purpose: Purpose, der: Buffer): Promise<SigningKey> {
  return await fromPrivateKey(purpose, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
}

async function fromPrivateKey(purpose: Purpose, privateKey: KeyObject): Promise<SigningKey> {
  checkKind(purpose, privateKey);
  const publicKey = createPublicKey(privateKey);
  const jwk = publicKey.export({ format: 'jwk' });
  const { alg, kty, members } = ALGORITHMS[purpose];
  const entries = members.map((member) => [member, jwk[member]]);
  const kid = keyThumbprint(publicKey);
  return new SigningKey({ kty, kid, use: 'sig', alg, ...Object.fromEntries(entries) }, privateKey);
}

function checkKind(purpose: Purpose, { asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): void {
  const fits =
    purpose === 'cloud'
      ? type === 'rsa' && details?.modulusLength === RSA_BITS && details.publicExponent === 65_537n
      : type === 'ec' && details?.namedCurve === 'prime256v1';
  if (!fits) throw new Error(`not a key for ${ALGORITHMS[purpose].alg}`);
}
