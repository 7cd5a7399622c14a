import { type Expression, partsOf, textOf } from './expression.ts';

/** A step is what it takes to look at one name or to compare two short values, about half a microsecond. */
export const MAX_COST = 50_000;
/** Items that a macro walks through at most; asked of a longer list, the condition is an error. */
export const MAX_ITEMS = 100;
/** Characters that a pattern is held against at most, likewise. */
export const MAX_MATCHED = 1024;

/** What one call costs beyond a step, where what it works on is as long as a token can make it. */
const CALLS: Readonly<Record<string, number>> = {
  '_+_': 50,
  contains: 50,
  startsWith: 10,
  endsWith: 10,
  size: 200,
  int: 10,
  string: 10,
};
/** Comparing two claims, or looking through one, goes through all that a token holds. */
const THROUGH_CLAIMS = 500;
const IN_A_ZONE = 20;
const PER_INSTRUCTION = 100;

/**
 * The most steps that asking a condition can take, whatever the attributes; `instructionsOf` says how long the program of
 * a pattern is.
 */
export function costOf(expression: Expression, instructionsOf: (pattern: string) => number): number {
  const cost = (one: Expression) => costOf(one, instructionsOf);
  if (expression.kind === 'macro') {
    const { over, body } = expression;
    return 1 + cost(over) + itemsOf(over) * (3 + cost(body));
  }
  const parts = partsOf(expression).reduce((sum, part) => sum + cost(part), 1);
  return expression.kind === 'call' ? parts + callCost(expression, instructionsOf) : parts;
}

function itemsOf(over: Expression): number {
  return over.kind === 'list' ? over.items.length : MAX_ITEMS;
}

function callCost(
  { name, args }: Extract<Expression, { kind: 'call' }>,
  instructionsOf: (pattern: string) => number,
): number {
  const [first, second] = args;
  switch (name) {
    case '_==_':
    case '_!=_':
      return first?.kind === 'literal' || second?.kind === 'literal' ? 0 : THROUGH_CLAIMS;
    case '@in':
      return second?.kind === 'list' && first?.kind !== 'list' ? second.items.length : THROUGH_CLAIMS;
    case 'matches':
      return instructionsOf(textOf(first) ?? '') * PER_INSTRUCTION;
    default:
      return name.startsWith('get') && args.length > 0 ? IN_A_ZONE : (CALLS[name] ?? 0);
  }
}
