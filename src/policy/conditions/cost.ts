import { type Expression, partsOf, textOf } from './expression.ts';
import { SHORT } from './holds.ts';
import { CLAIMS, type Sizes, sizeOf } from './value-size.ts';

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
  '_<_': 5,
  '_<=_': 5,
  '_>_': 5,
  '_>=_': 5,
};
/** What is written out is told from each item of a list at once. */
const WRITTEN_OUT = 0.5;
/** Looking for a text that is long, or may be. */
const LONG_PART = 200;
const IN_A_ZONE = 20;
const PER_INSTRUCTION = 100;

type InstructionsOf = (pattern: string) => number;

/**
 * The most steps that asking a condition can take, whatever the attributes; `instructionsOf` says how long the program of
 * a pattern is.
 */
export function costOf(expression: Expression, instructionsOf: InstructionsOf, variables: Sizes = {}): number {
  const cost = (one: Expression) => costOf(one, instructionsOf, variables);
  if (expression.kind === 'macro') {
    const { over, variable, body } = expression;
    const inner = { ...variables, [variable]: sizeOf(over, variables) };
    return 1 + cost(over) + itemsOf(over) * (3 + costOf(body, instructionsOf, inner));
  }
  const parts = partsOf(expression).reduce((sum, part) => sum + cost(part), 1);
  return expression.kind === 'call' ? parts + callCost(expression, instructionsOf, variables) : parts;
}

function itemsOf(over: Expression): number {
  return over.kind === 'list' ? over.items.length : MAX_ITEMS;
}

type Call = Extract<Expression, { kind: 'call' }>;

function callCost(call: Call, instructionsOf: InstructionsOf, variables: Sizes): number {
  const { name, args } = call;
  const [first, second] = args;
  switch (name) {
    case '_==_':
    case '_!=_':
      return comparing(first, second, variables);
    case '@in':
      return lookingIn(first, second, variables);
    case 'matches':
      return instructionsOf(textOf(first) ?? '') * PER_INSTRUCTION;
    default:
      if (name.startsWith('get') && args.length > 0) return IN_A_ZONE;
      return Math.ceil(priceOf(call) * Math.max(1, ...worksOn(call).map((one) => sizeOf(one, variables) / CLAIMS)));
  }
}

function priceOf({ name, args: [part] }: Call): number {
  const isLong = name === 'contains' && (textOf(part)?.length ?? Number.POSITIVE_INFINITY) > SHORT;
  return isLong ? LONG_PART : (CALLS[name] ?? 0);
}

/** What is as long as all that it joins. */
function worksOn(call: Call): readonly Expression[] {
  return call.name === '_+_' ? [call] : partsOf(call);
}

/** What is written out is short, or of another length. */
function comparing(one: Expression | undefined, other: Expression | undefined, variables: Sizes): number {
  if (one === undefined || other === undefined || one.kind === 'literal' || other.kind === 'literal') return 0;
  return Math.ceil(Math.max(sizeOf(one, variables), sizeOf(other, variables)));
}

function lookingIn(item: Expression | undefined, list: Expression | undefined, variables: Sizes): number {
  if (list?.kind === 'list') return list.items.reduce((sum, one) => sum + 1 + comparing(item, one, variables), 0);
  if (list === undefined || item?.kind !== 'literal') return comparing(item, list, variables);
  return Math.ceil(sizeOf(list, variables) * WRITTEN_OUT);
}
