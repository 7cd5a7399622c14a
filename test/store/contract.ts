import { afterEach, beforeEach, describe, expect, type TestContext, test } from 'vitest';
import { type DocumentStore, VersionConflict } from '../../src/store/document-store.ts';

interface Subject {
  /** Opens one more store over the same data. */
  open(): Promise<DocumentStore>;
  dispose(): Promise<void>;
}

const HOSTILE = [
  '__proto__',
  'constructor',
  'toString',
  '',
  ' ',
  '%',
  '_',
  "'; drop table documents; --",
  '"',
  '../../etc/passwd',
  'a/b',
  'a',
  'A',
  'ä',
  'a\u0308',
  '\u202e',
  '\ufeff',
  '\u{1f600}',
  '\uffff',
  'line\nbreak',
  'x'.repeat(4096),
];

/** What every DocumentStore keeps, whatever database is behind it. */
export function documentStoreContract(name: string, subject: (context: TestContext) => Promise<Subject>): void {
  describe(`DocumentStore contract: ${name}`, () => {
    let under: Subject | undefined;
    let store: DocumentStore;
    const opened: DocumentStore[] = [];
    const open = async () => {
      if (under === undefined) throw new Error('nothing to open');
      const another = await under.open();
      opened.push(another);
      return another;
    };

    beforeEach(async (context) => {
      under = await subject(context);
      store = await open();
    });
    afterEach(async () => {
      for (const one of opened.splice(0)) await one.close();
      await under?.dispose();
    });

    test('lists what is not at a known version, also where it takes more than one page', async () => {
      const names = Array.from({ length: 4_500 }, (_, at) => `m-${at}`);
      await store.putAll(names.map((name) => ({ collection: 'many', name, value: { name }, ifVersion: 0 })));
      const all = await store.list('many');
      expect(all.map(({ name }) => name)).toEqual(names.toSorted());
      const known = new Map(all.map((one) => [one.name, one]));
      expect(await store.list('many', known)).toEqual([]);
      await store.put('many', 'm-7', { name: 'other' }, 1);
      await store.put('many', 'm-new', {}, 0);
      const changed = await store.list('many', known);
      expect(changed.map(({ name, version, value }) => [name, version, value])).toEqual([
        ['m-7', 2, { name: 'other' }],
        ['m-new', 1, {}],
      ]);
      expect((await store.list('none', known)).length).toBe(0);
    });

    test('gives a new document version 1 and each later one the next number', async () => {
      expect(await store.put('mappings', 'deploy', { a: 1 }, 0)).toBe(1);
      expect(await store.put('mappings', 'deploy', { a: 2 }, 1)).toBe(2);
      expect(await store.put('mappings', 'deploy', { a: 3 }, 2)).toBe(3);
      expect(await store.get('mappings', 'deploy')).toEqual({
        collection: 'mappings',
        name: 'deploy',
        version: 3,
        value: { a: 3 },
      });
    });

    test('knows nothing of a document that was never written', async () => {
      await store.put('mappings', 'deploy', 1, 0);
      expect(await store.get('mappings', 'deplo')).toBeUndefined();
      expect(await store.get('issuers', 'deploy')).toBeUndefined();
      expect(await store.list('issuers')).toEqual([]);
    });

    test('refuses to create what exists and leaves it as it was', async () => {
      await store.put('mappings', 'deploy', 'first', 0);
      await expect(store.put('mappings', 'deploy', 'second', 0)).rejects.toThrow(VersionConflict);
      expect(await store.get('mappings', 'deploy')).toMatchObject({ version: 1, value: 'first' });
    });

    test('refuses a write over any version but the present one', async () => {
      await store.put('mappings', 'deploy', 'a', 0);
      await store.put('mappings', 'deploy', 'b', 1);
      for (const stale of [0, 1, 3, -1, 1.5])
        await expect(store.put('mappings', 'deploy', 'c', stale)).rejects.toThrow(VersionConflict);
      await expect(store.put('mappings', 'absent', 'c', 1)).rejects.toThrow(VersionConflict);
      expect(await store.get('mappings', 'deploy')).toMatchObject({ version: 2, value: 'b' });
      expect(await store.get('mappings', 'absent')).toBeUndefined();
    });

    test.each([0, 1])('lets exactly one of 50 concurrent writers over version %i win', async (ifVersion) => {
      if (ifVersion === 1) await store.put('mappings', 'deploy', 'base', 0);
      const stores = [store, await open(), await open()];
      const puts = Array.from({ length: 50 }, async (_, writer) => {
        await stores[writer % 3]?.put('mappings', 'deploy', { writer }, ifVersion);
        return writer;
      });
      const outcomes = await Promise.allSettled(puts);
      const won = outcomes.filter((outcome) => outcome.status === 'fulfilled').map((outcome) => outcome.value);
      const lost = outcomes.filter((outcome) => outcome.status === 'rejected').map((outcome) => outcome.reason);
      expect(won).toHaveLength(1);
      expect(lost.every((reason) => reason instanceof VersionConflict)).toBe(true);
      expect(await store.get('mappings', 'deploy')).toMatchObject({
        version: ifVersion + 1,
        value: { writer: won[0] },
      });
    });

    test('loses no increment of 50 that each read, add one and retry on conflict', async () => {
      const stores = [store, await open()];
      const increment = async (on: DocumentStore): Promise<void> => {
        const found = await on.get('counters', 'c');
        try {
          await on.put('counters', 'c', Number(found?.value ?? 0) + 1, found?.version ?? 0);
        } catch (error) {
          if (error instanceof VersionConflict) return increment(on);
          throw error;
        }
      };
      await Promise.all(Array.from({ length: 50 }, (_, n) => increment(stores[n % 2] ?? store)));
      expect(await store.get('counters', 'c')).toMatchObject({ version: 50, value: 50 });
    });

    test('keeps documents apart whose names are hostile, and lists them by code point', async () => {
      for (const hostile of HOSTILE) await store.put('names', hostile, { hostile }, 0);
      for (const hostile of HOSTILE)
        expect(await store.get('names', hostile)).toEqual({
          collection: 'names',
          name: hostile,
          version: 1,
          value: { hostile },
        });
      const byCodePoint = HOSTILE.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect((await store.list('names')).map((document) => document.name)).toEqual(byCodePoint);
    });

    test('keeps collections apart whose names are hostile', async () => {
      for (const hostile of HOSTILE) await store.put(hostile, 'n', hostile, 0);
      for (const hostile of HOSTILE)
        expect(await store.list(hostile)).toEqual([{ collection: hostile, name: 'n', version: 1, value: hostile }]);
    });

    test.each(['a\0b', '\ud800', 'x\udfff'])('refuses the name %j, which a database would change', async (name) => {
      await expect(store.put('names', name, 1, 0)).rejects.toThrow(RangeError);
      await expect(store.put(name, 'n', 1, 0)).rejects.toThrow(RangeError);
      await expect(store.get('names', name)).rejects.toThrow(RangeError);
      expect(await store.list('names')).toEqual([]);
    });

    test('gives back every JSON value as it was', async () => {
      const values = [
        null,
        false,
        0,
        -1.5,
        Number.MAX_SAFE_INTEGER,
        '',
        '\0\ud800"\\\u2028',
        [],
        [[[]]],
        {},
        JSON.parse('{"__proto__":{"admin":true},"constructor":1,"":""}'),
        { nested: { list: [1, { deep: null }] } },
      ];
      for (const [n, value] of values.entries()) {
        await store.put('values', `v${n}`, value, 0);
        const found = await (await open()).get('values', `v${n}`);
        expect(JSON.stringify(found?.value)).toBe(JSON.stringify(value));
      }
    });

    test('keeps a value of 4 MiB', async () => {
      const big = { text: 'é'.repeat(2 * 1024 * 1024) };
      await store.put('values', 'big', big, 0);
      expect((await store.get('values', 'big'))?.value).toEqual(big);
    });

    test('lets nobody change a stored document through the value that was written or read', async () => {
      const value = { list: [1] };
      await store.put('values', 'v', value, 0);
      value.list.push(2);
      const read = (await store.get('values', 'v'))?.value as { list: number[] };
      read.list.push(3);
      expect((await store.get('values', 'v'))?.value).toEqual({ list: [1] });
    });

    test('opens as often as wanted at once', async () => {
      const many = await Promise.all(Array.from({ length: 10 }, open));
      await many[0]?.put('mappings', 'deploy', 'a', 0);
      for (const one of many) expect(await one.get('mappings', 'deploy')).toMatchObject({ value: 'a' });
    });

    test('shows another store on the same data what was written', async () => {
      await store.put('mappings', 'deploy', 'a', 0);
      const other = await open();
      expect(await other.get('mappings', 'deploy')).toMatchObject({ version: 1, value: 'a' });
      await other.put('mappings', 'deploy', 'b', 1);
      expect(await store.get('mappings', 'deploy')).toMatchObject({ version: 2, value: 'b' });
    });

    test('keeps every version of a resource, and tells them in their order', async () => {
      for (const [n, value] of ['a', null, 'c'].entries()) await store.put('resources', 'Guardrail/cap', value, n);
      await store.put('resources', 'Guardrail/cap-2', 'other', 0);
      expect(await (await open()).history('resources', 'Guardrail/cap')).toEqual([
        { collection: 'resources', name: 'Guardrail/cap', version: 1, value: 'a' },
        { collection: 'resources', name: 'Guardrail/cap', version: 2, value: null },
        { collection: 'resources', name: 'Guardrail/cap', version: 3, value: 'c' },
      ]);
    });

    test('keeps no version of a write that was refused, nor of other collections', async () => {
      await store.put('resources', 'n', 'a', 0);
      await expect(store.put('resources', 'n', 'b', 0)).rejects.toThrow(VersionConflict);
      await expect(store.put('resources', 'n', 'b', 7)).rejects.toThrow(VersionConflict);
      await store.put('keys', 'n', 'secret', 0);
      expect(await store.history('resources', 'n')).toMatchObject([{ version: 1, value: 'a' }]);
      expect(await store.history('keys', 'n')).toEqual([]);
      expect(await store.history('resources', 'absent')).toEqual([]);
    });

    test('takes away a document at its version, and begins at 1 when it comes back', async () => {
      await store.put('requests', 'r', 'a', 0);
      await store.put('requests', 'r', 'b', 1);
      await store.put('requests', 'other', 'c', 0);
      await store.delete('requests', 'r', 2);
      expect(await (await open()).list('requests')).toMatchObject([{ name: 'other', version: 1 }]);
      expect(await store.put('requests', 'r', 'd', 0)).toBe(1);
    });

    test.each([0, 1, 3, -1, 1.5])('takes nothing away at version %d, which is not the present one', async (version) => {
      await store.put('requests', 'r', 'a', 0);
      await store.put('requests', 'r', 'b', 1);
      await expect(store.delete('requests', 'r', version)).rejects.toThrow(VersionConflict);
      await expect(store.delete('requests', 'absent', version)).rejects.toThrow(VersionConflict);
      expect(await store.get('requests', 'r')).toMatchObject({ version: 2, value: 'b' });
    });

    test('takes no resource away, for each of its versions is kept', async () => {
      await store.put('resources', 'Guardrail/cap', 'a', 0);
      await expect(store.delete('resources', 'Guardrail/cap', 1)).rejects.toThrow(RangeError);
      expect(await store.get('resources', 'Guardrail/cap')).toMatchObject({ value: 'a' });
    });

    test('calls a listener back after a deletion, by whichever store', async () => {
      const other = await open();
      await store.put('requests', 'r', 'a', 0);
      await settled();
      const called = Promise.withResolvers<void>();
      other.watch('requests', called.resolve);
      await store.delete('requests', 'r', 1);
      await called.promise;
      expect(await other.get('requests', 'r')).toBeUndefined();
    });

    test('writes a batch of new and of changed documents, each with its next version', async () => {
      await store.put('resources', 'old', 'a', 0);
      await store.put('resources', 'old', 'b', 1);
      await store.putAll([
        { collection: 'resources', name: 'old', value: 'c', ifVersion: 2 },
        { collection: 'resources', name: 'new', value: { n: 1 }, ifVersion: 0 },
        { collection: 'other', name: 'new', value: null, ifVersion: 0 },
      ]);
      expect(await store.list('resources')).toMatchObject([
        { name: 'new', version: 1, value: { n: 1 } },
        { name: 'old', version: 3, value: 'c' },
      ]);
      expect(await store.list('other')).toMatchObject([{ name: 'new', version: 1, value: null }]);
      expect((await store.history('resources', 'old')).map(({ value }) => value)).toEqual(['a', 'b', 'c']);
    });

    test.each([
      ['one is there already', { name: 'there', ifVersion: 0 }],
      ['one is not there', { name: 'absent', ifVersion: 1 }],
      ['one has moved on', { name: 'there', ifVersion: 1 }],
      ['one version is none', { name: 'there', ifVersion: -1 }],
    ])('writes nothing of a batch of which %s, names that one and calls nobody back', async (_, wrong) => {
      await store.put('resources', 'there', 'a', 0);
      await store.put('resources', 'there', 'b', 1);
      let calls = 0;
      store.watch('resources', () => calls++);
      const fresh = Array.from({ length: 600 }, (_, n) => `n${n}`).map((name) => ({ name, ifVersion: 0 }));
      const writes = [...fresh, wrong].map((write) => ({ collection: 'resources', value: 'new', ...write }));
      await expect(store.putAll(writes)).rejects.toMatchObject({ name: 'VersionConflict', document: wrong.name });
      await settled();
      expect(await store.list('resources')).toMatchObject([{ name: 'there', version: 2, value: 'b' }]);
      expect(await store.history('resources', 'n0')).toEqual([]);
      expect(calls).toBe(0);
    });

    test('refuses a batch that names a document twice, or one that a database would change', async () => {
      const write = (name: string, ifVersion: number) => ({ collection: 'c', name, value: 1, ifVersion });
      await expect(store.putAll([write('n', 0), write('n', 1)])).rejects.toThrow(RangeError);
      await expect(store.putAll([write('n', 0), write('a\0b', 0)])).rejects.toThrow(RangeError);
      expect(await store.list('c')).toEqual([]);
    });

    test('calls a listener back after a batch, by whichever store', async () => {
      const called = Promise.withResolvers<void>();
      const other = await open();
      store.watch('resources', called.resolve);
      await other.putAll([{ collection: 'resources', name: 'a', value: 1, ifVersion: 0 }]);
      await called.promise;
      expect(await store.get('resources', 'a')).toMatchObject({ value: 1 });
      await other.putAll([]);
    });

    test('lets batches and single writes over the same documents, in any order, each win or be refused whole', async () => {
      const stores = [store, await open(), await open()];
      const names = Array.from({ length: 1200 }, (_, n) => `n${n}`);
      const write = (name: string, value: string) => ({ collection: 'resources', name, value, ifVersion: 0 });
      const batches = stores.map((one, n) => {
        const order = n === 1 ? names.toReversed() : names;
        return one.putAll(order.map((name) => write(name, `batch ${n}`)));
      });
      const singles = names.slice(-20).map((name, n) => stores[n % 3]?.put('resources', name, 'single', 0));
      const outcomes = await Promise.allSettled([...batches, ...singles]);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(VersionConflict);
      }
      const values = new Set((await store.list('resources')).map(({ value }) => value));
      const whole = [...values].filter((value) => value !== 'single');
      expect(whole.length).toBe(outcomes.slice(0, 3).filter(({ status }) => status === 'fulfilled').length);
      expect(whole.length).toBeLessThanOrEqual(1);
    });

    test('writes a batch of 100,000 documents', async () => {
      const batch = (ifVersion: number) =>
        Array.from({ length: 100_000 }, (_, n) => ({
          collection: 'resources',
          name: `n${n}`,
          value: { n },
          ifVersion,
        }));
      await store.putAll(batch(0));
      await store.putAll(batch(1));
      const versions = (await store.list('resources')).map(({ version }) => version);
      expect([versions.length, new Set(versions)]).toEqual([100_000, new Set([2])]);
      expect(await store.history('resources', 'n77777')).toHaveLength(2);
    });

    test('calls a listener back after own writes to its collection and no other', async () => {
      const calls: string[] = [];
      store.watch('mappings', () => calls.push('mappings'));
      store.watch('issuers', () => calls.push('issuers'));
      await store.put('mappings', 'a', 1, 0);
      await settled();
      expect(calls).toEqual(['mappings']);
      await store.put('mappings', 'a', 2, 1);
      await settled();
      expect(calls).toEqual(['mappings', 'mappings']);
    });

    test('does not call back for a write that was refused, nor for one before the listener came', async () => {
      await store.put('mappings', 'a', 1, 0);
      let calls = 0;
      store.watch('mappings', () => calls++);
      await expect(store.put('mappings', 'a', 1, 0)).rejects.toThrow(VersionConflict);
      await store.put('other', 'a', 1, 0);
      await settled();
      expect(calls).toBe(0);
    });

    test('misses no write that is made right after the listener came', async () => {
      const called = Promise.withResolvers<void>();
      store.watch('mappings', called.resolve);
      void store.put('mappings', 'a', 1, 0);
      await called.promise;
    });

    test('calls a listener back after the write of another store', async () => {
      const called = Promise.withResolvers<void>();
      const other = await open();
      store.watch('mappings', called.resolve);
      await other.put('mappings', 'a', 1, 0);
      await called.promise;
      expect(await store.get('mappings', 'a')).toMatchObject({ value: 1 });
    });

    test('calls nobody back who has stopped, and the others still', async () => {
      let stopped = 0;
      let kept = 0;
      const stop = store.watch('mappings', () => stopped++);
      store.watch('mappings', () => kept++);
      stop();
      stop();
      await store.put('mappings', 'a', 1, 0);
      await settled();
      expect([stopped, kept]).toEqual([0, 1]);
    });
  });
}

/** All microtasks and timers that are due have run. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));
