import { describe, expect, test } from 'vitest';
import { Breaker } from '../../src/outbound/breaker.ts';
import { FakeClock } from '../support/fake-clock.ts';

function opened(): { breaker: Breaker; clock: FakeClock } {
  const clock = new FakeClock();
  const breaker = new Breaker(clock);
  for (let n = 0; n < 5; n += 1) breaker.failed();
  return { breaker, clock };
}

describe('a breaker', () => {
  test('lets everything through until five failures in a row', () => {
    const breaker = new Breaker(new FakeClock());
    for (let n = 0; n < 4; n += 1) breaker.failed();
    expect(breaker.admit()).toBe(true);
    breaker.failed();
    expect(breaker.admit()).toBe(false);
  });

  test('forgets failures at the first success', () => {
    const breaker = new Breaker(new FakeClock());
    for (let n = 0; n < 4; n += 1) breaker.failed();
    breaker.succeeded();
    breaker.failed();
    expect(breaker.admit()).toBe(true);
  });

  test('lets one probe through after ten seconds and waits for its outcome', () => {
    const { breaker, clock } = opened();
    clock.advance(9_999);
    expect(breaker.admit()).toBe(false);
    clock.advance(1);
    expect([breaker.admit(), breaker.admit()]).toEqual([true, false]);
  });

  test('closes after a probe that succeeded', () => {
    const { breaker, clock } = opened();
    clock.advance(10_000);
    breaker.admit();
    breaker.succeeded();
    expect([breaker.admit(), breaker.admit()]).toEqual([true, true]);
  });

  test('stays open for ten more seconds after a probe that failed', () => {
    const { breaker, clock } = opened();
    clock.advance(10_000);
    breaker.admit();
    breaker.failed();
    clock.advance(9_999);
    expect(breaker.admit()).toBe(false);
    clock.advance(1);
    expect(breaker.admit()).toBe(true);
  });

  test('does not stay open for an hour because the clock was set back by one', () => {
    const { breaker, clock } = opened();
    clock.advance(-3_600_000);
    expect(breaker.admit()).toBe(true);
  });
});
