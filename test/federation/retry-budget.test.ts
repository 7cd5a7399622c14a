import { describe, expect, test } from 'vitest';
import { RetryBudget } from '../../src/federation/retry-budget.ts';

/** Calls that all fail and would all be tried again: how many were. */
function retried(budget: RetryBudget, calls: number): number {
  let retries = 0;
  for (let call = 0; call < calls; call += 1) {
    budget.called();
    if (budget.spend()) retries += 1;
  }
  return retries;
}

describe('a retry budget', () => {
  test('lets ten calls of a target that fails be tried again at once', () => {
    expect(retried(new RetryBudget(), 10)).toBe(10);
  });

  test('and of many more only every tenth', () => {
    const budget = new RetryBudget();
    retried(budget, 10);
    expect(retried(budget, 1000)).toBe(100);
  });

  test('fills up by calls that needed none, and no further than it was', () => {
    const budget = new RetryBudget();
    retried(budget, 10);
    for (let call = 0; call < 10_000; call += 1) budget.called();
    expect(Array.from({ length: 20 }, () => budget.spend()).filter((spent) => spent)).toHaveLength(10);
  });
});
