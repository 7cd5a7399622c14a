import { describe, expect, test } from 'vitest';
import { parseStrictJson } from '../../src/verifiers/strict-json.ts';
import { fc } from '../support/properties.ts';

const limits = { maxDepth: 64, maxMembers: 10_000 };

function outcome<T>(read: () => T): { value: T } | undefined {
  try {
    return { value: read() };
  } catch {
    return undefined;
  }
}

describe('strict JSON beside JSON.parse', () => {
  test('reads every value that JSON.stringify writes, to the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), fc.nat(4), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        // Lone surrogates and __proto__ are the two deliberate differences.
        fc.pre(!/\\ud[89a-f]|__proto__/i.test(text));
        const read = parseStrictJson(Buffer.from(text), limits);
        expect(JSON.stringify(read)).toBe(JSON.stringify(JSON.parse(text)));
      }),
      { numRuns: 500 },
    );
  });

  test('accepts nothing that JSON.parse refuses, whatever is changed in a text', () => {
    const mutation = fc.record({
      value: fc.jsonValue({ maxDepth: 4 }),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      remove: fc.nat(3),
      insert: fc.oneof(
        fc.constantFrom('"', '\\', '{', '}', '[', ']', ',', ':', '0', '-', 'e', '.', ' ', '\0', '\ufeff'),
        fc.string({ maxLength: 3 }),
      ),
    });
    let accepted = 0;
    fc.assert(
      fc.property(mutation, ({ value, at, remove, insert }) => {
        const text = JSON.stringify(value);
        const index = Math.floor(at * text.length);
        const mutated = text.slice(0, index) + insert + text.slice(index + remove);
        const bytes = Buffer.from(mutated);
        const ours = outcome(() => parseStrictJson(bytes, limits));
        if (ours === undefined) return;
        accepted += 1;
        const theirs = outcome(() => JSON.parse(bytes.toString('utf8')));
        expect(theirs).toBeDefined();
        expect(JSON.stringify(ours.value)).toBe(JSON.stringify(theirs?.value));
      }),
      { numRuns: 3000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });
});
