import { describe, expect, test } from 'vitest';
import { jsonDocument } from '../../src/resources/json-document.ts';
import { yamlDocuments } from '../../src/resources/yaml-documents.ts';
import { fc } from '../support/properties.ts';

/** The same document, to which only the YAML reader says anything: a comment ends it. */
function byYaml(text: string) {
  return yamlDocuments(`${text} #`);
}

describe('jsonDocument', () => {
  test('gives for whatever JSON was written what the YAML reader gives, or leaves it to that', () => {
    const key = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', '<<', 'y', 'a: b', '1', '', '~'));
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.double(), fc.boolean(), fc.constant(null)),
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
      ),
    }));
    let taken = 0;
    fc.assert(
      fc.property(fc.dictionary(key, tree), (value) => {
        const text = JSON.stringify(value);
        const json = jsonDocument(text);
        const { documents, faults } = byYaml(text);
        if (json === undefined || faults.length > 0) return;
        taken += 1;
        expect(documents[0]?.faults).toEqual([]);
        expect(documents[0]?.value).toStrictEqual(json);
        expect(documents[0]?.place).toEqual({ start: 0, end: text.length + 2, line: 1 });
      }),
      { numRuns: 500 },
    );
    expect(taken).toBeGreaterThan(50);
  });

  test('gives the lines and prototypes that the YAML reader gives', () => {
    const text = '{"a":{"b":[1,"x"]}}';
    const [document] = yamlDocuments(text).documents;
    expect(jsonDocument(text)).toBeDefined();
    expect(document?.line(['a', 'b', 1])).toBe(1);
    expect(Object.getPrototypeOf(document?.value)).toBeNull();
    expect(document?.place).toEqual({ start: 0, end: text.length, line: 1 });
  });

  test.each([
    ['a key that is there twice', '{"a":1,"a":2}', '{"a":1,"b":2}', 'is there twice'],
    ['a number that YAML 1.1 reads otherwise', '{"a":1e+21}', '{"a":1000}', 'YAML 1.1'],
    ['a forbidden key', '{"__proto__":1}', '{"proto":1}', '__proto__'],
    ['33 levels', `{"a":${'['.repeat(32)}${']'.repeat(32)}}`, `{"a":${'['.repeat(31)}${']'.repeat(31)}}`, 'deeper'],
    ['more than 1 MiB', `{"a":"${'x'.repeat(1024 * 1024)}"}`, `{"a":"${'x'.repeat(1024)}"}`, '1 MiB'],
    ['a line separator', '{"a":"\u2028"}', '{"a":"b"}', 'line separator'],
    ['a control character', '{"a":"\u007f"}', '{"a":"b"}', 'character'],
  ])('leaves %s to be refused', (_, refused, nearest, message) => {
    const read = yamlDocuments(refused);
    const [fault] = [...read.faults, ...read.documents.flatMap(({ faults }) => faults)];
    expect(fault?.message).toContain(message);
    expect(jsonDocument(nearest)).toBeDefined();
    expect(yamlDocuments(nearest).documents[0]?.faults).toEqual([]);
  });
});
