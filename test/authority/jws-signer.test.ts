import { compactVerify, importJWK } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Purpose } from '../../src/authority/authority.ts';
import { signCompact } from '../../src/authority/jws-signer.ts';
import { generateSigningKey, SigningKey } from '../../src/authority/signing-keys.ts';
import { fc } from '../support/properties.ts';

const PURPOSES = ['svid', 'cloud'] as const;

describe('signCompact', () => {
  let keys: Readonly<Record<Purpose, SigningKey>>;
  beforeAll(async () => {
    keys = { svid: await generateSigningKey('svid'), cloud: await generateSigningKey('cloud') };
  });

  test.each(PURPOSES)(
    'makes for %s what jose verifies, whatever the payload, with a header of alg, kid and typ',
    async (purpose) => {
      const key = keys[purpose];
      const { alg, kid } = key.publicJwk;
      const published = await importJWK({ ...key.publicJwk }, alg);
      await fc.assert(
        fc.asyncProperty(fc.jsonValue(), async (value) => {
          const payload = JSON.stringify(value);
          const token = await signCompact(key, payload);
          const read = await compactVerify(token, published, { algorithms: [alg] });
          expect(read.protectedHeader).toEqual({ alg, kid, typ: 'JWT' });
          expect(Buffer.from(read.payload).toString()).toBe(payload);
        }),
        { numRuns: 100 },
      );
    },
  );

  test('writes R and S of every ES256 signature in 64 bytes, however small they are (RFC 7518 section 3.4)', async () => {
    // About eight of these have a zero byte at the front of R or S.
    for (let round = 0; round < 1000; round += 1) {
      const token = await signCompact(keys.svid, `{"round":${round}}`);
      expect(Buffer.from(token.slice(token.lastIndexOf('.') + 1), 'base64url')).toHaveLength(64);
    }
  });

  test('leaves the event loop free while RS256 is signed, and has signed with ES256 when it returns', async () => {
    expect(signCompact(keys.svid, '{}')).toMatch(/^[\w-]+\.e30\.[\w-]{86}$/);
    let ended = false;
    const signed = Promise.resolve(signCompact(keys.cloud, '{}')).then(() => {
      ended = true;
    });
    // Promises alone go on within this turn; what comes from another thread cannot.
    for (let step = 0; step < 100; step += 1) await Promise.resolve();
    expect(ended).toBe(false);
    await signed;
  });

  test('signs with no algorithm but those of its own keys', () => {
    const { publicJwk } = keys.svid;
    const other = new SigningKey({ ...publicJwk, alg: 'ES384' }, keys.svid.privateKey());
    expect(() => signCompact(other, '{}')).toThrow('ES384');
  });

  test.each(PURPOSES)('rejects when a key of another kind stands under the name of %s', async (purpose) => {
    const wrong = purpose === 'svid' ? 'cloud' : 'svid';
    const mixed = new SigningKey(keys[purpose].publicJwk, keys[wrong].privateKey());
    const published = await importJWK({ ...keys[purpose].publicJwk }, keys[purpose].publicJwk.alg);
    const signing = async () => compactVerify(await signCompact(mixed, '{}'), published);
    await expect(signing()).rejects.toThrow();
  });
});
