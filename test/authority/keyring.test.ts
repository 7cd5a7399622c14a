import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { beforeEach, describe, expect, test } from 'vitest';
import { KeyFault } from '../../src/authority/key-fault.ts';
import { loadKeyrings, SIGNING_KEYS, sealRing } from '../../src/authority/keyring.ts';
import { exportPrivateKey, generateSigningKey, SigningKey } from '../../src/authority/signing-keys.ts';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import type { DocumentStore } from '../../src/store/document-store.ts';
import { openSqliteStore } from '../../src/store/sqlite-document-store.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryDocumentStore, memoryDocuments } from '../support/memory-document-store.ts';

const clock = new FakeClock();
const encryptionKey = createSecretKey(randomBytes(32));

interface StoredRow extends JsonObject {
  readonly kid: string;
  readonly publishedAt: number;
  readonly privateKey: JsonObject;
}
const rowsOf = (value: JsonValue | undefined) => (value as { keys: StoredRow[] }).keys;

async function snapshot(store: DocumentStore): Promise<string> {
  return JSON.stringify(await store.list(SIGNING_KEYS));
}

describe('loadKeyrings', () => {
  let store: DocumentStore;
  const load = (over: { store?: DocumentStore; encryptionKey?: typeof encryptionKey } = {}) =>
    loadKeyrings({ store, encryptionKey, clock, ...over });
  const kids = async (over?: Parameters<typeof load>[0]) => {
    const { cloud, svid } = await load(over);
    return [cloud, svid].map((ring) => ring.map(({ key }) => key.kid));
  };

  beforeEach(() => {
    store = new MemoryDocumentStore();
  });

  test('makes one RSA key for clouds and one P-256 key for SVIDs, published and active now', async () => {
    const { cloud, svid } = await load();
    expect(cloud).toHaveLength(1);
    expect(svid).toHaveLength(1);
    expect(cloud[0].key.publicJwk).toMatchObject({ kty: 'RSA', alg: 'RS256', e: 'AQAB' });
    expect(Buffer.from(String(cloud[0].key.publicJwk['n']), 'base64url')).toHaveLength(256);
    expect(svid[0].key.publicJwk).toMatchObject({ kty: 'EC', alg: 'ES256', crv: 'P-256' });
    for (const [first] of [cloud, svid])
      expect(first).toMatchObject({ publishedAt: clock.now(), activeAt: clock.now() });
  });

  test('adds no key and writes nothing at a restart', async () => {
    const before = await kids();
    const written = await snapshot(store);
    clock.advance(90 * 86_400_000);
    expect(await kids()).toEqual(before);
    expect(await snapshot(store)).toBe(written);
  });

  test('ends with one key set when many replicas start together', async () => {
    const shared = memoryDocuments();
    const all = await Promise.all(Array.from({ length: 5 }, () => kids({ store: new MemoryDocumentStore(shared) })));
    for (const one of all) expect(one).toEqual(all[0]);
    expect(await kids({ store: new MemoryDocumentStore(shared) })).toEqual(all[0]);
  });

  test('ends with one key set when two stores open one SQLite file together, and finds it again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'carnet-keyring-'));
    const path = join(folder, 'carnet.db');
    const stores = await Promise.all([openSqliteStore({ path, clock }), openSqliteStore({ path, clock })]);
    const both = await Promise.all(stores.map((one) => kids({ store: one })));
    expect(both[0]).toEqual(both[1]);
    await Promise.all(stores.map((one) => one.close()));
    const reopened = await openSqliteStore({ path, clock });
    expect(await kids({ store: reopened })).toEqual(both[0]);
    await reopened.close();
    rmSync(folder, { recursive: true });
  });

  test('refuses a wrong key-encryption key, names signing.encryptionKeyFile and makes no new key', async () => {
    await load();
    const written = await snapshot(store);
    const wrong = load({ encryptionKey: createSecretKey(randomBytes(32)) });
    await expect(wrong).rejects.toThrow(KeyFault);
    await expect(wrong).rejects.toThrow(/^signing\.encryptionKeyFile: /);
    expect(await snapshot(store)).toBe(written);
  });

  test('makes no key for a purpose that has none while those of the other cannot be opened', async () => {
    const whole = new MemoryDocumentStore();
    await load({ store: whole });
    const svid = await whole.get(SIGNING_KEYS, 'svid');
    await store.put(SIGNING_KEYS, 'svid', svid?.value ?? null, 0);
    await expect(load({ encryptionKey: createSecretKey(randomBytes(32)) })).rejects.toThrow(KeyFault);
    expect(await store.get(SIGNING_KEYS, 'cloud')).toBeUndefined();
  });

  describe('with a document that somebody edited', () => {
    let value: JsonObject;
    const edited = async (change: JsonValue) => {
      await store.put(SIGNING_KEYS, 'cloud', change, (await store.get(SIGNING_KEYS, 'cloud'))?.version ?? 0);
      const written = await snapshot(store);
      const error: unknown = await load().catch((thrown) => thrown);
      expect(await snapshot(store)).toBe(written);
      return error;
    };
    const row = () => {
      const [first] = rowsOf(value);
      if (!first) throw new Error('no key');
      return first;
    };

    beforeEach(async () => {
      await load();
      value = (await store.get(SIGNING_KEYS, 'cloud'))?.value as JsonObject;
    });

    test('loads it as long as nothing is changed', async () => {
      expect(await edited(value)).toHaveProperty('cloud');
    });

    test.each(['publishedAt', 'activeAt'])('refuses another %s', async (field) => {
      const error = await edited({ v: 1, keys: [{ ...row(), [field]: row().publishedAt + 1 }] });
      expect(String(error)).toMatch(/^KeyFault: store: the document signing-keys\/cloud has a key that was changed/);
    });

    test.each([{ retiredAt: 1, goneAt: 2 }, { removalAt: 1 }])('refuses %j that was added', async (added) => {
      const error = await edited({ v: 1, keys: [{ ...row(), ...added }] });
      expect(String(error)).toContain('has a key that was changed after writing');
    });

    test.each([{ retiredAt: 5 }, { goneAt: 5 }, { retiredAt: 5, goneAt: 4 }])(
      'refuses the end %j, which is not whole, although it was sealed so',
      async (end) => {
        const key = await generateSigningKey('cloud');
        const ring = sealRing(encryptionKey, 'cloud', [{ key, publishedAt: 1, activeAt: 1, ...end }]);
        expect(String(await edited(ring))).toContain('has a key whose form this version does not know');
      },
    );

    test('takes a whole end', async () => {
      const key = await generateSigningKey('cloud');
      const times = { publishedAt: 1, activeAt: 1, retiredAt: 5, goneAt: 5, removalAt: 1 };
      const loaded = await edited(sealRing(encryptionKey, 'cloud', [{ key, ...times }]));
      expect(loaded).toMatchObject({ cloud: [times] });
    });

    test('refuses more keys than any schedule makes', async () => {
      const keys = await Promise.all(Array.from({ length: 9 }, () => generateSigningKey('svid')));
      const ring = sealRing(
        encryptionKey,
        'svid',
        keys.map((key) => ({ key, publishedAt: 1, activeAt: 1 })),
      );
      const crowded = new MemoryDocumentStore();
      await crowded.put(SIGNING_KEYS, 'svid', ring, 0);
      await expect(load({ store: crowded })).rejects.toThrow('holds over 8 keys');
    });

    test('refuses another kid', async () => {
      const error = await edited({ v: 1, keys: [{ ...row(), kid: `${row().kid.slice(0, -1)}_` }] });
      expect(String(error)).toContain('has a key that was changed after writing');
    });

    test('refuses the keys of the two purposes exchanged', async () => {
      const svid = (await store.get(SIGNING_KEYS, 'svid'))?.value ?? null;
      expect(String(await edited(svid))).toContain('has a key that was changed after writing');
    });

    test('refuses the private parts of two keys exchanged', async () => {
      const other = new MemoryDocumentStore();
      await load({ store: other });
      const [theirs] = rowsOf((await other.get(SIGNING_KEYS, 'cloud'))?.value);
      const mixed = { ...row(), privateKey: theirs?.privateKey ?? null };
      expect(String(await edited({ v: 1, keys: [mixed] }))).toContain('has a key that was changed after writing');
    });

    test('refuses a key whose kid is not its thumbprint, although it was sealed so', async () => {
      const key = await generateSigningKey('cloud');
      const misnamed = new SigningKey({ ...key.publicJwk, kid: 'k1' }, key.privateKey());
      const ring = sealRing(encryptionKey, 'cloud', [{ key: misnamed, publishedAt: 1, activeAt: 1 }]);
      expect(String(await edited(ring))).toContain('has a key that is not what its row says');
    });

    test('publishes no key that somebody put beside the private one', async () => {
      const foreign = await generateSigningKey('cloud');
      const keyrings = await edited({ v: 1, keys: [{ ...row(), publicJwk: { ...foreign.publicJwk }, n: 'AQAB' }] });
      expect(inspect(keyrings, { depth: 9 })).not.toContain(foreign.kid);
    });

    test('refuses a key in the clear', async () => {
      const der = exportPrivateKey(await generateSigningKey('cloud')).toString('base64url');
      for (const privateKey of [der, { der }, { ...row().privateKey, ciphertext: der }])
        expect(await edited({ v: 1, keys: [{ ...row(), privateKey }] })).toBeInstanceOf(KeyFault);
    });

    test('refuses one key listed twice', async () => {
      expect(await edited({ v: 1, keys: [row(), row()] })).toBeInstanceOf(KeyFault);
    });

    test.each<[string, JsonValue]>([
      ['no keys', { v: 1, keys: [] }],
      ['null', null],
      ['a list', []],
      ['a later form', { v: 2, keys: [] }],
      ['keys that are no list', { v: 1, keys: {} }],
      ['a key that is null', { v: 1, keys: [null] }],
      ['a key without members', { v: 1, keys: [{}] }],
    ])('refuses %s and makes no key in its place', async (_, change) => {
      expect(await edited(change)).toBeInstanceOf(KeyFault);
    });

    test.each([-1, 1.5, '1', null, 2 ** 53])('refuses the instant %j', async (instant) => {
      expect(await edited({ v: 1, keys: [{ ...row(), activeAt: instant }] })).toBeInstanceOf(KeyFault);
    });

    test('shows no key material in what it throws', async () => {
      const error = await edited({ v: 1, keys: [{ ...row(), activeAt: 0 }] });
      const shown = inspect(error, { depth: 9, showHidden: true });
      for (const part of ['ciphertext', 'tag', 'nonce']) expect(shown).not.toContain(String(row().privateKey[part]));
    });
  });

  test('stores no private key in the clear', async () => {
    const { cloud, svid } = await load();
    const stored = await snapshot(store);
    for (const [{ key }] of [cloud, svid]) {
      const jwk = key.privateKey().export({ format: 'jwk' });
      for (const member of ['d', 'p', 'q'] as const) {
        const value = jwk[member];
        if (value) expect(stored).not.toContain(value.slice(0, 20));
      }
      for (const encoding of ['base64', 'base64url', 'hex'] as const)
        expect(stored).not.toContain(exportPrivateKey(key).toString(encoding).slice(60, 100));
    }
  });
});
