import {
  type CelEnv,
  type CelResult,
  CelScalar,
  celEnv,
  celFunc,
  celMethod,
  isCelError,
  listType,
  mapType,
  objectType,
  plan,
} from '@bufbuild/cel';
import { TimestampSchema, timestampMs } from '@bufbuild/protobuf/wkt';
import { type Bindings, bindingsOf } from './bindings.ts';
import { CALENDAR_FIELDS, inZone } from './calendar.ts';
import { check } from './checker.ts';
import type { Answer, Attributes, CompiledCondition, Conditions } from './condition.ts';
import { costOf, MAX_COST, MAX_ITEMS } from './cost.ts';
import { holds } from './holds.ts';
import { literalFault } from './literals.ts';
import { BOUNDED, parse } from './parse.ts';
import { Patterns } from './patterns.ts';
import { sizeFault, textFault } from './shape.ts';
import { valuesOf } from './values.ts';

const { BOOL, DYN, INT, STRING } = CelScalar;
const LIST = listType(DYN);
const MAP = mapType(DYN, DYN);
const TIMESTAMP = objectType(TimestampSchema);
const MAX_ERROR_LENGTH = 200;
const MAX_SHOWN = 256;

/** Conditions in CEL. */
export class CelConditions implements Conditions {
  readonly #patterns = new Patterns();
  readonly #env: CelEnv = environment(this.#patterns);
  /** All conditions of one decision are asked of the same attributes. */
  readonly #bound = new WeakMap<Attributes, Bindings>();

  compile(text: string): CompiledCondition {
    const unreadable = textFault(text);
    if (unreadable !== undefined) return { ok: false, faults: [unreadable] };
    const parsed = parse(text);
    if (!parsed.ok) return { ok: false, faults: [parsed.fault] };
    const { expression } = parsed;
    const tooLarge = sizeFault(expression);
    if (tooLarge !== undefined) return { ok: false, faults: [tooLarge] };
    const { faults, reads } = check(expression, (kind, literal) => literalFault(kind, literal, this.#patterns));
    const [first, ...others] = faults;
    if (first !== undefined) return { ok: false, faults: [first, ...others] };
    const cost = costOf(expression, (pattern) => this.#patterns.instructions(pattern));
    if (cost > MAX_COST) {
      const hint = 'use fewer macros in one another, shorter patterns, or compare with what is written out';
      const message = `may take ${cost} steps, and ${MAX_COST} is the most`;
      return { ok: false, faults: [{ offset: 0, message, hint }] };
    }
    const run = plan(this.#env, parsed.parsed);
    const ask = (attributes: Attributes) => answer(untraced(run, this.#bind(attributes)), attributes, [...reads]);
    return { ok: true, condition: { text: shortened(text), whole: text, ask } };
  }

  #bind(attributes: Attributes): Bindings {
    const bound = this.#bound.get(attributes) ?? bindingsOf(attributes);
    this.#bound.set(attributes, bound);
    return bound;
  }
}

/** Where a condition found a member missing says nothing, and to write it down costs more than all else. */
function untraced(run: (bindings: Bindings) => CelResult, bindings: Bindings): CelResult {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return run(bindings);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function shortened(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text;
}

function answer(result: CelResult, attributes: Attributes, reads: readonly string[]): Answer {
  const values = valuesOf(attributes, reads);
  if (typeof result === 'boolean') return { kind: result ? 'true' : 'false', values };
  const error = isCelError(result) ? result.message.slice(0, MAX_ERROR_LENGTH) : 'is neither true nor false';
  return { kind: 'error', values, error };
}

/**
 * The package's functions, some of them in a form of Carnet's own: calendars that do not depend on the process's zone,
 * patterns that are compiled once, whole numbers read strictly, and the bound on what macros walk through.
 */
function environment(patterns: Patterns): CelEnv {
  const calendar = Object.entries(CALENDAR_FIELDS).flatMap(([name, read]) => [
    celMethod(name, TIMESTAMP, [], INT, function () {
      return BigInt(read(inZone(timestampMs(this.message), 'UTC')));
    }),
    celMethod(name, TIMESTAMP, [STRING], INT, function (zone) {
      return BigInt(read(inZone(timestampMs(this.message), zone)));
    }),
  ]);
  const matches = celMethod('matches', STRING, [STRING], BOOL, function (pattern) {
    return patterns.test(pattern, String(this));
  });
  const contains = celMethod('contains', STRING, [STRING], BOOL, function (part) {
    return holds(String(this), part);
  });
  const bounds = [
    celFunc(BOUNDED, [LIST], LIST, (list) => within(list)),
    celFunc(BOUNDED, [MAP], MAP, (map) => within(map)),
  ];
  return celEnv({ funcs: [...calendar, matches, contains, ...bounds, celFunc('int', [STRING], INT, wholeNumber)] });
}

function within<T extends { readonly size: number }>(items: T): T {
  if (items.size > MAX_ITEMS) throw new Error(`a macro goes through ${MAX_ITEMS} items at most`);
  return items;
}

function wholeNumber(text: string): bigint {
  const value = /^-?(?:0|[1-9]\d{0,18})$/.test(text) ? BigInt(text) : undefined;
  if (value === undefined || BigInt.asIntN(64, value) !== value) throw new Error('int(): the text is no such number');
  return value;
}
