import { createSecretKey, randomBytes } from 'node:crypto';
import { appendFile, copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createCacheSeal } from '../../src/store/cache-seal.ts';
import type { DocumentStore, KnownVersions, StoredDocument } from '../../src/store/document-store.ts';
import { StandbyStore } from '../../src/store/standby-store.ts';
import { StoreCopy } from '../../src/store/store-copy.ts';
import { StoreAway, StoreFault } from '../../src/store/store-fault.ts';
import { temporaryFolder } from '../catalog/folder.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryDocumentStore, type MemoryDocuments, memoryDocuments } from '../support/memory-document-store.ts';

const NOW = Date.parse('2026-11-27T09:00:00Z');
const HOUR = 3_600_000;
/** Tells the names of what it gave at each list. */
class TellingStore extends MemoryDocumentStore {
  readonly #given: (readonly string[])[];

  constructor(documents: MemoryDocuments, given: (readonly string[])[]) {
    super(documents);
    this.#given = given;
  }

  override async list(collection: string, known?: KnownVersions): Promise<readonly StoredDocument[]> {
    const found = await super.list(collection, known);
    this.#given.push(found.map(({ name }) => name));
    return found;
  }
}

async function world() {
  const folder = await temporaryFolder();
  const clock = new FakeClock(NOW);
  const documents = memoryDocuments();
  const seal = createCacheSeal(createSecretKey(randomBytes(32)));
  const state = { fault: undefined as StoreFault | undefined };
  const failures: unknown[] = [];
  const told: (string | undefined)[] = [];
  const given: (readonly string[])[] = [];
  const copy = (of = 'postgres://db/carnet', replica = 'one') =>
    new StoreCopy({ path: join(folder, `audit/${replica}.store`), seal, of });
  const open = async ({ from = copy() } = {}) => {
    const standby = await StandbyStore.open({
      open: async (): Promise<DocumentStore> => {
        if (state.fault !== undefined) throw state.fault;
        return new TellingStore(documents, given);
      },
      copy: from,
      clock,
      except: new Set(['audit-heads']),
      lasting: new Set(['resources', 'resource-history']),
      onFailure: (collection, cause) => failures.push([collection, cause]),
      onAway: (reason) => told.push(reason),
    });
    onTestFinished(() => standby.close());
    return standby;
  };
  const away = () => {
    state.fault = new StoreAway('store.postgres.url: the server cannot be reached');
  };
  const path = (collection: string) => join(folder, `audit/one.store.${collection}`);
  const files = () => readdir(join(folder, 'audit')).catch(() => [] as string[]);
  return { clock, state, failures, told, given, copy, open, away, path, files };
}

/** Something in the store, listed once. */
async function listed(one: Awaited<ReturnType<typeof world>>) {
  const store = await one.open();
  await store.put('resources', 'Guardrail/cap', { cap: 1 }, 0);
  await store.put('resources', 'Guardrail/cap', { cap: 2 }, 1);
  await store.list('resources');
  return store;
}

