import { describe, expect, test, vi } from 'vitest';
import { type Admission, IdentityRate } from '../../src/exchange/identity-rate.ts';
import type { Cache } from '../../src/store/cache.ts';
import { MemoryCache } from '../../src/store/memory-cache.ts';
import { FakeClock } from '../support/fake-clock.ts';

const RATE = { perSecond: 10, burst: 100 };
const POD = { issuer: 'prod-eu', subject: 'system:serviceaccount:payments:reporter' };

function admitted(rate: IdentityRate, times: number, identity = POD): number {
  return Array.from({ length: times }, () => rate.admit(identity)).filter((one) => one.admitted).length;
}

function refusal(rate: IdentityRate): Extract<Admission, { admitted: false }> {
  const one = rate.admit(POD);
  if (one.admitted) throw new Error('it was admitted');
  return one;
}

describe('IdentityRate', () => {
  test('admits a burst, then what its rate gives, and says when to come back (E10)', () => {
    const clock = new FakeClock();
    const rate = new IdentityRate({ clock, rate: { perSecond: 0.5, burst: 3 } });
    expect(admitted(rate, 10)).toBe(3);
    expect(refusal(rate).retryAfterSeconds).toBe(2);
    clock.advance(2000);
    expect(admitted(rate, 10)).toBe(1);
  });

  test('gives each identity its own room: issuer and subject together, neither alone', () => {
    const rate = new IdentityRate({ clock: new FakeClock(), rate: RATE });
    expect(admitted(rate, 101)).toBe(100);
    expect(admitted(rate, 101, { ...POD, subject: 'system:serviceaccount:payments:other' })).toBe(100);
    expect(admitted(rate, 101, { ...POD, issuer: 'prod-us' })).toBe(100);
    expect(admitted(rate, 101, { issuer: 'prod-e', subject: `u${POD.subject}` })).toBe(100);
  });

  test('lets a Deployment of 500 pods start at once, by default', () => {
    const rate = new IdentityRate({ clock: new FakeClock() });
    expect(admitted(rate, 600)).toBe(500);
  });

  test('calls a refusal worth a record once a minute, so that nobody fills the log by asking too often', () => {
    const clock = new FakeClock();
    const rate = new IdentityRate({ clock, rate: { perSecond: 0.001, burst: 1 } });
    rate.admit(POD);
    expect([refusal(rate).worthRecord, refusal(rate).worthRecord]).toEqual([true, false]);
    clock.advance(59_999);
    expect(refusal(rate).worthRecord).toBe(false);
    clock.advance(1);
    expect([refusal(rate).worthRecord, refusal(rate).worthRecord]).toEqual([true, false]);
  });

  test('forgets who has been quiet longest when there are too many, to their advantage', () => {
    const rate = new IdentityRate({ clock: new FakeClock(), rate: RATE, maxIdentities: 2 });
    admitted(rate, 100);
    for (const subject of ['a', 'b']) rate.admit({ ...POD, subject });
    expect(admitted(rate, 1)).toBe(1);
  });
});

