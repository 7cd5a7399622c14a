import { createSecretKey, randomBytes } from 'node:crypto';
import { copyFile, mkdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type CacheSeal, createCacheSeal } from '../../src/store/cache-seal.ts';
import { StoreCopy } from '../../src/store/store-copy.ts';
import { temporaryFolder } from '../catalog/folder.ts';

const NOW = Date.parse('2026-11-27T09:00:00Z');
const HOUR = 3_600_000;
const MIB = 1024 * 1024;

function doc(name: string, version: number, value: string | number = version) {
  return { collection: 'resources', name, version, value };
}

/** A copy of two documents, and what its file is. */
async function world() {
  const folder = await temporaryFolder();
  const { seal: sealed, open } = createCacheSeal(createSecretKey(randomBytes(32)));
  const counted = { lines: 0 };
  const count = <T>(done: T): T => {
    counted.lines += 1;
    return done;
  };
  const seal: CacheSeal = {
    seal: (body, boundTo) => count(sealed(body, boundTo)),
    open: (text, boundTo) => count(open(text, boundTo)),
  };
  const fresh = () => new StoreCopy({ path: join(folder, 'store'), seal, of: 'postgres://db/carnet' });
  const copy = fresh();
  await copy.keep('resources', { at: NOW, documents: [doc('a', 1), doc('c', 1)] });
  const path = join(folder, 'store.resources');
  const text = () => readFile(path, 'utf8');
  const lines = async () => (await text()).split(/(?<=\n)/);
  const read = (now = NOW) => fresh().read('resources', now);
  return { copy, counted, fresh, path, text, lines, read, of: (name: string) => join(folder, `store.${name}`) };
}

