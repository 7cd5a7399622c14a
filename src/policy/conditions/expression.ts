/** A condition as it is written, macros not expanded. Offsets are UTF-16 units from the start of the text. */
export type Expression = { readonly offset: number } & (
  | { readonly kind: 'literal'; readonly type: LiteralType; readonly value: unknown }
  | { readonly kind: 'name'; readonly name: string }
  /** `of.name`; with `tested` it is `has(of.name)`. */
  | { readonly kind: 'field'; readonly of: Expression; readonly name: string; readonly tested: boolean }
  | CallExpression
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
  | { readonly kind: 'map'; readonly keys: readonly Expression[]; readonly values: readonly Expression[] }
  /** `over.name(variable, body)`. */
  | {
      readonly kind: 'macro';
      readonly name: string;
      readonly over: Expression;
      readonly variable: string;
      readonly body: Expression;
    }
);

export type LiteralType = 'bool' | 'int' | 'uint' | 'double' | 'string' | 'bytes' | 'null';

/** A function, a method of `target`, or an operator under its name in CEL: `_&&_`, `@in`, `_[_]`. */
export interface CallExpression {
  readonly offset: number;
  readonly kind: 'call';
  readonly name: string;
  readonly target?: Expression;
  readonly args: readonly Expression[];
}

/** What stands directly under an expression, in the order of the text. */
export function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'literal':
    case 'name':
      return [];
    case 'field':
      return [expression.of];
    case 'call':
      return expression.target === undefined ? expression.args : [expression.target, ...expression.args];
    case 'list':
      return expression.items;
    case 'map':
      return expression.keys.flatMap((key, at) => [key, ...expression.values.slice(at, at + 1)]);
    case 'macro':
      return [expression.over, expression.body];
    default:
      return expression satisfies never;
  }
}

/** The text of a text literal, undefined for everything else. */
export function textOf(expression: Expression | undefined): string | undefined {
  if (expression?.kind !== 'literal' || typeof expression.value !== 'string') return undefined;
  return expression.value;
}
