import { beforeEach, describe, expect, test } from 'vitest';
import { AccessRequests } from '../../src/catalog/access-requests.ts';
import { AccessVoiding } from '../../src/catalog/access-voiding.ts';
import { type AccessRequest, mappingVersionOf } from '../../src/resources/access-request.ts';
import type { Document } from '../../src/resources/document.ts';
import type { StoredDocument } from '../../src/store/document-store.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryDocumentStore, memoryDocuments } from '../support/memory-document-store.ts';
import { cluster, compiled, NOW, svidMapping, valid } from '../support/policy-builders.ts';

const NAME = `ar-${'1'.repeat(32)}`;
const justInTime = (maxDuration: string) =>
  svidMapping('repair', { access: { justInTime: { approvals: 1, approvers: ['leads'], maxDuration } } });
const [BEFORE, AFTER] = [justInTime('1h'), justInTime('2h')];

function versionOf(one: Document): string {
  const document = valid(one);
  return document.kind === 'FederationMapping' ? mappingVersionOf(document.spec) : '';
}

const approved: AccessRequest = {
  mapping: 'repair',
  identity: { issuer: 'prod-eu', subject: 'system:serviceaccount:payments:reporter' },
  durationSeconds: 3600,
  state: 'approved',
  mappingVersion: versionOf(BEFORE),
  askedAt: NOW,
  needed: 1,
  approvals: [],
  from: NOW,
  notAfter: NOW + 3_600_000,
  maxUses: 9,
  uses: 0,
};

/** A store that is down while it is told to be, and in which others write between a reading and what follows. */
class BusyStore extends MemoryDocumentStore {
  down = false;
  between: (() => Promise<unknown>) | undefined;

  override async get(collection: string, name: string): Promise<StoredDocument | undefined> {
    if (this.down) throw new Error('the store is down');
    const found = await super.get(collection, name);
    const { between } = this;
    this.between = undefined;
    await between?.();
    return found;
  }
}

let store: BusyStore;
let access: AccessRequests;
let other: AccessRequests;
let voiding: AccessVoiding;

beforeEach(async () => {
  const shared = memoryDocuments();
  store = new BusyStore(shared);
  access = new AccessRequests({ store, onFailure: () => undefined });
  other = new AccessRequests({ store: new MemoryDocumentStore(shared), onFailure: () => undefined });
  voiding = new AccessVoiding({
    access,
    clock: new FakeClock(NOW + 1),
    metrics: createMetrics(),
    audit: { note: () => undefined },
  });
  await access.put(NAME, approved, 0);
});

const loaded = (mapping: Document) => {
  const documents = [cluster('prod-eu'), mapping];
  return { documents, compiled: compiled(documents) };
};
const state = async () => (await other.get(NAME)).request?.state;

describe('access to a mapping that changes', () => {
  test('is over, and that to one that says the same goes on', async () => {
    await voiding.run(loaded(BEFORE));
    expect(await state()).toBe('approved');
    await voiding.run(loaded(AFTER));
    expect(await state()).toBe('expired');
  });

  test('is over also where another replica approves it, or takes a use, at the same moment', async () => {
    store.between = () => other.put(NAME, { ...approved, uses: 1 }, 1);
    await voiding.run(loaded(AFTER));
    expect((await other.get(NAME)).request).toMatchObject({ state: 'expired', uses: 1 });
  });

  test('is over once the store is back, although the mapping was changed back by then', async () => {
    store.down = true;
    await expect(voiding.run(loaded(AFTER))).rejects.toThrow('the store is down');
    store.down = false;
    await voiding.run(loaded(BEFORE));
    expect(await state()).toBe('expired');
  });

  test('is left alone where somebody has asked for it anew after the mapping was changed back', async () => {
    store.down = true;
    await expect(voiding.run(loaded(AFTER))).rejects.toThrow('the store is down');
    store.down = false;
    await other.put(NAME, { ...approved, askedAt: NOW + 1 }, 1);
    await voiding.run(loaded(BEFORE));
    expect(await state()).toBe('approved');
  });
});
