import { beforeEach, describe, expect, test } from 'vitest';
import { AccessRequests } from '../../src/catalog/access-requests.ts';
import { OAuthError } from '../../src/core/oauth-error.ts';
import { AccessUse } from '../../src/exchange/access-use.ts';
import type { AccessRequest } from '../../src/resources/access-request.ts';
import type { DocumentStore } from '../../src/store/document-store.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryDocumentStore, memoryDocuments } from '../support/memory-document-store.ts';
import { NOW } from '../support/policy-builders.ts';

const NAME = `ar-${'0'.repeat(32)}`;
const UNTIL = NOW + 60_000;
const GRANTED = { request: NAME, until: UNTIL, counted: true } as const;

const request: AccessRequest = {
  mapping: 'mesh',
  identity: { issuer: 'prod-eu', subject: 'system:serviceaccount:payments:reporter' },
  durationSeconds: 60,
  state: 'approved',
  mappingVersion: 'v',
  askedAt: NOW,
  needed: 1,
  approvals: [],
  from: NOW,
  notAfter: UNTIL,
  maxUses: 5,
  uses: 0,
};

const clock = new FakeClock();
let documents = memoryDocuments();

const accessOf = (store: DocumentStore) => new AccessRequests({ store, onFailure: () => undefined });
const replica = () => new AccessUse({ access: accessOf(new MemoryDocumentStore(documents)), clock });

beforeEach(async () => {
  clock.set(NOW);
  documents = memoryDocuments();
  await accessOf(new MemoryDocumentStore(documents)).put(NAME, request, 0);
});

async function outcome(use: AccessUse, granted = GRANTED): Promise<string> {
  try {
    await use.take(granted);
    return 'taken';
  } catch (thrown) {
    const { key, reason = '' } = OAuthError.from(thrown);
    return `${key} ${reason}`.trim();
  }
}

const SPENT = 'target_denied awaiting_approval';

describe('counting what access is used for', () => {
  test('replicas together take as many uses as there are', async () => {
    const replicas = [replica(), replica(), replica()];
    const outcomes = await Promise.all(replicas.flatMap((one) => Array.from({ length: 4 }, () => outcome(one))));
    expect(outcomes.filter((one) => one === 'taken')).toHaveLength(5);
    expect(outcomes.filter((one) => one === SPENT)).toHaveLength(7);
  });

  test('takes none of access that has ended, or of another round of it', async () => {
    expect(await outcome(replica(), { ...GRANTED, until: UNTIL + 1 } as typeof GRANTED)).toBe(SPENT);
    expect(await outcome(replica())).toBe('taken');
    clock.set(UNTIL);
    expect(await outcome(replica())).toBe(SPENT);
  });

  test.each(['get', 'put'] as const)('fails closed while the store cannot %s, with a 503', async (broken) => {
    const store = new MemoryDocumentStore(documents);
    store[broken] = (): Promise<never> => Promise.reject(new Error('the store is down'));
    const use = new AccessUse({ access: accessOf(store), clock });
    expect(await outcome(use)).toBe('access_unavailable');
    expect(new OAuthError('access_unavailable')).toMatchObject({ status: 503, retryAfterSeconds: 5 });
    // One that failed does not hold up the next.
    expect(await outcome(use)).toBe('access_unavailable');
  });

  test('lets only so many wait for the store', async () => {
    const store = new MemoryDocumentStore(documents);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    store.get = () => promise;
    const use = new AccessUse({ access: accessOf(store), clock });
    const waiting = Array.from({ length: 64 }, () => outcome(use));
    expect(await outcome(use)).toBe('access_unavailable');
    resolve(undefined);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set([SPENT]));
  });

  test('lets nobody wait without end for a store that hangs, and whoever gave up takes nothing', async () => {
    const store = new MemoryDocumentStore(documents);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const get = store.get.bind(store);
    store.get = (collection, name) => promise.then(() => get(collection, name));
    const access = accessOf(store);
    const slow = new AccessUse({ access, clock, patienceMs: 1 });
    expect(await Promise.all([outcome(slow), outcome(slow), outcome(slow)])).toEqual(
      Array(3).fill('access_unavailable'),
    );
    resolve(undefined);
    // The one that had its turn may have got its use; those behind it have not.
    await expect.poll(async () => (await access.get(NAME)).request?.uses).toBe(1);
    expect(await Promise.all(Array.from({ length: 4 }, () => outcome(replica())))).toEqual(Array(4).fill('taken'));
  });
});
