import { describe, expect, type TestContext, test } from 'vitest';
import type { Cache } from '../../src/store/cache.ts';

/** `open` gives one more cache over the same data; `pass` lets time go by. */
export interface CacheSubject {
  open(): Cache;
  pass(milliseconds: number): Promise<void>;
}

const HOSTILE = ['__proto__', 'constructor', '', ' ', '*', 'a\nb', 'a\u0000b', '\u{1f600}', 'x'.repeat(4096)];

/** What every Cache keeps. */
export function cacheContract(name: string, subject: (context: TestContext) => Promise<CacheSubject>): void {
  describe(`Cache contract: ${name}`, () => {
    test('gives back what was set, byte for byte, until its time is over', async (context) => {
      const { open, pass } = await subject(context);
      const cache = open();
      expect(await cache.get('a', 100)).toEqual({ outcome: 'miss' });
      expect(await cache.set('a', 'wert \u{1f600}\u0000\r\n', 60_000)).toBe('stored');
      expect(await cache.get('a', 100)).toEqual({ outcome: 'hit', value: 'wert \u{1f600}\u0000\r\n' });
      await pass(80_000);
      expect(await cache.get('a', 100)).toEqual({ outcome: 'miss' });
    });

    test('replaces a value together with its time', async (context) => {
      const { open, pass } = await subject(context);
      const cache = open();
      await cache.set('a', 'one', 60_000);
      await cache.set('a', 'two', 120_000);
      await pass(80_000);
      expect(await cache.get('a', 100)).toEqual({ outcome: 'hit', value: 'two' });
    });

    test('reads a value of the size asked for and none of a byte more (V15)', async (context) => {
      const cache = (await subject(context)).open();
      await cache.set('a', 'ä'.repeat(50), 60_000);
      expect(await cache.get('a', 100)).toMatchObject({ outcome: 'hit' });
      expect(await cache.get('a', 99)).toEqual({ outcome: 'oversize' });
    });

    test('lets one of a hundred callers store where nothing is (R3)', async (context) => {
      const { open } = await subject(context);
      const caches = [open(), open()];
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, index) => caches[index % 2]?.setIfAbsent('id', `caller-${index}`, 60_000)),
      );
      expect(answers.filter((answer) => answer === 'stored')).toHaveLength(1);
      expect(answers.filter((answer) => answer === 'present')).toHaveLength(99);
    });

    test('lets the next one store when the time of the first is over, and not before', async (context) => {
      const { open, pass } = await subject(context);
      const cache = open();
      expect(await cache.setIfAbsent('id', 'one', 60_000)).toBe('stored');
      expect(await cache.setIfAbsent('id', 'two', 60_000)).toBe('present');
      await pass(80_000);
      expect(await cache.setIfAbsent('id', 'two', 60_000)).toBe('stored');
      expect(await cache.get('id', 100)).toEqual({ outcome: 'hit', value: 'two' });
    });

    test('stores nothing where a plain value is', async (context) => {
      const cache = (await subject(context)).open();
      await cache.set('id', 'value', 60_000);
      expect(await cache.setIfAbsent('id', 'one', 60_000)).toBe('present');
    });

    test('deletes what a caller has stored and never what another has', async (context) => {
      const cache = (await subject(context)).open();
      await cache.setIfAbsent('lock', 'mine', 60_000);
      expect(await cache.deleteIfValue('lock', 'yours')).toBe('absent');
      expect(await cache.setIfAbsent('lock', 'yours', 60_000)).toBe('present');
      expect(await cache.deleteIfValue('lock', 'mine')).toBe('deleted');
      expect(await cache.deleteIfValue('lock', 'mine')).toBe('absent');
      expect(await cache.setIfAbsent('lock', 'yours', 60_000)).toBe('stored');
    });

    test('counts for several callers, from the first addition for as long as that said', async (context) => {
      const { open, pass } = await subject(context);
      const caches = [open(), open()];
      const sums = await Promise.all(Array.from({ length: 50 }, (_, index) => caches[index % 2]?.add('n', 2, 400_000)));
      expect(Math.max(...sums.map(Number))).toBe(100);
      await pass(300_000);
      expect(await caches[0]?.add('n', 1, 400_000)).toBe(101);
      await pass(150_000);
      expect(await caches[0]?.add('n', 1, 400_000)).toBe(1);
    });

    test('keeps hostile keys apart', async (context) => {
      const cache = (await subject(context)).open();
      for (const key of HOSTILE) await cache.set(`p:${key}`, `v${key}`, 60_000);
      for (const key of HOSTILE) {
        expect(await cache.get(`p:${key}`, 8192)).toEqual({ outcome: 'hit', value: `v${key}` });
        expect(await cache.get(key, 8192)).toEqual({ outcome: 'miss' });
      }
    });
  });
}
