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
