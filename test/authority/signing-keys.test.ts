import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { exportPrivateKey, generateSigningKey, importPrivateKey } from '../../src/authority/signing-keys.ts';

const der = ({ privateKey }: { privateKey: KeyObject }) => privateKey.export({ format: 'der', type: 'pkcs8' });

describe('importPrivateKey', () => {
  test.each(['cloud', 'svid'] as const)('gives back the key pair that was exported for %s', async (purpose) => {
    const key = await generateSigningKey(purpose);
    const again = await importPrivateKey(purpose, exportPrivateKey(key));
    expect(again.publicJwk).toEqual(key.publicJwk);
    expect(again.privateKey().equals(key.privateKey())).toBe(true);
  });

  test.each([
    ['RSA of 1024 bits', 'cloud', der(generateKeyPairSync('rsa', { modulusLength: 1024 }))],
    ['RSA with exponent 3', 'cloud', der(generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }))],
    ['RSA-PSS', 'cloud', der(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }))],
    ['P-256', 'cloud', der(generateKeyPairSync('ec', { namedCurve: 'P-256' }))],
    ['RSA', 'svid', der(generateKeyPairSync('rsa', { modulusLength: 2048 }))],
    ['P-384', 'svid', der(generateKeyPairSync('ec', { namedCurve: 'P-384' }))],
    ['secp256k1', 'svid', der(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }))],
    ['Ed25519', 'svid', der(generateKeyPairSync('ed25519'))],
    ['no key', 'svid', Buffer.from('no key')],
  ] as const)('refuses %s for %s: one purpose, one algorithm', async (_, purpose, bytes) => {
    await expect(importPrivateKey(purpose, bytes)).rejects.toThrow();
  });
});

describe('SigningKey', () => {
  test.each(['cloud', 'svid'] as const)(
    'prints its kid and public half, never the private one (%s)',
    async (purpose) => {
      const key = await generateSigningKey(purpose);
      const shown = `${inspect(key, { depth: 9, showHidden: true })}${JSON.stringify({ key })}${String(key)}`;
      const { d = '' } = key.privateKey().export({ format: 'jwk' });
      expect(shown).toContain(key.kid);
      expect(d.length).toBeGreaterThan(40);
      expect(shown).not.toContain(d.slice(0, 16));
    },
  );
});
