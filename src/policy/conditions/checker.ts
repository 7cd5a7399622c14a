import { nearestName } from '../../resources/nearest-name.ts';
import type { ConditionFault } from './condition.ts';
import { type CallExpression, type Expression, textOf } from './expression.ts';
import { FUNCTIONS, type LiteralKind, type Overload } from './functions.ts';
import { fits, isRecord, type Type, typeText } from './types.ts';
import { VARIABLES } from './variables.ts';

export interface Checked {
  readonly faults: readonly ConditionFault[];
  /** Paths of the attributes that it reads: `identity.pod`, `issuer.labels.env`. */
  readonly reads: ReadonlySet<string>;
}

/** Why a text is not what a function needs, undefined where it is. */
export type LiteralCheck = (kind: LiteralKind, text: string) => string | undefined;

type Scope = Readonly<Record<string, Type>>;
type Call = CallExpression;

/** Macros over lists and the keys of maps, each of which is true or false. */
const MACROS = ['exists', 'all', 'exists_one'];
const OPERATORS: Readonly<Record<string, string>> = { '@in': 'in', '_[_]': '[]', '_?_:_': '?:' };

/**
 * Holds a condition against the variables and functions that there are: what it finds would be an error each time it is
 * asked, or is something that Carnet does not offer. A condition without a fault is true or false unless an attribute is
 * missing or a claim is of another type than it is used as.
 */
export function check(expression: Expression, literalFault: LiteralCheck): Checked {
  const checker = new Checker(literalFault);
  const type = checker.typeOf(expression, VARIABLES);
  if (checker.faults.length === 0 && type !== 'bool') {
    const hint = type === 'dyn' ? 'a claim may be of any type: compare it with a value' : undefined;
    checker.fault(expression.offset, `must be true or false, and is ${typeText(type)}`, hint);
  }
  return { faults: checker.faults, reads: checker.reads };
}

class Checker {
  readonly faults: ConditionFault[] = [];
  readonly reads = new Set<string>();
  readonly #literalFault: LiteralCheck;

  constructor(literalFault: LiteralCheck) {
    this.#literalFault = literalFault;
  }

  /** Faulty parts are dynamic, so that one mistake is one fault. */
  fault(offset: number, message: string, hint?: string): Type {
    this.faults.push({ offset, message, ...(hint !== undefined && { hint }) });
    return 'dyn';
  }

  typeOf(expression: Expression, scope: Scope): Type {
    switch (expression.kind) {
      case 'literal':
        return expression.type;
      case 'name':
        return this.#name(expression, scope);
      case 'field':
        return this.#field(expression, scope);
      case 'call':
        return this.#call(expression, scope);
      case 'list':
        return { list: this.#common(expression.items, scope) };
      case 'map':
        return { key: this.#common(expression.keys, scope), value: this.#common(expression.values, scope) };
      case 'macro':
        return this.#macro(expression, scope);
      default:
        return expression satisfies never;
    }
  }

  #name({ offset, name }: Extract<Expression, { kind: 'name' }>, scope: Scope): Type {
    const type = own(scope, name);
    if (type !== undefined) return type;
    return this.fault(offset, `there is no variable ${name}`, meant(name, Object.keys(scope)));
  }

  #field(expression: Extract<Expression, { kind: 'field' }>, scope: Scope): Type {
    const { offset, of, name, tested } = expression;
    const type = this.typeOf(of, scope);
    this.#read(expression, scope);
    if (isRecord(type)) {
      const field = own(type.record, name);
      const known = Object.keys(type.record);
      if (field === undefined) return this.fault(offset, `has no field ${name}`, meant(name, known));
      if (!tested) return field;
      return this.fault(offset, `has(): ${name} is always there`, 'a text that the identity lacks is ""');
    }
    if (type !== 'dyn' && !(typeof type === 'object' && 'key' in type && fits('string', type.key))) {
      return this.fault(offset, `${typeText(type)} has no fields`);
    }
    if (tested) return 'bool';
    return type === 'dyn' ? 'dyn' : type.value;
  }

