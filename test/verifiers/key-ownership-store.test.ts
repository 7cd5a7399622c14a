import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, type TestContext, test } from 'vitest';
import type { JsonValue } from '../../src/core/json.ts';
import { openSqliteStore } from '../../src/store/sqlite-document-store.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { createIssuerKeys } from '../../src/verifiers/issuer-keys.ts';
import type { SharedKey } from '../../src/verifiers/key-ownership.ts';
import { openKeyOwnership } from '../../src/verifiers/key-ownership-store.ts';
import { newKey } from '../fakes/cluster-keys.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryDocumentStore, memoryDocuments } from '../support/memory-document-store.ts';
import { clusterIssuer, ScriptedOutbound, trustedIssuers } from './issuers-under-test.ts';

const names = (...all: string[]) => new Set(all);

/** A store that can go down, and be held up in the middle of a read. */
class FailingStore extends MemoryDocumentStore {
  down = false;
  writes = 0;
  gate: Promise<void> = Promise.resolve();

  override async get(collection: string, name: string) {
    await this.gate;
    if (this.down) throw new Error('down');
    return super.get(collection, name);
  }

  override async list(collection: string) {
    if (this.down) throw new Error('down');
    return super.list(collection);
  }

  override async put(collection: string, name: string, value: JsonValue, ifVersion: number) {
    if (this.down) throw new Error('down');
    this.writes += 1;
    return super.put(collection, name, value, ifVersion);
  }
}

function world(context: TestContext) {
  const documents = memoryDocuments();
  const alarms: SharedKey[] = [];
  const failures: unknown[] = [];
  const replica = async () => {
    const store = new FailingStore(documents);
    const owns = await openKeyOwnership({
      store,
      onSharedKey: (shared) => alarms.push(shared),
      onFailure: (cause) => failures.push(cause),
    });
    context.onTestFinished(() => owns.close());
    return { owns, store };
  };
  return { documents, alarms, failures, replica };
}

describe('ownership in the store (DESIGN section 5, K3)', () => {
  test('survives a restart, so that whoever shows a key first then does not have it', async (context) => {
    const { alarms, replica } = world(context);
    const first = await replica();
    first.owns.show('edge-7', ['t1', 't2'], 'fetched');
    await first.owns.flush();
    const { owns } = await replica();
    expect([owns.owner('t1'), owns.owner('t2')]).toEqual(['edge-7', 'edge-7']);
    owns.show('edge-8', ['t1'], 'fetched');
    expect(owns.owner('t1')).toBe('edge-7');
    expect(alarms).toEqual([{ thumbprint: 't1', owner: 'edge-7', other: 'edge-8' }]);
  });

  test('keeps a cluster from a twin whose answer comes first at a cold start, over a real file', async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'carnet-owners-'));
    context.onTestFinished(() => rm(folder, { recursive: true }));
    const k1 = newKey('ES256', 'k1');
    const at = (name: string) => `https://${name}.example.org/jwks`;
    const [victim, thief] = ['edge-7', 'edge-8'].map((name) =>
      clusterIssuer(name, { keys: { kind: 'jwks', url: at(name) } }),
    );
    if (victim === undefined || thief === undefined) throw new Error('no issuers');
    /** Who k1 counts for in a process that asks in this order. */
    const process = async (...order: (typeof victim)[]) => {
      const clock = new FakeClock();
      const store = await openSqliteStore({ path: join(folder, 'carnet.db'), clock });
      const ownership = await openKeyOwnership({ store, onSharedKey: () => {}, onFailure: () => {} });
      const outbound = new ScriptedOutbound();
      for (const { name } of order) outbound.json(at(name), { keys: [k1.jwk] });
      const keys = createIssuerKeys({ outbound, clock, metrics: createMetrics(), ownership });
      keys.follow(trustedIssuers(victim, thief));
      for (const issuer of order) await keys.find(issuer, 'k1', 'seek');
      const found = await Promise.all([victim, thief].map(async (one) => (await keys.find(one, 'k1', 'held')).found));
      await ownership.close();
      await store.close();
      return found;
    };
    expect(await process(victim, thief)).toEqual(['key', 'absent']);
    expect(await process(thief, victim)).toEqual(['key', 'absent']);
  });

  test('is one for all replicas: the first writer keeps the key, the other follows with an alarm', async (context) => {
    const { alarms, replica } = world(context);
    const [one, two] = [await replica(), await replica()];
    let open = () => {};
    two.store.gate = new Promise((done) => {
      open = done;
    });
    two.owns.show('edge-8', ['t1'], 'fetched');
    one.owns.show('edge-7', ['t1'], 'fetched');
    expect([one.owns.owner('t1'), two.owns.owner('t1')]).toEqual(['edge-7', 'edge-8']);
    await one.owns.flush();
    open();
    await two.owns.flush();
    expect([one.owns.owner('t1'), two.owns.owner('t1')]).toEqual(['edge-7', 'edge-7']);
    expect(alarms).toEqual([{ thumbprint: 't1', owner: 'edge-7', other: 'edge-8' }]);
  });

  test('reaches replicas that have not seen the key', async (context) => {
    const { replica } = world(context);
    const [one, two] = [await replica(), await replica()];
    one.owns.show('edge-7', ['t1'], 'fetched');
    await expect.poll(() => two.owns.owner('t1')).toBe('edge-7');
  });

  test('of many replicas that claim at once ends with one owner of each key everywhere', async (context) => {
    const { replica } = world(context);
    const replicas = await Promise.all(Array.from({ length: 5 }, replica));
    const keys = Array.from({ length: 200 }, (_, index) => `key-${index}`);
    for (const [index, { owns }] of replicas.entries()) owns.show(`edge-${index}`, keys, 'fetched');
    await expect
      .poll(() => keys.every((key) => new Set(replicas.map(({ owns }) => owns.owner(key))).size === 1))
      .toBe(true);
    const { owns } = await replica();
    expect(keys.map((key) => owns.owner(key))).toEqual(keys.map((key) => replicas[0]?.owns.owner(key)));
  });

  test('goes over to a static holder, also in the store', async (context) => {
    const { replica } = world(context);
    const [one, two] = [await replica(), await replica()];
    one.owns.show('edge-7', ['t1'], 'fetched');
    await expect.poll(() => two.owns.owner('t1')).toBe('edge-7');
    two.owns.show('edge-8', ['t1'], 'static');
    await expect.poll(() => one.owns.owner('t1')).toBe('edge-8');
    expect((await replica()).owns.owner('t1')).toBe('edge-8');
  });
});

