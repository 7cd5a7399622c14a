import { constants, createSecretKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { CompactSign } from 'jose';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import type { SignatureAlgorithm } from '../../src/verifiers/algorithms.ts';
import { readCompactJws } from '../../src/verifiers/compact-jws.ts';
import { isSignature, isSignedBy } from '../../src/verifiers/jws-signature.ts';

const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PAIRS: Readonly<Record<SignatureAlgorithm, { publicKey: KeyObject; privateKey: KeyObject }>> = {
  RS256: RSA,
  RS384: RSA,
  RS512: RSA,
  PS256: RSA,
  PS384: RSA,
  PS512: RSA,
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES512: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  Ed25519: generateKeyPairSync('ed25519'),
};
const ALGORITHMS = Object.keys(PAIRS) as SignatureAlgorithm[];
const PAYLOAD = Buffer.from('{"sub":"job"}');

/** A key bound to the algorithm, as a key set holds it. */
const bound = (alg: SignatureAlgorithm) => ({ alg, key: PAIRS[alg].publicKey });
const signedBy = async (token: string, key = bound('RS256')) => isSignedBy(readCompactJws(new Secret(token)), key);
const joseToken = (alg: SignatureAlgorithm, payload: Uint8Array = PAYLOAD) =>
  new CompactSign(payload).setProtectedHeader({ alg, kid: 'k' }).sign(PAIRS[alg].privateKey);

function withBytes(token: string, change: (signature: Buffer) => Buffer): string {
  const end = token.lastIndexOf('.') + 1;
  return token.slice(0, end) + change(Buffer.from(token.slice(end), 'base64url')).toString('base64url');
}

function flipped(signature: Buffer, bit: number): Buffer {
  const copy = Buffer.from(signature);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

describe('isSignedBy', () => {
  test.each(ALGORITHMS)('accepts what jose signs with %s, and nothing one bit away (V2)', async (alg) => {
    const token = await joseToken(alg);
    expect(await signedBy(token, bound(alg))).toBe(true);
    const bits = (Buffer.from(token.slice(token.lastIndexOf('.') + 1), 'base64url').length - 1) * 8;
    for (const bit of [0, 7, bits >> 1, bits, bits + 7]) {
      const other = withBytes(token, (signature) => flipped(signature, bit));
      expect(await signedBy(other, bound(alg)), `bit ${bit}`).toBe(false);
    }
  });

  test.each(ALGORITHMS)('refuses the %s signature of one payload under another', async (alg) => {
    const [header, , signature] = (await joseToken(alg)).split('.');
    const other = Buffer.from('{"sub":"jab"}').toString('base64url');
    expect(await signedBy(`${header}.${other}.${signature}`, bound(alg))).toBe(false);
  });

  test.each(ALGORITHMS)('refuses a %s token when the key is bound to another algorithm (V2, V11)', async (alg) => {
    const token = await joseToken(alg);
    for (const other of ALGORITHMS) {
      const key = { alg: other, key: PAIRS[alg].publicKey };
      expect(await signedBy(token, key), other).toBe(other === alg);
    }
  });

  test.each(ALGORITHMS)('does not let the header say how the signature of a %s key is made', async (alg) => {
    const signature = (input: string) =>
      sign('sha256', Buffer.from(input), PAIRS.RS256.privateKey).toString('base64url');
    const header = Buffer.from(JSON.stringify({ alg, kid: 'k' })).toString('base64url');
    const input = `${header}.${PAYLOAD.toString('base64url')}`;
    const token = `${input}.${signature(input)}`;
    expect(await signedBy(token, bound(alg))).toBe(alg === 'RS256');
    expect(await signedBy(token, bound('RS256'))).toBe(alg === 'RS256');
  });
});

describe('isSignature', () => {
  const bytes = Buffer.from('e30.e30');
  const ecdsa = (alg: 'ES256' | 'ES384' | 'ES512', dsaEncoding: 'der' | 'ieee-p1363') =>
    sign(`sha${alg.slice(2)}`, bytes, { key: PAIRS[alg].privateKey, dsaEncoding });
  const pss = (saltLength: number, hash = 'sha256', message: Uint8Array = bytes) =>
    sign(hash, message, { key: RSA.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });

  test.each(['ES256', 'ES384'] as const)(
    'takes R and S of %s in their exact length only (RFC 7518 section 3.4)',
    async (alg) => {
      const right = ecdsa(alg, 'ieee-p1363');
      const half = right.length / 2;
      expect(await isSignature(right, bytes, bound(alg))).toBe(true);
      const padded = Buffer.concat([Buffer.alloc(1), right.subarray(0, half), Buffer.alloc(1), right.subarray(half)]);
      const longer = [padded, Buffer.concat([right, Buffer.alloc(1)]), Buffer.concat([Buffer.alloc(1), right])];
      const shorter = [right.subarray(1), right.subarray(0, -1), Buffer.alloc(0)];
      for (const wrong of [ecdsa(alg, 'der'), ...longer, ...shorter]) {
        expect(await isSignature(wrong, bytes, bound(alg)), `${wrong.length} bytes`).toBe(false);
      }
    },
  );

  test('takes 132 bytes of ES512, whose order has 521 bits, and no other length', async () => {
    const right = ecdsa('ES512', 'ieee-p1363');
    expect(right).toHaveLength(132);
    expect(await isSignature(right, bytes, bound('ES512'))).toBe(true);
    expect(await isSignature(right.subarray(0, 131), bytes, bound('ES512'))).toBe(false);
    expect(await isSignature(ecdsa('ES512', 'der'), bytes, bound('ES512'))).toBe(false);
  });

  test.each(['ES256', 'ES384', 'ES512'] as const)(
    'refuses R or S of %s that are zero or beyond the order',
    async (alg) => {
      const right = ecdsa(alg, 'ieee-p1363');
      const half = right.length / 2;
      for (const fill of [0x00, 0xff]) {
        const number = Buffer.alloc(half, fill);
        for (const wrong of [
          [number, number],
          [number, right.subarray(half)],
          [right.subarray(0, half), number],
        ]) {
          expect(await isSignature(Buffer.concat(wrong), bytes, bound(alg))).toBe(false);
        }
      }
    },
  );

  test('takes a PSS salt as long as the hash and no other (RFC 7518 section 3.5)', async () => {
    expect(await isSignature(pss(32), bytes, bound('PS256'))).toBe(true);
    for (const length of [0, 20, 31, 33, 48, 64, constants.RSA_PSS_SALTLEN_MAX_SIGN]) {
      expect(await isSignature(pss(length), bytes, bound('PS256')), `salt of ${length}`).toBe(false);
    }
    expect(await isSignature(pss(48, 'sha384'), bytes, bound('PS384'))).toBe(true);
    expect(await isSignature(pss(32, 'sha384'), bytes, bound('PS384'))).toBe(false);
    expect(await isSignature(pss(64, 'sha512'), bytes, bound('PS512'))).toBe(true);
  });

  test('keeps PKCS #1 v1.5 and PSS of one key apart, and each hash from the others', async () => {
    const pkcs1 = (hash: string) => sign(hash, bytes, RSA.privateKey);
    for (const alg of ALGORITHMS.filter((name) => /^[RP]S/.test(name))) {
      for (const bits of ['256', '384', '512']) {
        expect(await isSignature(pkcs1(`sha${bits}`), bytes, bound(alg)), alg).toBe(alg === `RS${bits}`);
        expect(await isSignature(pss(Number(bits) / 8, `sha${bits}`), bytes, bound(alg)), alg).toBe(
          alg === `PS${bits}`,
        );
      }
    }
  });

  test.each(['RS256', 'PS256'] as const)('takes as many bytes of %s as the modulus has', async (alg) => {
    const right = alg === 'RS256' ? sign('sha256', bytes, RSA.privateKey) : pss(32);
    expect(await isSignature(right, bytes, bound(alg))).toBe(true);
    for (const wrong of [
      Buffer.concat([Buffer.alloc(1), right]),
      right.subarray(1),
      Buffer.alloc(0),
      Buffer.alloc(8192),
    ]) {
      expect(await isSignature(wrong, bytes, bound(alg)), `${wrong.length} bytes`).toBe(false);
    }
  });

  test.each(['RS256', 'PS256'] as const)(
    'takes no signature of %s whose leading zero was left out (RFC 8017)',
    async (alg) => {
      for (let number = 0; ; number += 1) {
        const message = Buffer.from(`message ${number}`);
        const right = alg === 'RS256' ? sign('sha256', message, RSA.privateKey) : pss(32, 'sha256', message);
        if (right[0] !== 0) continue;
        expect(await isSignature(right, message, bound(alg))).toBe(true);
        expect(await isSignature(right.subarray(1), message, bound(alg))).toBe(false);
        return;
      }
    },
  );

  test.each(ALGORITHMS)('calls no bytes of any length under %s a failure of the check', async (alg) => {
    for (const length of [0, 1, 63, 64, 65, 96, 132, 255, 256, 257, 8192]) {
      for (const fill of [0x00, 0x01, 0x7f, 0xff]) {
        expect(await isSignature(Buffer.alloc(length, fill), bytes, bound(alg)), `${length}`).toBe(false);
      }
    }
  });

  test.each(ALGORITHMS)('throws when it cannot check %s, so that a failure is never told as a forgery', async (alg) => {
    const unfit = { alg, key: createSecretKey(Buffer.alloc(32)) };
    const right = { ES256: 64, ES384: 96, ES512: 132, Ed25519: 64 }[String(alg)] ?? 256;
    await expect(async () => isSignature(Buffer.alloc(right), bytes, unfit)).rejects.toThrow(/key/i);
  });

  test('leaves the event loop free while ES384 and ES512 are checked, and waits for a turn of it with no other', async () => {
    const ended: string[] = [];
    const tokens = await Promise.all(ALGORITHMS.map(async (alg) => ({ alg, token: await joseToken(alg) })));
    const checks = tokens.map(({ alg, token }) => signedBy(token, bound(alg)).then(() => ended.push(alg)));
    // Promises alone go on within this turn; what comes from another thread cannot.
    for (let step = 0; step < 100; step += 1) await Promise.resolve();
    expect(ended).toEqual(ALGORITHMS.filter((alg) => alg !== 'ES384' && alg !== 'ES512'));
    await Promise.all(checks);
    expect(ended).toHaveLength(ALGORITHMS.length);
  });
});