  /** Of `a.b.c` the whole path, and no longer its beginning. */
  #read(field: Extract<Expression, { kind: 'field' }>, scope: Scope): void {
    const path = pathOf(field, scope);
    if (path === undefined) return;
    this.reads.delete(path.slice(0, path.lastIndexOf('.')));
    this.reads.add(path);
  }

  #call(call: Call, scope: Scope): Type {
    const types = call.args.map((arg) => this.typeOf(arg, scope));
    const target = call.target && this.typeOf(call.target, scope);
    const [first = 'dyn', second = 'dyn', third = 'dyn'] = types;
    switch (call.name) {
      case '_&&_':
      case '_||_':
        return this.#logic(call, types);
      case '_==_':
      case '_!=_':
        return fits(first, second) ? 'bool' : this.#mismatch(call, types);
      case '@in':
        return fits(second, { list: first }) || fits(second, { key: first, value: 'dyn' })
          ? 'bool'
          : this.#mismatch(call, types);
      case '_[_]':
        return this.#index(call, first, second);
      case '_?_:_':
        if (!fits(first, 'bool') || !fits(second, third)) return this.#mismatch(call, types);
        return second === 'dyn' ? third : second;
      default:
        return this.#overloaded(call, types, target);
    }
  }

  /** The package gives the beginning of the whole as the place of these. */
  #logic({ name, offset, args }: Call, types: readonly Type[]): Type {
    const odd = types.findIndex((type) => !fits(type, 'bool'));
    if (odd < 0) return 'bool';
    const message = `${name.replaceAll('_', '')} needs what is true or false, and has ${typeText(types[odd] ?? 'dyn')}`;
    return this.fault(args[odd]?.offset ?? offset, message);
  }

  #index(call: Call, of: Type, key: Type): Type {
    if (of === 'dyn') return fits(key, 'dyn') ? 'dyn' : this.#mismatch(call, [of, key]);
    if (typeof of === 'object' && 'list' in of && fits(key, 'int')) return of.list;
    if (typeof of === 'object' && 'key' in of && fits(key, of.key)) return of.value;
    return this.#mismatch(call, [of, key]);
  }

  #overloaded(call: Call, types: readonly Type[], target: Type | undefined): Type {
    const { name, offset, args } = call;
    const overloads = FUNCTIONS.get(name);
    if (overloads === undefined) {
      const known = [...FUNCTIONS.keys(), ...MACROS, 'has'].filter((one) => /^\w+$/.test(one) && !one.startsWith('_'));
      return this.fault(offset, `there is no function ${name}()`, meant(name, known));
    }
    const fitting = overloads.filter((overload) => takes(overload, types, target));
    const [overload] = fitting;
    if (overload === undefined) return this.#mismatch(call, target === undefined ? types : [target, ...types]);
    if (overload.literal !== undefined) this.#literal(overload.literal, args.at(-1), offset);
    return fitting.every(({ result }) => result === overload.result) ? overload.result : 'dyn';
  }

  #literal(kind: LiteralKind, arg: Expression | undefined, offset: number): void {
    const text = textOf(arg);
    if (text === undefined) {
      this.fault(arg?.offset ?? offset, `the ${kind} must be written out as a text`, 'it is checked when it is loaded');
      return;
    }
    const why = this.#literalFault(kind, text);
    if (why !== undefined) this.fault(arg?.offset ?? offset, why);
  }

  #macro({ offset, name, over, variable, body }: Extract<Expression, { kind: 'macro' }>, scope: Scope): Type {
    if (!MACROS.includes(name)) {
      return this.fault(offset, `there is no function ${name}()`, `of the macros there are ${MACROS.join(', ')}`);
    }
    const type = this.typeOf(over, scope);
    const item = itemOf(type);
    if (item === undefined) return this.fault(offset, `${name}() needs a list or a map, and has ${typeText(type)}`);
    const test = this.typeOf(body, { ...scope, [variable]: item });
    if (fits(test, 'bool')) return 'bool';
    return this.fault(body.offset, `${name}() needs a test that is true or false, and has ${typeText(test)}`);
  }

  #common(expressions: readonly Expression[], scope: Scope): Type {
    const types = expressions.map((one) => this.typeOf(one, scope));
    const [first = 'dyn'] = types;
    const odd = types.findIndex((type) => !fits(type, first));
    if (odd < 0) return types.includes('dyn') ? 'dyn' : first;
    const message = `stands beside ${typeText(first)} and is ${typeText(types[odd] ?? 'dyn')}`;
    return this.fault(expressions[odd]?.offset ?? 0, message);
  }

  #mismatch({ name, offset }: Call, types: readonly Type[]): Type {
    const shown = OPERATORS[name] ?? (/^\w*[a-z]\w*$/.test(name) ? `${name}()` : name.replaceAll('_', ''));
    return this.fault(offset, `${shown} cannot be used with ${types.map(typeText).join(' and ') || 'nothing'}`);
  }
}

function takes(overload: Overload, types: readonly Type[], target: Type | undefined): boolean {
  if ((overload.target === undefined) !== (target === undefined) || overload.args.length !== types.length) return false;
  if (overload.target !== undefined && target !== undefined && !fits(target, overload.target)) return false;
  return types.every((type, at) => fits(type, overload.args[at] ?? 'dyn'));
}

function itemOf(type: Type): Type | undefined {
  if (type === 'dyn') return 'dyn';
  if (typeof type === 'string' || isRecord(type)) return undefined;
  return 'list' in type ? type.list : type.key;
}

/** `identity.claims.sub` for fields of variables, undefined where a macro's variable or a call is in between. */
function pathOf(expression: Expression, scope: Scope): string | undefined {
  if (expression.kind === 'name') {
    return own(VARIABLES, expression.name) === own(scope, expression.name) ? expression.name : undefined;
  }
  if (expression.kind !== 'field') return undefined;
  const path = pathOf(expression.of, scope);
  return path === undefined ? undefined : `${path}.${expression.name}`;
}

function own<V>(record: Readonly<Record<string, V>>, name: string): V | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function meant(name: string, known: readonly string[]): string {
  const near = nearestName(name, known);
  return near === undefined ? `there are ${known.join(', ')}` : `did you mean ${near}?`;
}