describe('an issuer that leaves the configuration', () => {
  test('releases its keys for good, and those of others stay', async (context) => {
    const { replica } = world(context);
    const { owns } = await replica();
    owns.follow(names('edge-7', 'edge-9'));
    owns.show('edge-7', ['t1'], 'fetched');
    owns.show('edge-9', ['t9'], 'fetched');
    owns.release('edge-7');
    await owns.flush();
    const next = (await replica()).owns;
    expect([next.owner('t1'), next.owner('t9')]).toEqual([undefined, 'edge-9']);
  });

  test('while nothing runs leaves its keys to whoever shows them, as after a rename', async (context) => {
    const { alarms, replica } = world(context);
    const first = await replica();
    first.owns.show('edge-7', ['t1'], 'fetched');
    await first.owns.close();
    const { owns } = await replica();
    owns.follow(names('edge-7-renamed', 'edge-8'));
    expect(owns.owner('t1')).toBeUndefined();
    owns.show('edge-7-renamed', ['t1'], 'fetched');
    await owns.flush();
    expect((await replica()).owns.owner('t1')).toBe('edge-7-renamed');
    expect(alarms).toEqual([]);
  });

  test('only in a replica that does not know it yet keeps its keys in the store', async (context) => {
    const { replica } = world(context);
    const [newer, older] = [await replica(), await replica()];
    newer.owns.follow(names('edge-7', 'edge-8'));
    older.owns.follow(names('edge-8'));
    newer.owns.show('edge-7', ['t1'], 'fetched');
    await newer.owns.flush();
    await older.owns.flush();
    expect(older.owns.owner('t1')).toBeUndefined();
    older.owns.follow(names('edge-7', 'edge-8'));
    await expect.poll(() => older.owns.owner('t1')).toBe('edge-7');
  });
});

describe('a store that is down', () => {
  test('changes no owner; what is new counts, is written when it is back, and one failure is told', async (context) => {
    const { failures, replica } = world(context);
    const { owns, store } = await replica();
    owns.show('edge-7', ['t1'], 'fetched');
    await owns.flush();
    store.down = true;
    owns.show('edge-8', ['t1', 't2'], 'fetched');
    owns.show('edge-8', ['t1', 't2', 't3'], 'fetched');
    await owns.flush();
    expect([owns.owner('t1'), owns.owner('t2'), owns.owner('t3')]).toEqual(['edge-7', 'edge-8', 'edge-8']);
    expect(failures).toHaveLength(1);
    store.down = false;
    await expect.poll(async () => (await replica()).owns.owner('t3'), { interval: 100 }).toBe('edge-8');
  });

  test('at the start stops it: without the owners a twin could come first', async () => {
    const store = new FailingStore();
    store.down = true;
    await expect(openKeyOwnership({ store, onSharedKey: () => {}, onFailure: () => {} })).rejects.toThrow('down');
    await store.close();
  });

  test('until the end does not keep the process from ending', async (context) => {
    const { replica } = world(context);
    const { owns, store } = await replica();
    store.down = true;
    owns.show('edge-7', ['t1'], 'fetched');
    await owns.close();
    expect(owns.owner('t1')).toBe('edge-7');
  });
});

describe('what is written', () => {
  test('is little: nothing for what is known already, one document for keys that share one', async (context) => {
    const { replica } = world(context);
    const { owns, store } = await replica();
    owns.show('edge-7', ['AAAA', 'AABB'], 'fetched');
    await owns.flush();
    expect(store.writes).toBe(1);
    for (let times = 0; times < 10; times += 1) owns.show('edge-7', ['AAAA', 'AABB'], 'fetched');
    await owns.flush();
    expect(store.writes).toBe(1);
  });

  test('of an issuer that rotates for ever is bounded', async (context) => {
    const { documents, replica } = world(context);
    const { owns } = await replica();
    const key = (index: number) => Buffer.from(String(index).padStart(32, '0')).toString('base64url');
    owns.show(
      'hostile',
      Array.from({ length: 6000 }, (_, index) => key(index)),
      'fetched',
    );
    await owns.flush();
    const rows = [...(documents.collections.get('key-owners') ?? [])].map(
      ([, { text }]) => JSON.parse(text).keys.length,
    );
    expect(rows.reduce((sum, count) => sum + count, 0)).toBe(4096);
  });

  test('and is no longer understood in one place is left out there alone', async (context) => {
    const { replica } = world(context);
    const { owns, store } = await replica();
    owns.show('edge-7', ['AAAA'], 'fetched');
    await owns.flush();
    const whole = { thumbprint: 'AACC', owner: 'edge-9', holding: 'fetched' };
    await store.put('key-owners', '00', { keys: [null, 7, { thumbprint: 'AABB' }, { owner: 'x' }, whole] }, 1);
    await store.put('key-owners', 'ff', 'nonsense', 0);
    const next = (await replica()).owns;
    expect([next.owner('AABB'), next.owner('AACC')]).toEqual([undefined, 'edge-9']);
  });
});