describe('a start without the store', () => {
  test('reads what was listed before anybody had it, in a file for the service alone', async () => {
    const one = await world();
    await listed(one);
    expect((await stat(one.path('resources'))).mode & 0o777).toBe(0o600);
    one.away();
    const store = await one.open();
    const found = { collection: 'resources', name: 'Guardrail/cap', version: 2, value: { cap: 2 } };
    expect(await store.list('resources')).toEqual([found]);
    expect(await store.get('resources', 'Guardrail/cap')).toEqual(found);
    expect(await store.get('resources', 'Guardrail/other')).toBeUndefined();
    expect(one.told).toEqual(['store.postgres.url: the server cannot be reached']);
  });

  test('knows of when the oldest copy is that it has read, and of nothing once the store is there', async () => {
    const one = await world();
    const before = await listed(one);
    one.clock.advance(HOUR / 2);
    await before.list('signing-keys');
    expect(before.asOf()).toBeUndefined();
    one.away();
    one.clock.advance(HOUR / 2);
    const store = await one.open();
    await store.list('signing-keys');
    expect(store.asOf()).toBe(NOW + HOUR / 2);
    await store.list('resources');
    store.started();
    expect(store.asOf()).toBe(NOW);
  });

  test('writes nothing, tells no history, and reads nothing of which there is no copy', async () => {
    const one = await world();
    await listed(one);
    one.away();
    const store = await one.open();
    await expect(store.put('resources', 'Guardrail/cap', {}, 2)).rejects.toThrow(StoreAway);
    await expect(store.putAll([])).rejects.toThrow(StoreAway);
    await expect(store.delete('access-requests', 'a', 1)).rejects.toThrow(StoreAway);
    await expect(store.history('resources', 'Guardrail/cap')).rejects.toThrow(StoreAway);
    await expect(store.list('signing-keys')).rejects.toThrow('cannot be reached');
  });

  test('reads the copy until it has started, and is then a store that is down', async () => {
    const one = await world();
    await listed(one);
    one.away();
    const store = await one.open();
    await store.list('resources');
    store.started();
    await expect(store.list('resources')).rejects.toThrow(StoreAway);
  });

  test('is refused where the store is there and something is wrong with it', async () => {
    const one = await world();
    await listed(one);
    one.state.fault = new StoreFault('store.postgres.url: the server lets this user not in');
    await expect(one.open()).rejects.toThrow('lets this user not in');
  });

  test('believes no copy of a day, of the future, of another store, or that was changed', async () => {
    const one = await world();
    await listed(one);
    one.away();
    const refused = async (from = one.copy()) => {
      const store = await one.open({ from });
      await expect(store.list('resources')).rejects.toThrow(StoreAway);
    };
    one.clock.set(NOW + 24 * HOUR - 1);
    expect(await (await one.open()).list('resources')).toHaveLength(1);
    one.clock.set(NOW + 24 * HOUR);
    await refused();
    one.clock.set(NOW - 60_001);
    await refused();
    one.clock.set(NOW);
    await refused(one.copy('postgres://other/carnet'));
    await copyFile(one.path('resources'), one.path('signing-keys'));
    await expect((await one.open()).list('signing-keys')).rejects.toThrow(StoreAway);
    const text = await readFile(one.path('resources'), 'utf8');
    await writeFile(one.path('resources'), text.replace('"cap":2', '"cap":9'));
    await refused();
  });

  test('believes no copy of what the log on the same disk is compared with', async () => {
    const one = await world();
    const before = await listed(one);
    await before.put('audit-heads', 'one', { seq: 1 }, 0);
    await before.list('audit-heads');
    expect(await one.files()).toEqual(['one.store.resources']);
    one.away();
    await expect((await one.open()).get('audit-heads', 'one')).rejects.toThrow(StoreAway);
  });

  test('goes on with the store once that is back, and whoever watches is told', async () => {
    const one = await world();
    await listed(one);
    one.away();
    const store = await one.open();
    await store.list('resources');
    store.started();
    const told = Promise.withResolvers<void>();
    store.watch('resources', told.resolve);
    one.state.fault = undefined;
    await told.promise;
    expect(store.asOf()).toBeUndefined();
    expect(await store.put('resources', 'Guardrail/cap', { cap: 3 }, 2)).toBe(3);
    expect(one.told.at(-1)).toBeUndefined();
  });
});

