import { describe, expect, test } from 'vitest';
import { asAnswered } from '../../src/verifiers/as-answered.ts';

describe('asAnswered', () => {
  test('gives what is there while something else is still out, and ends with the last', async () => {
    const slow = Promise.withResolvers<string>();
    const lists = asAnswered([slow.promise, Promise.resolve('a'), Promise.resolve('b')]);
    const early: string[] = [];
    while (early.length < 2) early.push(...((await lists.next()).value ?? []));
    expect(early).toEqual(['a', 'b']);
    slow.resolve('late');
    expect(await lists.next()).toEqual({ value: ['late'], done: false });
    expect((await lists.next()).done).toBe(true);
    expect((await asAnswered([]).next()).done).toBe(true);
  });

  test('throws what a promise rejects with, and nothing where nobody listens any more', async () => {
    const lists = asAnswered([Promise.reject(new Error('broken'))]);
    await expect(lists.next()).rejects.toThrow('broken');
    const late = Promise.withResolvers<string>();
    const left = asAnswered([Promise.resolve('a'), late.promise]);
    expect((await left.next()).value).toEqual(['a']);
    await left.return();
    const unhandled: unknown[] = [];
    const listen = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', listen);
    late.reject(new Error('too late'));
    await new Promise((done) => setImmediate(done));
    process.off('unhandledRejection', listen);
    expect(unhandled).toEqual([]);
  });
});
