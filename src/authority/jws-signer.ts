import { type KeyObject, type SignKeyObjectInput, sign } from 'node:crypto';
import { promisify } from 'node:util';
import type { SigningKey } from './signing-keys.ts';

const signInPool = promisify<string, Buffer, SignKeyObjectInput, Buffer>(sign);

/**
 * A compact JWS over the payload, its header that of the key (RFC 7515 section 3.1). ES256 costs less than asking
 * another thread would and is done at once; RS256 costs ten times as much and would hold up everybody else.
 */
export function signCompact(key: SigningKey, payload: string): string | Promise<string> {
  const input = `${key.header}.${Buffer.from(payload).toString('base64url')}`;
  const signature = signatureOf(key.publicJwk.alg, Buffer.from(input, 'latin1'), key.privateKey());
  return signature instanceof Promise ? signature.then((bytes) => joined(input, bytes)) : joined(input, signature);
}

function signatureOf(alg: string, input: Buffer, key: KeyObject): Buffer | Promise<Buffer> {
  if (alg === 'ES256') return sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' });
  if (alg === 'RS256') return signInPool('sha256', input, { key });
  throw new Error(`no key of this service signs with ${alg}`);
}

function joined(input: string, signature: Buffer): string {
  return `${input}.${signature.toString('base64url')}`;
}
