import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Actor } from '../../src/admin/actor.ts';
import { AdminJournal } from '../../src/admin/admin-journal.ts';
import { createEmergencyStop } from '../../src/admin/emergency-stop.ts';
import type { AuditLog } from '../../src/audit/audit-log.ts';
import { createCatalog } from '../../src/catalog/catalog.ts';
import { DeletedNames } from '../../src/catalog/deleted-names.ts';
import { HeldStops } from '../../src/catalog/held-stops.ts';
import { ResourceMemory } from '../../src/catalog/resource-memory.ts';
import { StopRelay } from '../../src/catalog/stop-relay.ts';
import { StoredResources } from '../../src/catalog/stored-resources.ts';
import { compileInSteps } from '../../src/policy/compile.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { temporaryFolder } from '../catalog/folder.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryDocumentStore, memoryDocuments } from '../support/memory-document-store.ts';

const NEVER = 3_600_000;
const quiet = () => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const owner: Actor = { issuer: 'https://idp.example.org', subject: 'olga', roles: ['owner'] };
const NAME = 'stop-now';

/** A store that is down while it is told to be. */
class FailingStore extends MemoryDocumentStore {
  down = false;
  tellsNothing = false;

  override async get(collection: string, name: string) {
    if (this.down || this.tellsNothing) throw new Error('the store is down');
    return await super.get(collection, name);
  }

  override async put(...write: Parameters<MemoryDocumentStore['put']>): Promise<number> {
    if (this.down) throw new Error('the store is down');
    return await super.put(...write);
  }

  override async list(collection: string) {
    if (this.down) throw new Error('the store is down');
    return await super.list(collection);
  }
}

/** What nothing may throw between a compiled Snapshot and its coming into force, does while `broken`. */
async function replica(documents = memoryDocuments()) {
  const state = { broken: false };
  const folder = await temporaryFolder();
  const store = new FailingStore(documents);
  const clock = new FakeClock();
  const audit: AuditLog = {
    record: async () => undefined,
    note: quiet,
    countRefused: quiet,
    head: () => ({ seq: 0, hash: '' }),
    state: () => ({ ok: true }),
    close: async () => undefined,
  };
  const held = await HeldStops.open(join(folder, 'audit/carnet.stops.json'));
  const stored = new StoredResources(store, held);
  const catalog = createCatalog({
    sources: [folder],
    stored,
    memory: new ResourceMemory(store),
    deletedNames: new DeletedNames(store),
    compile: compileInSteps,
    context: { trustDomain: 'example.org', ownIssuers: [], requireGrants: false, development: false },
    beforeSwap: () => {
      if (state.broken) throw new Error('nothing comes into force');
    },
    clock,
    log,
    metrics: createMetrics(),
    watching: { debounceMs: NEVER, pollMs: NEVER },
  });
  onTestFinished(() => catalog.close());
  await catalog.start();
  const relay = new StopRelay({ held, stored, catalog, clock, log, onTaken: quiet });
  const emergencyStop = createEmergencyStop({
    catalog,
    stored,
    held,
    relay,
    journal: new AdminJournal(audit, clock),
    clock,
  });
  const put = (match: object = {}) =>
    emergencyStop(
      { actor: owner, traceId: '0'.repeat(32), action: 'put', kind: 'Guardrail', name: NAME },
      {
        apiVersion: 'carnet.dev/v1alpha1',
        kind: 'Guardrail',
        metadata: { name: NAME },
        spec: { match: JSON.parse(JSON.stringify(match)), deny: 'true' },
      },
    );
  const names = () => catalog.current().guardrails.map(({ name }) => name);
  return { state, store, stored, catalog, relay, put, names };
}

describe('an emergency stop that is put', () => {
  test('is in force, and in the store, when it is answered', async () => {
    const { put, names } = await replica();
    expect(await put()).toMatchObject({ created: true, inForce: true, durable: 'store', etag: '"1"' });
    expect(names()).toEqual([NAME]);
  });

  test('while the store is down tells the name that it gets if another stop has its own, and gets that name', async () => {
    const documents = memoryDocuments();
    const [first, second] = [await replica(documents), await replica(documents)];
    second.store.down = true;
    const answer = await second.put({ mappings: ['two'] });
    expect(answer).toMatchObject({ created: true, inForce: true, durable: 'replica' });
    await first.put({ mappings: ['one'] });
    second.store.down = false;
    await second.relay.flush();
    await second.catalog.reload();
    expect(second.names()).toEqual([NAME, answer?.otherName]);
  });

  test('is answered as stored also where its version cannot be read: nobody is to think that nothing is stopped', async () => {
    const { store, put, names } = await replica();
    store.tellsNothing = true;
    const answer = await put();
    expect(answer).toMatchObject({ created: true, inForce: true, durable: 'store' });
    expect(answer).not.toHaveProperty('etag');
    expect(names()).toEqual([NAME]);
  });

  test('in the store tells no other name', async () => {
    const { put } = await replica();
    expect(await put()).not.toHaveProperty('otherName');
  });

  test('under the name of one that was ended is in the store over that', async () => {
    const { put, stored, catalog, names } = await replica();
    await put();
    await stored.put({ kind: 'Guardrail', name: NAME, document: undefined, ifVersion: 1 });
    await catalog.reload();
    expect(names()).toEqual([]);
    expect(await put({ mappings: ['two'] })).toMatchObject({ durable: 'store', etag: '"3"' });
    expect(names()).toEqual([NAME]);
  });

  test('is not answered as in force where it could not be taken, and is by the next reading', async () => {
    const { state, catalog, put, names } = await replica();
    state.broken = true;
    await expect(put()).rejects.toMatchObject({ key: 'unavailable', detail: 'kept, and not in force here yet' });
    expect(names()).toEqual([]);
    state.broken = false;
    await catalog.reload();
    expect(names()).toEqual([NAME]);
  });

  test('under a name that another replica has just used is in force beside the other, and its caller learns how', async () => {
    const documents = memoryDocuments();
    const [first, second] = [await replica(documents), await replica(documents)];
    await first.put({ mappings: ['one'] });
    await expect(second.put({ mappings: ['two'] })).rejects.toMatchObject({
      key: 'precondition_failed',
      detail: expect.stringMatching(/kept as stop-now-[0-9a-f]{8}$/),
    });
    await second.catalog.reload();
    expect(second.names()).toEqual([NAME, expect.stringMatching(/^stop-now-[0-9a-f]{8}$/)]);
  });

  test('through two replicas at once with the same words is one', async () => {
    const documents = memoryDocuments();
    const [first, second] = [await replica(documents), await replica(documents)];
    const answers = await Promise.all([first.put({ mappings: ['one'] }), second.put({ mappings: ['one'] })]);
    expect(answers).toMatchObject([{ inForce: true }, { inForce: true }]);
    expect([first.names(), second.names()]).toEqual([[NAME], [NAME]]);
  });
});
