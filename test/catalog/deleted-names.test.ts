import { expect, test } from 'vitest';
import { DeletedNames } from '../../src/catalog/deleted-names.ts';
import { MemoryDocumentStore, memoryDocuments } from '../support/memory-document-store.ts';

/** Two replicas that were there before any mapping was. */
async function replicas() {
  const shared = memoryDocuments();
  const names = [0, 1].map(() => new DeletedNames(new MemoryDocumentStore(shared)));
  for (const one of names) await one.load();
  return names as [DeletedNames, DeletedNames];
}

const NONE = new Set<string>();
const DEPLOY = new Set(['deploy']);

test('a name that another replica saw deleted is told when it comes back, once by both of them', async () => {
  const [one, other] = await replicas();
  await one.follow(DEPLOY, NONE);
  expect(await other.follow(NONE, DEPLOY)).toEqual(['deploy']);
  expect(await one.follow(NONE, DEPLOY)).toEqual([]);
});

test('a name that nobody saw deleted is told by none', async () => {
  const [one, other] = await replicas();
  expect(await one.follow(NONE, DEPLOY)).toEqual([]);
  expect(await other.follow(NONE, DEPLOY)).toEqual([]);
});

/** What asks a store that cannot be written. */
async function unwritable(): Promise<DeletedNames> {
  const store = new MemoryDocumentStore();
  store.put = () => Promise.reject(new Error('the store is away'));
  const names = new DeletedNames(store);
  await names.load();
  return names;
}

test('a name counts as deleted at once, before the store says so and while it cannot', async () => {
  const names = await unwritable();
  const following = names.follow(new Set(['deploy', 'mesh']), new Set(['mesh']));
  expect([names.isDeleted('deploy'), names.isDeleted('mesh')]).toEqual([true, false]);
  await expect(following).rejects.toThrow('the store is away');
  expect(names.isDeleted('deploy')).toBe(true);
});

test('a name that is back before the store heard of its deletion counts as deleted no more', async () => {
  const names = await unwritable();
  await names.follow(DEPLOY, NONE).catch(() => undefined);
  expect(await names.follow(DEPLOY, DEPLOY)).toEqual([]);
  expect(names.isDeleted('deploy')).toBe(false);
});
