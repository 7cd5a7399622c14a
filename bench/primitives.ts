import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify, type webcrypto } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { CompactSign, compactVerify } from 'jose';
import type { Material } from './material.ts';

// One signature operation of a JOSE token, many times: `verify` takes the projected tokens, `sign` makes the answered
// token again. `sync` is node:crypto in the calling thread over nothing but the bytes, `jose` the library with its parsing.
const [name = '', count = '', materialFile = ''] = process.argv.slice(2);
const material = JSON.parse(await readFile(materialFile, 'utf8')) as Material;
const [jwk] = material.keySet.keys;
const publicKey = createPublicKey({ key: jwk as webcrypto.JsonWebKey, format: 'jwk' });
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const answered = String((JSON.parse(material.answer) as Record<string, unknown>)['access_token']);
const payload = Buffer.from(answered.split('.')[1] ?? '', 'base64url');

function verifySync(token: string): void {
  const end = token.lastIndexOf('.');
  const signature = Buffer.from(token.slice(end + 1), 'base64url');
  if (!verify('sha256', Buffer.from(token.slice(0, end)), publicKey, signature)) throw new Error('does not verify');
}

function signSync(key: KeyObject): string {
  const input = `${Buffer.from('{"alg":"ES256","kid":"bench","typ":"JWT"}').toString('base64url')}.${payload.toString('base64url')}`;
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

const operations: Readonly<Record<string, (token: string) => unknown>> = {
  'verify.sync': verifySync,
  'verify.jose': (token) => compactVerify(token, publicKey, { algorithms: ['RS256'] }),
  'sign.sync': () => signSync(privateKey),
  'sign.jose': () => new CompactSign(payload).setProtectedHeader({ alg: 'ES256', kid: 'bench' }).sign(privateKey),
};

async function repeat(operation: (token: string) => unknown, times: number): Promise<void> {
  const { tokens } = material;
  for (let index = 0; index < times; index += 1) {
    const result = operation(tokens[index % tokens.length] ?? '');
    if (result instanceof Promise) await result;
  }
}

const operation = operations[name];
if (operation === undefined) throw new Error(`no primitive ${name}`);
await repeat(operation, Number(count) / 4);
const before = process.cpuUsage();
await repeat(operation, Number(count));
const { user, system } = process.cpuUsage(before);
process.send?.({ [name]: (user + system) / Number(count) });
process.disconnect?.();
