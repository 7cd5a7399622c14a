import { createSecretKey, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Catalog, createCatalog } from '../../src/catalog/catalog.ts';
import { DeletedNames } from '../../src/catalog/deleted-names.ts';
import { HeldStops } from '../../src/catalog/held-stops.ts';
import { ResourceMemory } from '../../src/catalog/resource-memory.ts';
import { besideOther, type HeldStop } from '../../src/catalog/stop-document.ts';
import { StopRelay } from '../../src/catalog/stop-relay.ts';
import { StoredResources } from '../../src/catalog/stored-resources.ts';
import { compileInSteps } from '../../src/policy/compile.ts';
import { createCacheSeal } from '../../src/store/cache-seal.ts';
import { MemoryCache } from '../../src/store/memory-cache.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryDocumentStore, memoryDocuments } from '../support/memory-document-store.ts';
import { temporaryFolder } from './folder.ts';

const NEVER = 3_600_000;
const quiet = () => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

const stop = (name: string, issuer: string): HeldStop => ({
  name,
  document: {
    apiVersion: 'carnet.dev/v1alpha1',
    kind: 'Guardrail',
    metadata: { name },
    spec: { match: { issuers: [issuer] }, deny: 'true' },
  },
  author: { issuer: 'https://idp.example.org', subject: 'olga', as: ['owners'] },
  at: 1,
});

interface Replica {
  readonly held: HeldStops;
  readonly stored: StoredResources;
  readonly relay: StopRelay;
  readonly catalog: Catalog;
  /** Stops that were renamed here, each with its new name. */
  readonly renamed: readonly string[];
}

interface Shared {
  readonly documents: ReturnType<typeof memoryDocuments>;
  readonly cache: MemoryCache;
  readonly clock: FakeClock;
  readonly key: ReturnType<typeof createSecretKey>;
}

function sharing(): Shared {
  const clock = new FakeClock();
  return {
    clock,
    documents: memoryDocuments(),
    cache: new MemoryCache({ clock }),
    key: createSecretKey(randomBytes(32)),
  };
}

/** A store that lists what it has, and cannot be asked what was before. */
class StoreWithoutHistory extends MemoryDocumentStore {
  override async history(): Promise<never> {
    throw new Error('the store is down');
  }
}

async function replica(
  { documents, cache, clock, key }: Shared,
  store = new MemoryDocumentStore(documents),
): Promise<Replica> {
  const folder = await temporaryFolder();
  const renamed: string[] = [];
  const onRenamed = (from: string, to: string) => void renamed.push(`${from} ${to}`);
  const held = await HeldStops.open(join(folder, 'audit/carnet.stops.json'), onRenamed);
  const stored = new StoredResources(store, held);
  const catalog = createCatalog({
    sources: [folder],
    stored,
    memory: new ResourceMemory(store),
    deletedNames: new DeletedNames(store),
    compile: compileInSteps,
    context: { trustDomain: 'example.org', ownIssuers: [], requireGrants: false, development: false },
    clock,
    log,
    metrics: createMetrics(),
    watching: { debounceMs: 5, pollMs: NEVER },
  });
  onTestFinished(() => catalog.close());
  await catalog.start();
  const shared = { cache, seal: createCacheSeal(key) };
  const relay = new StopRelay({ held, stored, catalog, clock, log, shared, onTaken: quiet });
  return { held, stored, catalog, renamed, relay };
}

const inForce = ({ catalog }: Replica) => catalog.current().guardrails.map(({ name }) => name);

async function hold({ held, catalog }: Replica, one: HeldStop) {
  await held.hold(one);
  await catalog.takeStops();
}

describe('stops that replicas tell each other', () => {
  test('are taken under the seal while they are young, and not once the entry is old (V15)', async () => {
    const shared = sharing();
    const [first, second, third] = [await replica(shared), await replica(shared), await replica(shared)];
    await hold(first, stop('stop-1', 'prod'));
    await first.relay.tell();
    const entry = await shared.cache.get('stops', 1_000_000);
    shared.clock.advance(59_000);
    await second.relay.tell();
    expect(inForce(second)).toEqual(['stop-1']);
    shared.clock.advance(2_000);
    await shared.cache.set('stops', entry.outcome === 'hit' ? entry.value : '', NEVER);
    await third.relay.tell();
    expect(inForce(third)).toEqual([]);
  });

  test('are not taken anew from an entry that somebody plays again after the stop was ended', async () => {
    const shared = sharing();
    const [first, second] = [await replica(shared), await replica(shared)];
    await hold(first, stop('stop-1', 'prod'));
    await first.relay.tell();
    const entry = await shared.cache.get('stops', 1_000_000);
    await first.relay.flush();
    await first.stored.put({ kind: 'Guardrail', name: 'stop-1', document: undefined, ifVersion: 1 });
    await Promise.all([first.catalog.reload(), second.catalog.reload()]);
    await shared.cache.set('stops', entry.outcome === 'hit' ? entry.value : '', NEVER);
    await second.relay.tell();
    await second.catalog.reload();
    expect([inForce(first), inForce(second), second.held.all()]).toEqual([[], [], []]);
  });

  test('are tried again where one that is held could not be put in force', async () => {
    const shared = sharing();
    const [first, second] = [await replica(shared), await replica(shared)];
    await hold(first, stop('stop-1', 'prod'));
    await second.held.hold(stop('stop-1', 'prod'));
    expect(inForce(second)).toEqual([]);
    await first.relay.tell();
    await second.relay.tell();
    expect(inForce(second)).toEqual(['stop-1']);
  });
});