/** The most lines that were sealed or opened in one turn of the loop while something is done. */
async function mostAtOnce(counted: { lines: number }, work: () => Promise<unknown>): Promise<number> {
  let most = 0;
  counted.lines = 0;
  let done = false;
  const turn = () => {
    most = Math.max(most, counted.lines);
    counted.lines = 0;
    if (!done) setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  done = true;
  return Math.max(most, counted.lines);
}

describe('what is added to a copy', () => {
  test('comes after what was there, is what has changed and no more, and is read by name', async () => {
    const { copy, text, read } = await world();
    const before = await text();
    expect(await copy.add('resources', { at: NOW + 1, documents: [doc('a', 1), doc('b', 1), doc('c', 2)] })).toBe(true);
    const after = await text();
    expect(after.startsWith(before)).toBe(true);
    expect(after.slice(before.length)).toMatch(/^\S{43} \[\["b",1,1\],\["c",2,2\]\]\n\S{43} [0-9]+\n$/);
    expect(await read()).toEqual({ at: NOW + 1, documents: [doc('a', 1), doc('b', 1), doc('c', 2)] });
    expect(copy.versions('resources')?.get('c')?.version).toBe(2);
  });

  test('is in the order of a store also where names go beyond the first plane', async () => {
    const { copy, read } = await world();
    const names = ['', 'a\u{1f600}b', 'a\u{1f600}a', 'a\uffff', 'ab'];
    await copy.add('resources', { at: NOW, documents: names.map((name) => doc(name, 1)) });
    const found = (await read())?.documents.map(({ name }) => name);
    expect(found).toEqual(['', 'a', 'ab', 'a\uffff', 'a\u{1f600}a', 'a\u{1f600}b', 'c']);
  });

  test('is nothing where nothing has changed within the hour, and the moment alone after it', async () => {
    const { copy, text, read } = await world();
    const before = await text();
    expect(await copy.add('resources', { at: NOW + HOUR - 1, documents: [doc('a', 1)] })).toBe(true);
    expect(await text()).toBe(before);
    expect(await copy.add('resources', { at: NOW + HOUR, documents: [doc('a', 1)] })).toBe(true);
    expect((await text()).slice(before.length)).toMatch(/^\S{43} [0-9]+\n$/);
    expect(await read(NOW + 24 * HOUR)).toEqual({ at: NOW + HOUR, documents: [doc('a', 1), doc('c', 1)] });
  });

  test('is there as a whole or not at all, and a beginning that was not written to its end is no copy', async () => {
    const { copy, path, lines, read } = await world();
    const base = await lines();
    await copy.add('resources', { at: NOW + 1, documents: [doc('a', 2)] });
    const all = await lines();
    const before = { at: NOW, documents: [doc('a', 1), doc('c', 1)] };
    for (const torn of [all.join('').slice(0, -1), all.slice(0, -1).join(''), `${base.join('')}x`, base.join('')]) {
      await writeFile(path, torn);
      expect(await read()).toEqual(before);
    }
    for (const torn of [base.join('').slice(0, -1), base.slice(0, -1).join(''), '']) {
      await writeFile(path, torn);
      expect(await read()).toBeUndefined();
    }
  });

  test('counts in its own place and file alone', async () => {
    const { copy, fresh, path, lines, read, of } = await world();
    await copy.add('resources', { at: NOW + 1, documents: [doc('a', 2)] });
    await copy.add('resources', { at: NOW + 2, documents: [doc('a', 3)] });
    const [rows = '', moment = '', rows2 = '', moment2 = '', rows3 = '', moment3 = ''] = await lines();
    const base = rows + moment;
    const other = fresh();
    await other.keep('resources', { at: NOW + 1, documents: [doc('a', 1), doc('c', 1)] });
    const [, otherMoment = ''] = await lines();
    const wrong = {
      leftOut: base + rows3 + moment3,
      leftOutAtTheBeginning: rows2 + moment2,
      otherOrder: base + rows3 + moment3 + rows2 + moment2,
      twice: base + rows2 + moment2 + rows2 + moment2,
      changed: base + rows2.replace('["a",2,2]', '["a",2,9]') + moment2,
      changedMoment: base + rows2 + moment2.replace(`${NOW + 1}`, `${NOW + 9}`),
      afterAnotherBeginning: rows + otherMoment + rows2 + moment2,
    };
    for (const [what, text] of Object.entries(wrong)) {
      await writeFile(path, text);
      expect(await read(), what).toBeUndefined();
    }
    await writeFile(path, base + rows2 + moment2 + rows3 + moment3);
    expect((await read())?.at).toBe(NOW + 2);
    await copyFile(path, of('signing-keys'));
    expect(await fresh().read('signing-keys', NOW)).toBeUndefined();
  });

  test('is not added to a file that is not as it was left: then all has to be kept', async () => {
    for (const meddle of [
      (path: string) => rm(path),
      (path: string) => truncate(path, 10),
      (path: string) => writeFile(path, 'x', { flag: 'a' }),
    ]) {
      const { copy, path, read } = await world();
      await meddle(path);
      expect(await copy.add('resources', { at: NOW + 1, documents: [doc('a', 2)] })).toBe(false);
      expect(copy.versions('resources')).toBeUndefined();
      expect(await copy.add('resources', { at: NOW + 1, documents: [doc('a', 2)] })).toBe(false);
      await copy.keep('resources', { at: NOW + 1, documents: [doc('a', 2), doc('c', 1)] });
      expect((await read())?.documents).toEqual([doc('a', 2), doc('c', 1)]);
      expect(await copy.add('resources', { at: NOW + 2, documents: [doc('a', 3)] })).toBe(true);
    }
  });

  test('is not added once there is more of it than half of what there was', async () => {
    const { copy, path } = await world();
    const big = (version: number) => doc('a', version, 'x'.repeat(MIB));
    const four = [big(1), doc('b', 1, 'x'.repeat(3 * MIB))];
    await copy.keep('resources', { at: NOW, documents: four });
    expect(await copy.add('resources', { at: NOW, documents: [big(2)] })).toBe(true);
    const before = await stat(path);
    expect(await copy.add('resources', { at: NOW, documents: [big(3)] })).toBe(false);
    expect((await stat(path)).size).toBe(before.size);
  });

  test('is not added more than 1,000 times', async () => {
    const { copy } = await world();
    // A clock that is set back gives each a line.
    for (let nth = 1; nth <= 1_000; nth += 1)
      expect(await copy.add('resources', { at: NOW - nth, documents: [] })).toBe(true);
    expect(await copy.add('resources', { at: NOW - 1_001, documents: [] })).toBe(false);
  });
});

describe('a copy of much', () => {
  test('is of at most 512 MiB', async () => {
    const { path, read } = await world();
    // What follows the last line's end is no line, however long.
    await truncate(path, MIB);
    expect((await read())?.documents).toHaveLength(2);
    await truncate(path, 512 * MIB + 1);
    expect(await read()).toBeUndefined();
  });

  test('is written, added to and read in slices, between which requests are served', async () => {
    const { copy, counted, fresh, lines } = await world();
    const documents = Array.from({ length: 20 }, (_, at) => doc(`a${10 + at}`, 1, 'x'.repeat(MIB / 4)));
    expect(await mostAtOnce(counted, () => copy.keep('resources', { at: NOW, documents }))).toBeLessThan(3);
    // Each with a line, and the moment.
    expect(await lines()).toHaveLength(21);
    const some = documents.slice(0, 8).map((one) => ({ ...one, version: 2 }));
    expect(await mostAtOnce(counted, () => copy.add('resources', { at: NOW, documents: some }))).toBeLessThan(3);
    for (let nth = 1; nth <= 20; nth += 1) await copy.add('resources', { at: NOW - nth, documents: [] });
    expect(await mostAtOnce(counted, () => fresh().read('resources', NOW))).toBeLessThan(3);
  });

  test('leaves no draft where it cannot be kept', async () => {
    const { copy, path, read } = await world();
    const draft = `${path}.new`;
    await rm(path);
    await mkdir(path);
    await writeFile(join(path, 'something'), '');
    await expect(copy.keep('resources', { at: NOW, documents: [doc('a', 2)] })).rejects.toThrow();
    await expect(stat(draft)).rejects.toThrow('ENOENT');
    expect(await read()).toBeUndefined();
  });
});
