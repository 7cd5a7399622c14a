import { describe, expect, test } from 'vitest';
import { TurnQueue } from '../../src/core/turn-queue.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** A queue whose turns of the event loop are made by hand. */
function queueByHand(clock = new FakeClock()) {
  const deferred: (() => void)[] = [];
  const queue = new TurnQueue({ clock, defer: (drain) => deferred.push(drain) });
  const went: number[] = [];
  const join = (name: number) => queue.turn().then(() => went.push(name));
  /** Runs what was put off until now, and lets promises settle. */
  const nextTurn = async () => {
    for (const drain of deferred.splice(0)) drain();
    await new Promise<void>((resolve) => setImmediate(resolve));
  };
  /** As many turns as lie between two batches. */
  const nextBatch = async () => {
    for (let turn = 0; turn < 16; turn += 1) await nextTurn();
  };
  return { clock, queue, deferred, went, join, nextTurn, nextBatch };
}

describe('TurnQueue', () => {
  test('lets nobody go on before the turn, and then everybody in the order they came', async () => {
    const { went, join, nextTurn, deferred } = queueByHand();
    for (const name of [1, 2, 3]) void join(name);
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect(went).toEqual([]);
    expect(deferred).toHaveLength(1);
    await nextTurn();
    expect(went).toEqual([1, 2, 3]);
    expect(deferred).toHaveLength(0);
  });

  test('lets 64 go on in one turn, and leaves 16 turns to new connections for each further 64', async () => {
    const { went, join, nextTurn, deferred } = queueByHand();
    for (let name = 0; name < 130; name += 1) void join(name);
    const lengths: number[] = [];
    while (deferred.length > 0) {
      expect(deferred).toHaveLength(1);
      await nextTurn();
      lengths.push(went.length);
    }
    expect(lengths).toEqual([...Array(16).fill(64), ...Array(16).fill(128), 130]);
    expect(went).toEqual(went.toSorted((a, b) => a - b));
  });

  test('leaves no turn out when nobody is left over', async () => {
    const { went, join, nextTurn, deferred } = queueByHand();
    for (let name = 0; name < 64; name += 1) void join(name);
    await nextTurn();
    expect(deferred).toHaveLength(0);
    void join(64);
    await nextTurn();
    expect(went).toHaveLength(65);
  });

  test('puts whoever comes while a turn runs into the next one, however often', async () => {
    const { queue, nextTurn, deferred } = queueByHand();
    let turns = 0;
    const again = async (): Promise<void> => {
      await queue.turn();
      turns += 1;
      if (turns < 4) await again();
    };
    const done = again();
    for (let turn = 1; turn <= 4; turn += 1) {
      expect(deferred).toHaveLength(1);
      await nextTurn();
      expect(turns).toBe(turn);
    }
    await done;
    expect(deferred).toHaveLength(0);
  });

  test('keeps the failure of one from the others of its turn', async () => {
    const { queue, nextTurn, went, join } = queueByHand();
    const failed = queue.turn().then(() => {
      throw new Error('mine');
    });
    const outcome = expect(failed).rejects.toThrow('mine');
    void join(2);
    await nextTurn();
    await outcome;
    expect(went).toEqual([2]);
  });

  test('is overdue when whoever is left after a batch has waited more than 100 ms, and no longer when nobody is', async () => {
    const { clock, queue, join, nextTurn, nextBatch } = queueByHand();
    for (let name = 0; name < 129; name += 1) void join(name);
    clock.advance(100);
    await nextTurn();
    expect(queue.overdue).toBe(false);
    clock.advance(1);
    await nextBatch();
    expect(queue.overdue).toBe(true);
    await nextBatch();
    expect(queue.overdue).toBe(false);
  });

  test('is not overdue after a pause of the process, whoever came before it and whoever came after', async () => {
    const { clock, queue, join, nextTurn } = queueByHand();
    for (let name = 0; name < 64; name += 1) void join(name);
    clock.advance(60_000);
    for (let name = 64; name < 500; name += 1) void join(name);
    await nextTurn();
    expect(queue.overdue).toBe(false);
  });
});