describe('IdentityRate of several replicas', () => {
  /** Replicas on one cache, and every command that reached it. */
  function replicas(count: number, clock = new FakeClock()) {
    const memory = new MemoryCache({ clock });
    const commands: [string, number, number][] = [];
    const shared: Pick<Cache, 'add'> = {
      add: (...command) => {
        commands.push(command);
        return memory.add(...command);
      },
    };
    const all = Array.from({ length: count }, () => new IdentityRate({ clock, shared, rate: RATE }));
    const reconcile = async () => {
      for (const one of all) await one.reconcile();
    };
    return { all, commands, clock, reconcile };
  }

  test('sends no command while a request is served, and none for who asks seldom', async () => {
    const { all, commands, reconcile } = replicas(1);
    const [one] = all;
    if (one) admitted(one, 9);
    await reconcile();
    expect(commands).toEqual([]);
    if (one) admitted(one, 1);
    expect(commands).toEqual([]);
    await reconcile();
    await reconcile();
    expect(commands).toEqual([[expect.stringMatching(/^rate:[0-9]+:[A-Za-z0-9_-]{43}$/), 10, expect.any(Number)]]);
  });

  test('charges each what the others have spent, once', async () => {
    const { all, reconcile } = replicas(2);
    const [one, other] = all;
    if (one === undefined || other === undefined) throw new Error('two replicas');
    admitted(one, 40);
    admitted(other, 20);
    await reconcile();
    for (let again = 0; again < 3; again += 1) {
      admitted(one, 5);
      await reconcile();
    }
    expect(admitted(one, 100)).toBe(100 - 40 - 15 - 20);
    expect(admitted(other, 100)).toBe(100 - 20 - 40);
  });

  test('holds an identity that asks three replicas as often as it can to about one allowance', async () => {
    const { all, clock, reconcile } = replicas(3);
    let total = 0;
    for (let second = 0; second < 60; second += 1) {
      for (let part = 0; part < 10; part += 1) {
        for (const one of all) total += admitted(one, 5);
        clock.advance(100);
      }
      await reconcile();
    }
    // Three times the burst before the first reconciling, then 10 a second, with some slack where windows change.
    expect(total).toBeLessThan(300 + 60 * 10 * 1.5);
    expect(total).toBeGreaterThan(600);
  });

  test('goes on by itself while the cache is dead, and tells what it has spent once it is back', async () => {
    const clock = new FakeClock();
    const amounts: number[] = [];
    let dead = true;
    const add = async (_: string, amount: number) => {
      amounts.push(amount);
      return dead ? ('unavailable' as const) : amount;
    };
    const rate = new IdentityRate({ clock, shared: { add }, rate: RATE });
    expect(admitted(rate, 50)).toBe(50);
    await rate.reconcile();
    expect(admitted(rate, 60)).toBe(50);
    dead = false;
    await rate.reconcile();
    expect(amounts).toEqual([50, 100]);
  });

  test('is slowed and not stopped by a cache that lies (V15)', async () => {
    const clock = new FakeClock();
    const add = async () => Number.MAX_SAFE_INTEGER;
    const rate = new IdentityRate({ clock, shared: { add }, rate: RATE });
    let total = 0;
    for (let second = 0; second < 60; second += 1) {
      total += admitted(rate, 20);
      await rate.reconcile();
      clock.advance(1000);
    }
    expect(total).toBeGreaterThan(30);
  });

  test('does not charge the sum of a window that has ended meanwhile', async () => {
    const clock = new FakeClock();
    const { promise, resolve } = Promise.withResolvers<number>();
    const amounts: number[] = [];
    const add = async (_: string, amount: number) => (amounts.push(amount) === 1 ? promise : amount);
    const rate = new IdentityRate({ clock, shared: { add }, rate: RATE });
    admitted(rate, 20);
    const late = rate.reconcile();
    clock.advance(10_000);
    admitted(rate, 30);
    resolve(1000);
    await late;
    await rate.reconcile();
    expect(amounts).toEqual([20, 30]);
    expect(admitted(rate, 100)).toBe(70);
  });

  test('believes no sum that is smaller than its own, and does not run twice at once', async () => {
    let calls = 0;
    const { promise, resolve } = Promise.withResolvers<number>();
    const add = () => {
      calls += 1;
      return promise;
    };
    const rate = new IdentityRate({ clock: new FakeClock(), shared: { add }, rate: RATE });
    admitted(rate, 20);
    const first = rate.reconcile();
    admitted(rate, 20);
    await rate.reconcile();
    expect(calls).toBe(1);
    resolve(-1_000_000);
    await first;
    expect(admitted(rate, 100)).toBe(60);
  });
});

describe('IdentityRate.start', () => {
  test('reconciles every second until it is stopped', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const amounts: number[] = [];
      const add = async (_: string, amount: number) => amounts.push(amount);
      const rate = new IdentityRate({ clock: new FakeClock(), shared: { add }, rate: RATE });
      const stop = rate.start();
      admitted(rate, 20);
      vi.advanceTimersByTime(999);
      expect(amounts).toEqual([]);
      vi.advanceTimersByTime(1);
      expect(amounts).toEqual([20]);
      stop();
      admitted(rate, 20);
      vi.advanceTimersByTime(10_000);
      expect(amounts).toEqual([20]);
    } finally {
      vi.useRealTimers();
    }
  });
});
