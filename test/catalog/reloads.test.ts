import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type ReloadOutcome, Reloads } from '../../src/catalog/reloads.ts';

/** Microtasks within which what follows from the end of a reading has begun. */
const TURNS = 12;

test('readings come one after the other, also where one is asked for while another is just ending', async () => {
  for (let after = 0; after < TURNS; after += 1) {
    const first = Promise.withResolvers<unknown>();
    const waits: Promise<unknown>[] = [first.promise];
    let running = 0;
    const load = async (): Promise<ReloadOutcome> => {
      running += 1;
      expect(running).toBe(1);
      await (waits.shift() ?? setImmediate());
      running -= 1;
      return 'unchanged';
    };
    const reloads = new Reloads({ load, isOther: async () => false });
    const asked = [reloads.now(), reloads.now()];
    first.resolve(undefined);
    for (let turn = 0; turn < after; turn += 1) await undefined;
    await Promise.all([...asked, reloads.now()]);
  }
});
