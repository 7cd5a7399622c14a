import type { Expression } from './expression.ts';

/** What a token may make of its claims at most: the steps that it takes to compare all of that with something else. */
export const CLAIMS = 3000;
/** The same of every other attribute, labels of an issuer among them. */
const OTHERS = 500;
/** Characters, or bytes, that are compared in one step. */
const CHARACTERS = 4;
/** What is joined is looked through as parts of parts. */
const JOINED = 1.1;

/** How large what the variables of macros stand for may be, by their names. */
export type Sizes = Readonly<Record<string, number>>;

/**
 * How large a value can be whatever the attributes, in the steps that it takes to go through all of it: what is put together
 * of others, by a list or by `+`, is as large as all of them, however short it is to write.
 */
export function sizeOf(expression: Expression, variables: Sizes): number {
  const size = (one: Expression | undefined) => (one === undefined ? 0 : sizeOf(one, variables));
  const all = (some: readonly Expression[]) => some.reduce((sum, one) => sum + size(one), 1);
  switch (expression.kind) {
    case 'literal':
      return 1 + lengthOf(expression.value) / CHARACTERS;
    case 'name':
      if (Object.hasOwn(variables, expression.name)) return variables[expression.name] ?? CLAIMS;
      return expression.name === 'identity' ? CLAIMS : OTHERS;
    case 'field':
      if (expression.tested) return 1;
      return isText(expression, variables) ? OTHERS : size(expression.of);
    case 'list':
      return all(expression.items);
    case 'map':
      return all(expression.keys) + all(expression.values);
    case 'call': {
      const [first, second, third] = expression.args;
      if (expression.name === '_+_') return (size(first) + size(second)) * JOINED;
      if (expression.name === '_?_:_') return Math.max(size(second), size(third));
      return ['_[_]', 'string'].includes(expression.name) ? size(first) : 1;
    }
    case 'macro':
      return 1;
    default:
      return expression satisfies never;
  }
}

/** Of a text or of bytes that are written out. */
function lengthOf(value: unknown): number {
  return typeof value === 'string' || value instanceof Uint8Array ? value.length : 0;
}

/** An attribute of the identity that is no claim. */
function isText({ of, name }: Extract<Expression, { kind: 'field' }>, variables: Sizes): boolean {
  return of.kind === 'name' && of.name === 'identity' && name !== 'claims' && !Object.hasOwn(variables, of.name);
}
