import { type KeyObject, type SignKeyObjectInput, sign } from 'node:crypto';
import { promisify } from 'node:util';
import type { SigningKey } from './signing-keys.ts';

const signInPool = promisify<string, Buffer, SignKeyObjectInput, Buffer>(sign);

/**
 * A compact JWS over the payload, header exactly `alg kid typ` (RFC 7515 section 3.1). ES256 costs less than asking
 * another thread would and is done at once; RS256 costs ten times as much and would hold up everybody else.
 */
export async function signCompact(key: SigningKey, payload: string): Promise<string> {
  const { alg, kid } = key.publicJwk;
  const input = `${base64url(JSON.stringify({ alg, kid, typ: 'JWT' }))}.${base64url(payload)}`;
  const signature = await signatureOf(alg, Buffer.from(input, 'latin1'), key.privateKey());
  return `${input}.${signature.toString('base64url')}`;
}

function signatureOf(alg: string, input: Buffer, key: KeyObject): Buffer | Promise<Buffer> {
  if (alg === 'ES256') return sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' });
  if (alg === 'RS256') return signInPool('sha256', input, { key });
  throw new Error(`no key of this service signs with ${alg}`);
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}