describe('two stops of one name, put through two replicas at once', () => {
  test('are both in force and both in the store, the later one under a name of its own', async () => {
    const shared = sharing();
    const [first, second] = [await replica(shared), await replica(shared)];
    await hold(first, stop('stop-now', 'prod'));
    await hold(second, stop('stop-now', 'test'));
    await first.relay.flush();
    await second.relay.flush();
    await Promise.all([first.catalog.reload(), second.catalog.reload()]);
    const names = ['stop-now', expect.stringMatching(/^stop-now-[0-9a-f]{8}$/)];
    expect([inForce(first), inForce(second), second.held.all()]).toEqual([names, names, []]);
  });

  test('are one where both say the same, and none where that was ended', async () => {
    const shared = sharing();
    const [first, second] = [await replica(shared), await replica(shared)];
    await hold(first, stop('stop-now', 'prod'));
    await hold(second, stop('stop-now', 'prod'));
    await first.relay.flush();
    await second.relay.flush();
    await Promise.all([first.catalog.reload(), second.catalog.reload()]);
    expect([inForce(first), inForce(second)]).toEqual([['stop-now'], ['stop-now']]);
    await second.held.hold(stop('stop-now', 'prod'));
    await first.stored.put({ kind: 'Guardrail', name: 'stop-now', document: undefined, ifVersion: 1 });
    await second.relay.flush();
    await second.catalog.reload();
    expect([inForce(second), second.held.all()]).toEqual([[], []]);
  });

  test('stay in force where the store has one, and cannot be asked for what it had before', async () => {
    const shared = sharing();
    const [first, second] = [await replica(shared), await replica(shared, new StoreWithoutHistory(shared.documents))];
    await hold(first, stop('stop-same', 'prod'));
    await hold(second, stop('stop-same', 'prod'));
    await hold(first, stop('stop-other', 'prod'));
    await hold(second, stop('stop-other', 'test'));
    await first.relay.flush();
    await second.catalog.reload();
    const renamed = besideOther(stop('stop-other', 'test')).name;
    expect([inForce(second), second.held.all().length]).toEqual([['stop-other', renamed, 'stop-same'], 2]);
  });

  test('are told of where one is renamed', async () => {
    const shared = sharing();
    const [first, second] = [await replica(shared), await replica(shared)];
    await hold(first, stop('stop-now', 'prod'));
    await hold(second, stop('stop-now', 'test'));
    await first.relay.flush();
    await second.relay.flush();
    expect(second.renamed).toEqual([`stop-now ${besideOther(stop('stop-now', 'test')).name}`]);
    expect(first.renamed).toEqual([]);
  });
});

describe('a stop under the name of one that was ended', () => {
  test('stays in force when the store is back, and is written over the ended one', async () => {
    const shared = sharing();
    const one = await replica(shared);
    await hold(one, stop('stop-now', 'prod'));
    await one.relay.flush();
    await one.stored.put({ kind: 'Guardrail', name: 'stop-now', document: undefined, ifVersion: 1 });
    await one.catalog.reload();
    expect(inForce(one)).toEqual([]);
    await hold(one, { ...stop('stop-now', 'test'), at: 2 });
    await one.catalog.reload();
    expect([inForce(one), one.held.has('stop-now')]).toEqual([['stop-now'], true]);
    await one.relay.flush();
    await one.catalog.reload();
    expect([inForce(one), one.held.all()]).toEqual([['stop-now'], []]);
    expect(await one.stored.get('Guardrail', 'stop-now')).toMatchObject({ version: 3, at: 2 });
  });

  test('is taken by other replicas, and the ended one is not', async () => {
    const shared = sharing();
    const [first, second] = [await replica(shared), await replica(shared)];
    await hold(first, stop('stop-now', 'prod'));
    await first.relay.flush();
    await first.stored.put({ kind: 'Guardrail', name: 'stop-now', document: undefined, ifVersion: 1 });
    await Promise.all([first.catalog.reload(), second.catalog.reload()]);
    await hold(first, { ...stop('stop-now', 'prod'), at: 2 });
    await first.relay.tell();
    await second.relay.tell();
    expect(second.held.all()).toMatchObject([{ name: 'stop-now', at: 2 }]);
    expect(inForce(second)).toEqual(['stop-now']);
  });
});
