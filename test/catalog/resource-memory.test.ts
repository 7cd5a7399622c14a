import { describe, expect, test } from 'vitest';
import { ResourceMemory } from '../../src/catalog/resource-memory.ts';
import type { Document, ValidDocument } from '../../src/resources/document.ts';
import { readDocuments } from '../../src/resources/read-documents.ts';
import { MemoryDocumentStore } from '../support/memory-document-store.ts';
import { CountingStore } from './counting-store.ts';
import { guardrail, mapping } from './folder.ts';

function documents(text: string, id = '/r/a.yaml'): readonly ValidDocument[] {
  const reading = readDocuments(text, { id, baseDirectory: '/r' }, { development: false, now: 0 });
  return reading.documents.flatMap((document) => (document.valid ? [document] : []));
}

function faulty(document: ValidDocument): Document {
  const { spec, ...base } = document;
  return { ...base, valid: false, raw: spec };
}

async function opened(store: MemoryDocumentStore): Promise<ResourceMemory> {
  const memory = new ResourceMemory(store);
  await memory.load();
  return memory;
}

async function round(memory: ResourceMemory, present: readonly ValidDocument[]): Promise<boolean> {
  await memory.see(present);
  return memory.keep(present, present);
}

describe('ResourceMemory', () => {
  const [a, b, c] = documents(guardrail('a') + mapping('b') + guardrail('c'));
  if (a === undefined || b === undefined || c === undefined) throw new Error('three documents');
  const seen = (memory: ResourceMemory, document: Document) =>
    memory.firstSeen(document.kind, document.name, document.source.id);

  test('remembers over a restart in which order documents were first seen', async () => {
    const store = new MemoryDocumentStore();
    const memory = await opened(store);
    await round(memory, [c]);
    await round(memory, [a, b, c]);
    for (const one of [memory, await opened(store)]) {
      expect([c, a, b].map((document) => seen(one, document))).toEqual([1, 2, 2]);
    }
  });

  test('knows an ordinal from the moment a document is seen, and tells sources apart', async () => {
    const memory = await opened(new MemoryDocumentStore());
    expect(seen(memory, a)).toBeUndefined();
    await memory.see([a]);
    expect(seen(memory, a)).toBe(1);
    expect(memory.firstSeen(a.kind, a.name, '/r/b.yaml')).toBeUndefined();
  });

  test('keeps the last good version of a faulty document over restarts, and forgets it with the document', async () => {
    const store = new MemoryDocumentStore();
    const memory = await opened(store);
    await round(memory, [a, b]);
    await memory.keep([faulty(a), b], [b]);
    const again = await opened(store);
    const good = await again.lastGood([faulty(a), b]);
    expect(good.map(({ name, spec }) => [name, spec]).toSorted()).toEqual([
      ['a', a.spec],
      ['b', b.spec],
    ]);
    expect(good.find(({ name }) => name === 'b')).toBe(b);
    await again.keep([b], [b]);
    expect((await (await opened(store)).lastGood([])).map(({ name }) => name)).toEqual(['b']);
  });

  test('keeps the last good version of a document that moves to another file and breaks at once', async () => {
    const store = new MemoryDocumentStore();
    const memory = await opened(store);
    await round(memory, [a]);
    const moved = faulty({ ...a, source: { ...a.source, id: '/r/moved.yaml' } });
    await memory.see([moved]);
    await memory.keep([moved], []);
    expect((await (await opened(store)).lastGood([moved])).map(({ name }) => name)).toEqual(['a']);
  });

  test('holds remembered documents of unknown sources as faulty, by file and by folder, and no others', async () => {
    const [other] = documents(guardrail('other'), '/rx/a.yaml');
    if (other === undefined) throw new Error('one document');
    const memory = await opened(new MemoryDocumentStore());
    await round(memory, [a, b, other]);
    const names = (present: readonly Document[], unknown: readonly string[]) =>
      memory
        .missing(present, unknown)
        .map(({ name }) => name)
        .toSorted();
    expect(names([], ['/r/a.yaml'])).toEqual(['a', 'b']);
    expect(names([b], ['/r'])).toEqual(['a']);
    expect(names([], ['/r/a'])).toEqual([]);
    expect(names([], [])).toEqual([]);
    expect(memory.missing([a], ['/r'])).toMatchObject([
      { valid: false, kind: 'FederationMapping', raw: { owner: 'a' } },
    ]);
  });

  test('writes at most 64 documents for 5,000 mappings, and none when nothing has changed', async () => {
    const store = new CountingStore();
    const many = documents(Array.from({ length: 2500 }, (_, at) => guardrail(`g-${at}`)).join(''));
    await round(await opened(store), many);
    expect(store.writes).toBeLessThanOrEqual(64);
    store.writes = 0;
    const again = await opened(store);
    await round(again, many);
    expect(store.writes).toBe(0);
    const [first, ...rest] = many;
    if (first === undefined) throw new Error('no document');
    await round(again, [...rest, { ...first, labels: { changed: 'x' } }]);
    expect(store.writes).toBe(1);
  });

  test('writes after a restart what has changed and nothing else', async () => {
    const store = new CountingStore();
    const [other] = documents(guardrail('a', { maxTtl: '7m' }));
    if (other === undefined) throw new Error('one document');
    await round(await opened(store), [a, b]);
    store.writes = 0;
    await round(await opened(store), [a, b]);
    expect(store.writes).toBe(0);
    await round(await opened(store), [other, b]);
    expect(store.writes).toBe(1);
    const again = await opened(store);
    expect(await again.lastGood([faulty(a), b])).toMatchObject([{ name: 'a', spec: other.spec }, { name: 'b' }]);
    await again.see([other, b, faulty(c)]);
    await again.keep([other, b, faulty(c)], [other, b]);
    const last = await opened(store);
    expect([a, b, c].map((document) => seen(last, document))).toEqual([1, 1, 2]);
  });

  test('lends after a restart the good version of its name to a document of another source that never had one', async () => {
    const store = new MemoryDocumentStore();
    const copy = faulty({ ...a, source: { ...a.source, id: '/r/copy.yaml' } });
    const memory = await opened(store);
    await memory.see([a, copy]);
    await memory.keep([a, copy], [a]);
    const again = await opened(store);
    await again.keep([a, copy], [a]);
    await again.keep([copy], []);
    expect(await again.lastGood([copy])).toMatchObject([{ name: 'a', spec: a.spec }]);
  });

  test('takes the order of another replica that wrote first, says so, and loses neither', async () => {
    const store = new MemoryDocumentStore();
    const [one, other] = [await opened(store), await opened(store)];
    await round(one, [c]);
    expect(await round(one, [c, a])).toBe(false);
    expect(await round(other, [a, b, c])).toBe(true);
    const after = await opened(store);
    for (const memory of [other, after]) {
      expect([c, a].map((document) => seen(memory, document))).toEqual([1, 2]);
      expect((await memory.lastGood([])).map(({ name }) => name).toSorted()).toEqual(['a', 'b', 'c']);
    }
  });

  test('keeps what it knows when the store fails, and stores it the next time', async () => {
    const store = new CountingStore();
    const memory = await opened(store);
    store.failure = new Error('disk full');
    await expect(round(memory, [a])).rejects.toThrow('disk full');
    expect(seen(memory, a)).toBe(1);
    store.failure = undefined;
    await round(memory, [a, b]);
    expect([a, b].map((document) => seen(memory, document))).toEqual([1, 2]);
    expect(store.writes).toBeGreaterThan(0);
  });

  test('takes what it does not understand in the store as not seen', async () => {
    const store = new MemoryDocumentStore();
    await round(await opened(store), [a]);
    const [chunk] = await store.list('resource-history');
    if (chunk === undefined) throw new Error('nothing stored');
    const odd = {
      v: 1,
      entries: [
        null,
        [],
        ['Guardrail', 'a', '/r/a.yaml', -1, null],
        ['Nothing', 'a', 'b', 1, null],
        ['Guardrail', 'z', 's', 4, '{'],
      ],
    };
    await store.put('resource-history', chunk.name, odd, chunk.version);
    const memory = await opened(store);
    expect(seen(memory, a)).toBeUndefined();
    expect(await memory.lastGood([])).toEqual([]);
  });
});
