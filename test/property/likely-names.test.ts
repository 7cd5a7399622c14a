import { describe, expect, test } from 'vitest';
import type { JsonValue } from '../../src/core/json.ts';
import { LikelyNames } from '../../src/verifiers/likely-names.ts';
import { parseStrictJson, StrictJsonError, type StrictJsonLimits } from '../../src/verifiers/strict-json.ts';
import { fc } from '../support/properties.ts';

/** What the reader makes of a text, all of which are signed, or the rule that it says was broken. */
function outcomeOf(text: string, limits?: StrictJsonLimits): JsonValue | string {
  try {
    const value = parseStrictJson(Buffer.from(text), limits);
    limits?.likely?.signed(value);
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof StrictJsonError) return error.message;
    throw error;
  }
}

/** Names that meet: plain, escaped in some texts, inherited by most objects, and such as end a name too early. */
const name = fc.constantFrom(
  'a',
  'b',
  'iss',
  '',
  'a"b',
  'a\\',
  '\\u0061',
  'é',
  'constructor',
  '__proto__',
  '\u0001',
  '1',
);
/** As written, or with its first character escaped. */
const written = fc
  .tuple(name, fc.boolean())
  .map(([text, escaped]) =>
    escaped && text !== ''
      ? `"\\u${text.charCodeAt(0).toString(16).padStart(4, '0')}${JSON.stringify(text.slice(1)).slice(1)}`
      : JSON.stringify(text),
  );
const raw = fc.constantFrom('"a"b"', '"a\\"b"', '"iss', 'iss"', '"\\a"');
const { value } = fc.letrec<{ value: string; object: string }>((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, fc.constantFrom('1', '"a"', 'null', '[]', '{}'), tie('object'), tie('object')),
  object: fc
    .array(fc.tuple(fc.oneof({ weight: 20, arbitrary: written }, raw), tie('value')), { maxLength: 5 })
    .map((members) => `{${members.map(([one, other]) => `${one}:${other}`).join(',')}}`),
}));

describe('names that a text is likely to have', () => {
  test('change nothing of what is read, and of what is refused and why (V7)', () => {
    fc.assert(
      fc.property(value, value, (first, second) => {
        for (const texts of [
          [first, second],
          [first, first],
          [first, second, first],
        ]) {
          const limits = { likely: new LikelyNames() };
          for (const text of texts) expect(outcomeOf(text, limits)).toBe(outcomeOf(text));
        }
      }),
      { numRuns: 5000 },
    );
  });

  test('leave a member that comes twice refused, and one that is missing or nested elsewhere read as it is', () => {
    const limits = { likely: new LikelyNames() };
    const read = (text: string) => outcomeOf(text, limits);
    expect(read('{"a":{"b":1},"b":2}')).toBe('{"a":{"b":1},"b":2}');
    expect(read('{"a":1,"b":2,"b":3}')).toBe('a member twice');
    expect(read('{"a":1,"b":{"b":3}}')).toBe('{"a":1,"b":{"b":3}}');
    expect(read('{"b":1}')).toBe('{"b":1}');
  });

  test('leave nothing to inherit: no member is there that the text has not (V7)', () => {
    const limits = { likely: new LikelyNames() };
    limits.likely.signed({ a: 0 });
    const objects = ['a', 'b'].map((one) => parseStrictJson(Buffer.from(`{"${one}":1}`), limits)) as object[];
    for (const object of objects) {
      for (const absent of ['constructor', 'toString', '__proto__', 'hasOwnProperty'])
        expect(absent in object).toBe(false);
    }
    // The first is one that was expected.
    expect(Object.isFrozen(Object.getPrototypeOf(objects[0]))).toBe(true);
    expect(Object.getPrototypeOf(objects[1])).toBe(null);
  });
});

describe('LikelyNames', () => {
  const told = (...texts: string[]) => {
    const likely = new LikelyNames();
    for (const text of texts) {
      likely.differ();
      likely.signed(JSON.parse(text));
    }
    return Array.from({ length: 40 }, (_, position) => likely.at(position));
  };

  test('are those of an earlier text in their order', () => {
    const text = JSON.stringify({ a: [{ b: 1 }, 2], c: { d: {} }, ['n'.repeat(32)]: 1, e: 1 });
    expect(told(text).filter((one) => one !== undefined)).toEqual(['a', 'b', 'c', 'd', 'n'.repeat(32), 'e']);
  });

  test('are none where the object would lose its shape on the way: more than 32, longer than 32, or with an escape', () => {
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, number) => [`n${number}`, 1]));
    const named = (value: object) => told(JSON.stringify(value)).filter((one) => one !== undefined).length;
    expect(named(many(32))).toBe(32);
    for (const value of [many(33), { a: 1, ['n'.repeat(33)]: 1 }, { a: 1, 'b"': 1 }, { a: 1, é: 1 }])
      expect(named(value)).toBe(0);
  });

  test('stay as they are for 63 texts that differ, and become those of the next', () => {
    const others = Array.from({ length: 63 }, () => '{"b":1}');
    expect(told('{"a":1}', ...others)[0]).toBe('a');
    expect(told('{"a":1}', ...others, '{"c":1}')[0]).toBe('c');
  });
});
