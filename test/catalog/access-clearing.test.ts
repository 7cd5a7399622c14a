import { beforeEach, describe, expect, test } from 'vitest';
import { AccessClearing } from '../../src/catalog/access-clearing.ts';
import { AccessRequests } from '../../src/catalog/access-requests.ts';
import type { AccessRequest } from '../../src/resources/access-request.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryDocumentStore, memoryDocuments } from '../support/memory-document-store.ts';
import { NOW } from '../support/policy-builders.ts';

const DAY = 24 * 3_600_000;

const asked: AccessRequest = {
  mapping: 'repair',
  identity: { issuer: 'prod-eu', subject: 'system:serviceaccount:payments:reporter' },
  durationSeconds: 3600,
  state: 'asked',
  mappingVersion: 'v1',
  askedAt: NOW,
  needed: 1,
  approvals: [],
  uses: 0,
};
const approved: AccessRequest = { ...asked, state: 'approved', from: NOW + DAY, notAfter: NOW + 2 * DAY };
const denied: AccessRequest = { ...asked, state: 'denied', endedAt: NOW + DAY / 2 };
const used: AccessRequest = { ...approved, maxUses: 1, uses: 1, endedAt: NOW + DAY };

const nameOf = (n: number) => `ar-${String(n).padStart(32, '0')}`;

let clock: FakeClock;
let access: AccessRequests;
let other: AccessRequests;
let failures: unknown[];
let store: MemoryDocumentStore;

function clearing(on: AccessRequests = access): AccessClearing {
  return new AccessClearing({
    access: on,
    clock,
    onFailure: (cause) => failures.push(cause),
    everyHour: () => () => {},
  });
}

beforeEach(async () => {
  clock = new FakeClock(NOW);
  failures = [];
  const shared = memoryDocuments();
  store = new MemoryDocumentStore(shared);
  access = new AccessRequests({ store, onFailure: (cause) => failures.push(cause) });
  other = new AccessRequests({ store: new MemoryDocumentStore(shared), onFailure: (cause) => failures.push(cause) });
  await access.start();
  await other.start();
});

describe('access requests that have ended', () => {
  test.each([
    ['nobody decided', asked, NOW + DAY],
    ['was granted and has run out', approved, NOW + 2 * DAY],
    ['was denied', denied, NOW + DAY],
    ['was used up', used, NOW + 2 * DAY],
  ])('are there for a week and then gone, where it %s', async (_, request, endsAt) => {
    await access.put(nameOf(1), request, 0);
    clock.set(endsAt + 7 * DAY - 1);
    await clearing().run();
    expect(access.current().size).toBe(1);
    clock.set(endsAt + 7 * DAY);
    await clearing().run();
    expect(access.current().size).toBe(0);
    expect(await store.list('access-requests')).toEqual([]);
    await expect.poll(() => other.current().size).toBe(0);
    expect(failures).toEqual([]);
  });

  test('stay where the workload has asked anew, which this replica has not read yet', async () => {
    await access.put(nameOf(1), asked, 0);
    const stale = access.current();
    clock.set(NOW + 30 * DAY);
    await other.put(nameOf(1), { ...asked, askedAt: clock.now() }, 1);
    const reading = { current: () => stale, get: access.get.bind(access), delete: access.delete.bind(access) };
    await new AccessClearing({ access: reading, clock, onFailure: (cause) => failures.push(cause) }).run();
    expect((await store.list('access-requests')).length).toBe(1);
  });

  test('are taken away once by whichever of two replicas comes first, and the other finds nothing wrong', async () => {
    for (let n = 0; n < 20; n += 1) await access.put(nameOf(n), denied, 0);
    await other.follow();
    clock.set(NOW + 30 * DAY);
    await Promise.all([clearing().run(), clearing(other).run()]);
    expect(await store.list('access-requests')).toEqual([]);
    expect(failures).toEqual([]);
  });

  test('wait for a store that cannot be used, and are taken away by the next run', async () => {
    await access.put(nameOf(1), denied, 0);
    clock.set(NOW + 30 * DAY);
    const { get } = access;
    access.get = () => Promise.reject(new Error('down'));
    const one = clearing();
    await one.run();
    expect([failures.length, access.current().size]).toEqual([1, 1]);
    access.get = get;
    await one.run();
    expect(access.current().size).toBe(0);
  });

  test('can be asked again under their name, and what comes back is seen by every replica', async () => {
    await access.put(nameOf(1), denied, 0);
    await access.put(nameOf(1), denied, 1);
    await other.follow();
    clock.set(NOW + 30 * DAY);
    await clearing().run();
    await access.put(nameOf(1), { ...asked, askedAt: clock.now() }, 0);
    await other.follow();
    expect(other.current().get(nameOf(1))?.state).toBe('asked');
  });
});
