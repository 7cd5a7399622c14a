import { beforeEach, describe, expect, test } from 'vitest';
import { AccessRequests } from '../../src/catalog/access-requests.ts';
import type { AwaitedAccess } from '../../src/core/decision.ts';
import { AccessAsking } from '../../src/exchange/access-asking.ts';
import { accessRequestName } from '../../src/resources/access-request.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryDocumentStore, memoryDocuments } from '../support/memory-document-store.ts';
import { NOW } from '../support/policy-builders.ts';

const HOUR = 3_600_000;
const clock = new FakeClock();
let documents = memoryDocuments();
let noted: string[];
let failures: unknown[];

beforeEach(() => {
  clock.set(NOW);
  documents = memoryDocuments();
  noted = [];
  failures = [];
});

async function replica(store = new MemoryDocumentStore(documents)) {
  const access = new AccessRequests({ store, onFailure: () => undefined });
  await access.start();
  const metrics = createMetrics();
  const asking = new AccessAsking({
    access,
    audit: { note: (event) => noted.push('detail' in event ? String(event.detail) : '') },
    clock,
    metrics,
    onFailure: (cause) => failures.push(cause),
  });
  const counted = async (outcome: string) => {
    const { values } = await metrics.accessRequests.get();
    return values.find(({ labels }) => labels.outcome === outcome)?.value ?? 0;
  };
  return { access, asking, counted };
}

function question(subject = 'somebody', mapping = 'mesh') {
  const identity = { issuer: 'prod-eu', subject };
  const request = accessRequestName(mapping, 'v1', identity);
  const awaited: AwaitedAccess = {
    request,
    state: 'none',
    mapping,
    mappingVersion: 'v1',
    needed: 2,
    durationSeconds: 60,
  };
  return { identity, awaited, traceId: 'trace' };
}

/** What was asked once and forgotten, so many times. */
async function filled(count: number) {
  const store = new MemoryDocumentStore(documents);
  const { identity, awaited } = question();
  const { issuer, subject } = identity;
  const value = {
    ...{ mapping: 'mesh', mappingVersion: 'v0', identity: { issuer, subject }, durationSeconds: 60, state: 'asked' },
    ...{ askedAt: 0, needed: 2, approvals: [], uses: 0 },
  };
  const names = Array.from({ length: count - 1 }, (_, at) => `ar-${at.toString(16).padStart(32, '0')}`);
  const writes = [...names, awaited.request].map((name) => ({
    collection: 'access-requests',
    name,
    value,
    ifVersion: 0,
  }));
  await store.putAll(writes);
}

describe('requests that the store keeps', () => {
  test('grow to 10,000: a workload opens the one that it had, and no further one', async () => {
    await filled(10_000);
    const { asking, access, counted } = await replica();
    asking.ask(question('newcomer'));
    asking.ask(question());
    await asking.settled();
    expect(access.current().get(question().awaited.request)?.askedAt).toBe(NOW);
    expect([access.current().size, await counted('dropped'), await counted('asked')]).toEqual([10_000, 1, 1]);
  });

  test('take one more below that', async () => {
    await filled(9_999);
    const { asking, access } = await replica();
    asking.ask(question('newcomer'));
    await asking.settled();
    expect(access.current().size).toBe(10_000);
  });
});

describe('asking for access on behalf of a workload', () => {
  test('one request stands however often, and wherever, it is asked', async () => {
    const [one, two] = [await replica(), await replica()];
    for (const { asking } of [one, two, one, two]) asking.ask(question());
    await Promise.all([one.asking.settled(), two.asking.settled()]);
    one.asking.ask(question());
    await one.asking.settled();
    expect(one.access.current().size).toBe(1);
    expect(noted).toHaveLength(1);
  });

  test('an undecided one is opened anew after a day, and a denied one after an hour', async () => {
    const { asking, access } = await replica();
    const asked = async () => {
      asking.ask(question());
      await asking.settled();
      return noted.length;
    };
    expect(await asked()).toBe(1);
    clock.advance(24 * HOUR - 1);
    expect(await asked()).toBe(1);
    clock.advance(1);
    expect(await asked()).toBe(2);
    const { request: name } = question().awaited;
    const { request, version } = await access.get(name);
    if (request === undefined) throw new Error('there is none');
    await access.put(name, { ...request, state: 'denied', endedAt: clock.now() }, version);
    clock.advance(HOUR - 1);
    expect(await asked()).toBe(2);
    clock.advance(1);
    expect(await asked()).toBe(3);
  });

  test('one identity opens ten at once and then one a minute', async () => {
    const { asking, access, counted } = await replica();
    for (let index = 0; index < 12; index += 1) asking.ask(question('somebody', `mapping-${index}`));
    await asking.settled();
    expect([access.current().size, await counted('dropped')]).toEqual([10, 2]);
    clock.advance(60_000);
    asking.ask(question('somebody', 'mapping-11'));
    await asking.settled();
    expect(access.current().size).toBe(11);
  });

  test('a mapping has at most a hundred open, and others have room all the same', async () => {
    const { asking, access, counted } = await replica();
    for (let index = 0; index < 102; index += 1) asking.ask(question(`somebody-${index}`));
    asking.ask(question('somebody', 'other'));
    await asking.settled();
    expect([access.current().size, await counted('dropped')]).toEqual([101, 2]);
  });

  test('a store that is down costs nobody anything, and the next repetition tries again', async () => {
    const store = new MemoryDocumentStore(documents);
    const { asking, access } = await replica(store);
    const put = store.put.bind(store);
    store.put = () => Promise.reject(new Error('the store is down'));
    asking.ask(question());
    await asking.settled();
    expect([failures.length, access.current().size]).toEqual([1, 0]);
    store.put = put;
    asking.ask(question());
    await asking.settled();
    expect(access.current().size).toBe(1);
  });
});

describe('access of which the last use was taken', () => {
  test('is not asked anew while its credential may be on its way, and is after half a minute', async () => {
    const { access, asking } = await replica();
    asking.ask(question());
    await asking.settled();
    const name = question().awaited.request;
    const { request, version } = await access.get(name);
    if (request === undefined) throw new Error('nothing was asked');
    const used = { state: 'approved', from: NOW, notAfter: NOW + HOUR, maxUses: 1, uses: 1, endedAt: NOW } as const;
    await access.put(name, { ...request, ...used }, version);
    clock.set(NOW + 29_999);
    asking.ask(question());
    await asking.settled();
    expect((await access.get(name)).request).toMatchObject(used);
    clock.set(NOW + 30_000);
    asking.ask(question());
    await asking.settled();
    expect((await access.get(name)).request).toMatchObject({ state: 'asked', uses: 0, askedAt: NOW + 30_000 });
  });
});
