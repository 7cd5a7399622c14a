import { describe, expect, test } from 'vitest';
import { FairLine } from '../../src/core/fair-line.ts';

/** Work that ends when told to, and the order in which it began. */
function workshop(limits: { atOnce: number; places: number }) {
  const line = new FairLine(limits);
  const began: string[] = [];
  const gates: (() => void)[] = [];
  const outcomes = new Map<string, string>();
  const enter = (name: string, id = name) => {
    const work = async () => {
      began.push(id);
      await new Promise<void>((done) => gates.push(done));
      return 'done';
    };
    void line.run(name, work).then((outcome) => outcomes.set(id, outcome));
  };
  const settle = () => new Promise((done) => setImmediate(done));
  const finishOne = async () => {
    gates.shift()?.();
    await settle();
  };
  return { line, began, outcomes, enter, settle, finishOne };
}

describe('FairLine', () => {
  test('runs so many at once; the rest begins as others end', async () => {
    const { began, enter, settle, finishOne } = workshop({ atOnce: 2, places: 9 });
    for (const name of ['a', 'b', 'c', 'd']) enter(name);
    await settle();
    expect(began).toEqual(['a', 'b']);
    await finishOne();
    expect(began).toEqual(['a', 'b', 'c']);
    await finishOne();
    expect(began).toEqual(['a', 'b', 'c', 'd']);
  });

  test('lets names take turns: who comes late under a new name does not wait behind a crowd of one name', async () => {
    const { began, enter, settle, finishOne } = workshop({ atOnce: 1, places: 9 });
    enter('busy');
    for (const number of [1, 2, 3]) enter('crowd', `crowd ${number}`);
    enter('late');
    await settle();
    for (let left = 4; left > 0; left -= 1) await finishOne();
    expect(began).toEqual(['busy', 'crowd 1', 'late', 'crowd 2', 'crowd 3']);
  });

  test('when full takes the newest place of the longest line for a new name', async () => {
    const { outcomes, began, enter, settle, finishOne } = workshop({ atOnce: 1, places: 3 });
    enter('busy');
    for (const number of [1, 2, 3]) enter('crowd', `crowd ${number}`);
    enter('late');
    await settle();
    expect([...outcomes]).toEqual([['crowd 3', 'refused']]);
    for (let left = 4; left > 0; left -= 1) await finishOne();
    expect(began).toEqual(['busy', 'crowd 1', 'late', 'crowd 2']);
  });

  test('when full of names with a place each refuses the next, without running it', async () => {
    const { outcomes, began, enter, settle } = workshop({ atOnce: 1, places: 2 });
    for (const name of ['busy', 'a', 'b', 'c']) enter(name);
    await settle();
    expect([...outcomes]).toEqual([['c', 'refused']]);
    expect(began).toEqual(['busy']);
  });

  test('goes on after work that failed', async () => {
    const line = new FairLine({ atOnce: 1, places: 1 });
    const failing = line.run('a', () => Promise.reject(new Error('broken')));
    const next = line.run('b', async () => 'ran');
    await expect(failing).rejects.toThrow('broken');
    expect(await next).toBe('ran');
    expect(await line.run('c', async () => 'ran too')).toBe('ran too');
  });
});