describe('what is copied', () => {
  test('is also what is only written, and what another replica writes, a moment later', async () => {
    const one = await world();
    const [first, second] = [await one.open(), await one.open({ from: one.copy(undefined, 'two') })];
    await first.put('deleted-mappings', 'old', { deleted: true }, 0);
    await expect.poll(one.files).toContain('one.store.deleted-mappings');
    await second.put('deleted-mappings', 'older', { deleted: true }, 0);
    await expect.poll(() => readFile(one.path('deleted-mappings'), 'utf8')).toContain('older');
  });

  test('is not there once it cannot be kept: an older copy would say what is not in force any more', async () => {
    const one = await world();
    const store = await listed(one);
    // Nothing is added to what is not as it was left, and a folder is in the place of the draft.
    await appendFile(one.path('resources'), 'x');
    await mkdir(`${one.path('resources')}.new`);
    await store.put('resources', 'Guardrail/cap', { cap: 3 }, 2);
    expect(await store.list('resources')).toMatchObject([{ value: { cap: 3 } }]);
    expect(one.failures).toMatchObject([['resources', { code: 'EISDIR' }]]);
    expect(await one.files()).toEqual(['one.store.resources.new']);
  });

  test('is whole also where somebody asks only for what he does not know', async () => {
    const one = await world();
    const store = await listed(one);
    await store.put('resources', 'Guardrail/other', { other: 1 }, 0);
    const known = new Map([['Guardrail/cap', { version: 2 }]]);
    expect((await store.list('resources', known)).map(({ name }) => name)).toEqual(['Guardrail/other']);
    one.away();
    const again = await one.open();
    expect((await again.list('resources')).map(({ name }) => name)).toEqual(['Guardrail/cap', 'Guardrail/other']);
  });

  test('is what a list gives that leaves out known versions, and only that is asked of the store', async () => {
    const one = await world();
    const store = await listed(one);
    const known = new Map((await store.list('resources')).map(({ name, version }) => [name, { version }]));
    await store.put('resources', 'Guardrail/stop-all', { deny: 'true' }, 0);
    const stop = { collection: 'resources', name: 'Guardrail/stop-all', version: 1, value: { deny: 'true' } };
    expect(await store.list('resources', known)).toEqual([stop]);
    expect(one.given.at(-1)).toEqual(['Guardrail/stop-all']);
    one.away();
    expect(await (await one.open()).list('resources')).toMatchObject([{ value: { cap: 2 } }, stop]);
  });

  test('is also what the reader knows and the copy does not: that is not left out', async () => {
    const one = await world();
    const store = await listed(one);
    const version = await store.put('resources', 'Guardrail/cap', { cap: 3 }, 2);
    const known = new Map([['Guardrail/cap', { version }]]);
    expect(await store.list('resources', known)).toMatchObject([{ value: { cap: 3 } }]);
    expect(await store.list('resources', known)).toEqual([]);
    one.away();
    expect(await (await one.open()).list('resources')).toMatchObject([{ value: { cap: 3 } }]);
  });

  test('is read as a whole where documents are deleted, whatever the reader knows, and where the copy was meddled with', async () => {
    const one = await world();
    const store = await listed(one);
    await store.put('access-requests', 'a', { of: 'a' }, 0);
    await store.put('access-requests', 'b', { of: 'b' }, 0);
    const known = new Map((await store.list('access-requests')).map(({ name, version }) => [name, { version }]));
    await store.delete('access-requests', 'a', 1);
    expect(await store.list('access-requests', known)).toMatchObject([{ name: 'b' }]);
    await store.put('resource-history', 'chunk-00', { v: 1 }, 0);
    await expect(store.delete('resource-history', 'chunk-00', 1)).rejects.toThrow(RangeError);
    await rm(one.path('resources'));
    await store.put('resources', 'Guardrail/cap', { cap: 3 }, 2);
    await store.list('resources', new Map([['Guardrail/other', { version: 1 }]]));
    expect(one.failures).toEqual([]);
    one.away();
    const later = await one.open();
    expect(await later.list('access-requests')).toMatchObject([{ name: 'b' }]);
    expect(await later.list('resources')).toMatchObject([{ value: { cap: 3 } }]);
  });

  test('is not all read again each hour where documents are never deleted', async () => {
    const one = await world();
    const store = await listed(one);
    const known = new Map([['Guardrail/cap', { version: 2 }]]);
    one.clock.advance(HOUR);
    await store.list('resources', known);
    expect(one.given.at(-1)).toEqual([]);
    one.away();
    const later = await one.open();
    await later.list('resources');
    expect(later.asOf()).toBe(NOW + HOUR);
  });

  test('is left as it is where nothing has changed, and taken anew within the hour', async () => {
    const one = await world();
    const store = await listed(one);
    const before = await readFile(one.path('resources'), 'utf8');
    one.clock.advance(HOUR - 1);
    await store.list('resources');
    expect(await readFile(one.path('resources'), 'utf8')).toBe(before);
    one.clock.advance(1);
    await store.list('resources');
    expect(await readFile(one.path('resources'), 'utf8')).not.toBe(before);
  });
});
