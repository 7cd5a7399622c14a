import type { Condition, Conditions } from '../conditions/condition.ts';

type Joint = '&&' | '||';

/**
 * Whether a condition is `(<former>) && (...)` to the letter, or with `||`: true, or false, only where the former is.
 * What is joined on has to be a condition by itself, so that no bracket of it can close one of these.
 */
export function isJoined(before: Condition, joint: Joint, after: Condition, conditions: Conditions): boolean {
  const [head, tail] = [`(${before.whole}) ${joint} (`, ')'];
  if (!after.whole.startsWith(head) || !after.whole.endsWith(tail)) return false;
  return conditions.compile(after.whole.slice(head.length, -tail.length)).ok;
}
