import { parse as parseCel } from '@bufbuild/cel';
import { isJsonObject } from '../../core/json.ts';
import type { ConditionFault } from './condition.ts';
import type { Expression, LiteralType } from './expression.ts';
import { MAX_DEPTH } from './shape.ts';

/** `cel.expr.Expr` of the CEL specification, as the package parses it: macros are expanded. */
export type Parsed = ReturnType<typeof parseCel>['expr'];
type Kind<K extends Parsed['exprKind']['case']> = Extract<Parsed['exprKind'], { case: K }>['value'];

/** Stands around what a macro walks through, and refuses what has too many items. */
export const BOUNDED = '@bounded';

export type Parse =
  /** In `parsed` every macro over something that is not written out walks through `BOUNDED` of it. */
  | { readonly ok: true; readonly expression: Expression; readonly parsed: Parsed }
  | { readonly ok: false; readonly fault: ConditionFault };

const LITERALS: Readonly<Record<string, LiteralType>> = {
  boolValue: 'bool',
  int64Value: 'int',
  uint64Value: 'uint',
  doubleValue: 'double',
  stringValue: 'string',
  bytesValue: 'bytes',
  nullValue: 'null',
};
const MIN_INT = -(2n ** 63n);
const MAX_INT = 2n ** 63n - 1n;
const MAX_UINT = 2n ** 64n - 1n;

class ParseFault extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

/** Parses CEL. The text has to be of a legal length and nesting already. */
export function parse(text: string): Parse {
  try {
    const { expr, sourceInfo } = parseCel(text);
    const reading = new Reading(text, sourceInfo?.positions ?? {}, sourceInfo?.macroCalls ?? {});
    return { ok: true, expression: reading.of(expr, 1), parsed: expr };
  } catch (thrown) {
    return { ok: false, fault: faultOf(thrown, text) };
  }
}

/** One parsed text as an Expression. */
class Reading {
  readonly #text: string;
  readonly #positions: Readonly<Record<string, number>>;
  readonly #macros: Readonly<Record<string, Parsed>>;

  constructor(text: string, positions: Readonly<Record<string, number>>, macros: Readonly<Record<string, Parsed>>) {
    this.#text = text;
    this.#positions = positions;
    this.#macros = macros;
  }

  of(parsed: Parsed | undefined, depth: number): Expression {
    if (parsed === undefined) throw new ParseFault(0, 'is not complete');
    const offset = this.#positions[parsed.id.toString()] ?? 0;
    if (depth > MAX_DEPTH) throw new ParseFault(offset, `stands more than ${MAX_DEPTH} deep in others`);
    const { exprKind } = parsed;
    const inner = (one: Parsed | undefined) => this.of(one, depth + 1);
    switch (exprKind.case) {
      case 'constExpr':
        return literal(offset, exprKind.value);
      case 'identExpr':
        return { kind: 'name', offset, name: exprKind.value.name };
      case 'selectExpr': {
        const { operand, field, testOnly } = exprKind.value;
        return { kind: 'field', offset: this.#nameAfter(offset), of: inner(operand), name: field, tested: testOnly };
      }
      case 'callExpr': {
        const { function: name, target, args } = exprKind.value;
        const common = { kind: 'call' as const, offset, name, args: args.map(inner) };
        return target === undefined ? common : { ...common, target: inner(target) };
      }
      case 'listExpr':
        return { kind: 'list', offset, items: exprKind.value.elements.map(inner) };
      case 'structExpr':
        return this.#map(offset, exprKind.value, inner);
      case 'comprehensionExpr':
        return this.#macro(parsed, exprKind.value, inner);
      default:
        throw new ParseFault(offset, 'is not an expression');
    }
  }

  #map(offset: number, { messageName, entries }: Kind<'structExpr'>, inner: (one?: Parsed) => Expression): Expression {
    if (messageName !== '') throw new ParseFault(offset, `there is no type ${messageName}`);
    const keys = entries.map(({ keyKind }) => inner(keyKind.case === 'mapKey' ? keyKind.value : undefined));
    return { kind: 'map', offset, keys, values: entries.map(({ value }) => inner(value)) };
  }

  #macro(parsed: Parsed, fold: Kind<'comprehensionExpr'>, inner: (one?: Parsed) => Expression): Expression {
    const id = parsed.id.toString();
    const call = this.#macros[id]?.exprKind;
    const name = call?.case === 'callExpr' ? call.value.function : '';
    const step = fold.loopStep?.exprKind;
    const args = step?.case === 'callExpr' ? step.value.args : [];
    // exists_one counts where its test holds; the others join it to what they have so far.
    const body = step?.case === 'callExpr' && step.value.function === '_?_:_' ? args[0] : args[1];
    const offset = this.#nameAfter(this.#positions[id] ?? 0);
    const common = { kind: 'macro' as const, offset, name: name === 'existsOne' ? 'exists_one' : name };
    const whole = { ...common, over: inner(fold.iterRange), variable: fold.iterVar, body: inner(body) };
    if (fold.iterRange !== undefined && whole.over.kind !== 'list') fold.iterRange = bounded(fold.iterRange);
    return whole;
  }

  /** The package gives the place of the dot. */
  #nameAfter(offset: number): number {
    const dot = /\.\s*/y;
    dot.lastIndex = offset;
    return dot.test(this.#text) ? dot.lastIndex : offset;
  }
}

function bounded(range: Parsed): Parsed {
  const call = { $typeName: 'cel.expr.Expr.Call' as const, function: BOUNDED, args: [range] };
  return { $typeName: 'cel.expr.Expr', id: range.id, exprKind: { case: 'callExpr', value: call } };
}

function literal(offset: number, { constantKind }: Kind<'constExpr'>): Expression {
  const type = LITERALS[constantKind.case ?? ''];
  const { value } = constantKind;
  if (type === undefined) throw new ParseFault(offset, 'is not a value');
  const [least, most] = type === 'uint' ? [0n, MAX_UINT] : [MIN_INT, MAX_INT];
  if (typeof value === 'bigint' && (value < least || value > most)) {
    throw new ParseFault(offset, 'is not an integer of 64 bits');
  }
  return { kind: 'literal', offset, type, value };
}

function faultOf(thrown: unknown, text: string): ConditionFault {
  if (thrown instanceof ParseFault) return { offset: thrown.offset, message: thrown.message };
  if (thrown instanceof RangeError && /stack/.test(thrown.message)) {
    return { offset: 0, message: `stands more than ${MAX_DEPTH} deep in others` };
  }
  const offset = offsetIn(thrown);
  const found = text.charAt(offset);
  const message = found === '' ? 'ends too early' : `cannot be read on from ${JSON.stringify(found)}`;
  return { offset, message, hint: 'it is an expression of CEL, such as identity.namespace == "payments"' };
}

/** The place that the package's own error names. */
function offsetIn(thrown: unknown): number {
  const location: unknown = thrown instanceof Error && 'location' in thrown ? thrown.location : undefined;
  const start = isJsonObject(location) ? location['start'] : undefined;
  const offset = isJsonObject(start) ? start['offset'] : undefined;
  return typeof offset === 'number' ? offset : 0;
}
