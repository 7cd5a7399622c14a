import { expect, test } from 'vitest';
import { ChangeWatch } from '../../src/store/change-watch.ts';

const NEVER = 3_600_000;

test('listeners are called once for each other counter, a lower one of a restored store too', async () => {
  let counter = 5;
  const watch = new ChangeWatch(async () => new Map([['resources', counter]]), NEVER);
  await watch.look();
  const calls: number[] = [];
  const stop = watch.add('resources', () => calls.push(counter));
  for (const next of [5, 6, 6, 3, 3, 4]) {
    counter = next;
    await watch.look();
    await undefined;
  }
  stop();
  expect(calls).toEqual([6, 3, 4]);
});
