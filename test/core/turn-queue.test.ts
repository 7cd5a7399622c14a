import { describe, expect, test } from 'vitest';
import { TurnQueue } from '../../src/core/turn-queue.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** A queue whose turns of the event loop are made by hand, of a process that has nothing to do while time passes. */
function queueByHand({ mayWaitWhenBusy = 128 } = {}) {
  const clock = new FakeClock();
  const deferred: (() => void)[] = [];
  let connections = 0;
  let paused = 0;
  const queue = new TurnQueue({
    clock,
    defer: (drain) => deferred.push(drain),
    idle: () => clock.now() - paused,
    connections: () => connections,
    batch: 64,
    batchWhenBusy: 16,
    mayWait: 128,
    mayWaitWhenBusy,
  });
  const went: number[] = [];
  const join = (name: number) => queue.turn().then(() => went.push(name));
  /** Runs what was put off until now, and lets promises settle. */
  const nextTurn = async () => {
    for (const drain of deferred.splice(0)) drain();
    await new Promise<void>((resolve) => setImmediate(resolve));
  };
  /** A turn in which a connection is accepted, as many times over. */
  const connectingTurns = async (times: number) => {
    for (let turn = 0; turn < times; turn += 1) {
      connections += 1;
      await nextTurn();
    }
  };
  /** The process gets no processor for so long. */
  const pause = (ms: number) => {
    paused += ms;
    clock.advance(ms);
  };
  return { clock, queue, deferred, went, join, nextTurn, connectingTurns, pause };
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

  test('lets 64 go on in one turn and the next in the turn after it', async () => {
    const { went, join, nextTurn, deferred } = queueByHand();
    for (let name = 0; name < 130; name += 1) void join(name);
    const lengths: number[] = [];
    while (deferred.length > 0) {
      expect(deferred).toHaveLength(1);
      await nextTurn();
      lengths.push(went.length);
    }
    expect(lengths).toEqual([64, 128, 130]);
    expect(went).toEqual(went.toSorted((a, b) => a - b));
  });

  test('waits for turns that bring a connection, and for 256 of them at most', async () => {
    const { went, join, nextTurn, connectingTurns, deferred } = queueByHand();
    for (let name = 0; name < 3; name += 1) void join(name);
    await connectingTurns(255);
    expect(went).toHaveLength(0);
    await connectingTurns(1);
    expect(went).toHaveLength(3);
    expect(deferred).toHaveLength(0);
    for (let name = 0; name < 130; name += 1) void join(name);
    await connectingTurns(200);
    expect(went).toHaveLength(3);
    await nextTurn();
    expect(went).toHaveLength(67);
    await connectingTurns(255);
    expect(went).toHaveLength(67);
    await connectingTurns(1);
    expect(went).toHaveLength(131);
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

  /** 300 wait, and those behind the first 128 have waited too long. */
  async function busyQueue(options?: Parameters<typeof queueByHand>[0]) {
    const made = queueByHand(options);
    for (let name = 0; name < 300; name += 1) void made.join(name);
    made.clock.advance(51);
    await made.nextTurn();
    return made;
  }

  test('is overdue when whoever comes after the first 128 has waited more than 50 ms, and not before', async () => {
    const { clock, queue, join, nextTurn } = queueByHand();
    for (let name = 0; name < 300; name += 1) void join(name);
    clock.advance(50);
    await nextTurn();
    expect(queue.overdue).toBe(false);
    expect((await busyQueue()).queue.overdue).toBe(true);
  });

  test('is not overdue for 128 who wait, however long', async () => {
    const { clock, queue, join, nextTurn } = queueByHand();
    for (let name = 0; name < 128; name += 1) void join(name);
    clock.advance(60_000);
    await nextTurn();
    for (let name = 0; name < 64; name += 1) void join(name);
    expect(queue.overdue).toBe(false);
  });

  test('lets 128 wait from then on, until the queue has not been full for a second', async () => {
    const { clock, queue, join, nextTurn, deferred } = await busyQueue();
    while (deferred.length > 0) await nextTurn();
    for (let name = 0; name < 127; name += 1) void join(name);
    expect(queue.overdue).toBe(false);
    void join(127);
    expect(queue.overdue).toBe(true);
    clock.advance(999);
    await nextTurn();
    for (let name = 0; name < 64; name += 1) void join(name);
    clock.advance(999);
    expect(queue.overdue).toBe(true);
    for (let batch = 0; batch < 2; batch += 1) await nextTurn();
    clock.advance(1000);
    for (let name = 0; name < 300; name += 1) void join(name);
    expect(queue.overdue).toBe(false);
  });

  test('lets fewer wait from then on than had to wait for it', async () => {
    const { queue, join, nextTurn, deferred } = await busyQueue({ mayWaitWhenBusy: 48 });
    expect(queue.overdue).toBe(true);
    while (deferred.length > 0) await nextTurn();
    for (let name = 0; name < 47; name += 1) void join(name);
    expect(queue.overdue).toBe(false);
    void join(47);
    expect(queue.overdue).toBe(true);
    const calm = queueByHand({ mayWaitWhenBusy: 48 });
    for (let name = 0; name < 300; name += 1) void calm.join(name);
    expect(calm.queue.overdue).toBe(false);
  });

  test('serves a burst of more than 128 once nobody has waited for 50 ms, and refuses in part what comes sooner', async () => {
    const { clock, queue, join, nextTurn, deferred } = await busyQueue();
    while (deferred.length > 0) await nextTurn();
    clock.advance(50);
    for (let name = 0; name < 200; name += 1) void join(name);
    expect(queue.overdue).toBe(true);
    while (deferred.length > 0) await nextTurn();
    clock.advance(51);
    for (let name = 0; name < 200; name += 1) void join(name);
    expect(queue.overdue).toBe(false);
  });

  /** Three gusts that fill it, 20 ms with nothing to do before each; the first two wait for so long. */
  async function afterGusts(waits: readonly [number, number]): Promise<boolean> {
    const { clock, queue, join, nextTurn, deferred, pause } = await busyQueue();
    for (const wait of [...waits, 0]) {
      while (deferred.length > 0) await nextTurn();
      clock.advance(20);
      for (let name = 0; name < 128; name += 1) void join(name);
      pause(wait);
    }
    return queue.overdue;
  }

  test('serves gusts that fill it when there was nothing to do for 50 ms in all', async () => {
    expect(await afterGusts([0, 0])).toBe(false);
  });

  test('refuses gusts in part when it took longer than a second to have nothing to do for so long', async () => {
    expect(await afterGusts([600, 400])).toBe(true);
  });

  test('refuses in part, too, what comes after a pause in which the process was not idle', async () => {
    const { queue, join, nextTurn, deferred, pause } = await busyQueue();
    while (deferred.length > 0) await nextTurn();
    pause(500);
    for (let name = 0; name < 200; name += 1) void join(name);
    expect(queue.overdue).toBe(true);
  });

  test('is not overdue by a clock that was set back since', async () => {
    const { clock, queue } = await busyQueue();
    expect(queue.overdue).toBe(true);
    clock.advance(-3_600_000);
    expect(queue.overdue).toBe(false);
  });

  test('waits for up to 512 connections while newcomers are refused', async () => {
    const { went, connectingTurns } = await busyQueue();
    expect(went).toHaveLength(16);
    await connectingTurns(511);
    expect(went).toHaveLength(16);
    await connectingTurns(1);
    expect(went).toHaveLength(32);
  });

  test('lets 16 go on in a turn while newcomers are refused, and 64 again a second after that', async () => {
    const { clock, went, nextTurn } = await busyQueue();
    for (let batch = 0; batch < 11; batch += 1) await nextTurn();
    expect(went).toHaveLength(192);
    clock.advance(1000);
    await nextTurn();
    expect(went).toHaveLength(256);
  });

  test('is overdue as soon as it shows, while the next batch still waits for connections', async () => {
    const { clock, queue, went, join, connectingTurns } = queueByHand();
    for (let name = 0; name < 300; name += 1) void join(name);
    await connectingTurns(1);
    clock.advance(50);
    await connectingTurns(1);
    expect(queue.overdue).toBe(false);
    clock.advance(1);
    await connectingTurns(1);
    expect(queue.overdue).toBe(true);
    expect(went).toHaveLength(0);
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
