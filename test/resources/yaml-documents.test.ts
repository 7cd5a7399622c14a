import { describe, expect, test } from 'vitest';
import { yamlDocuments } from '../../src/resources/yaml-documents.ts';
import { fc } from '../support/properties.ts';

function only(text: string) {
  const { documents, faults } = yamlDocuments(text);
  expect(faults).toEqual([]);
  expect(documents).toHaveLength(1);
  const [document] = documents;
  if (document === undefined) throw new Error('no document');
  return document;
}

function firstFault(text: string) {
  const { documents, faults } = yamlDocuments(text);
  return faults[0] ?? documents.flatMap((document) => document.faults)[0];
}

describe('yamlDocuments', () => {
  test('skips empty documents and keeps the lines of the others', () => {
    const { documents } = yamlDocuments(
      '# nothing\n---\n---\na: 1\n---\n~\n--- # x\nb:\n  - c\n  - {d: e,\n     f: g}\n...\n',
    );
    expect(documents.map(({ value }) => value)).toEqual([{ a: 1 }, { b: ['c', { d: 'e', f: 'g' }] }]);
    expect(documents[0]?.line(['a'])).toBe(4);
    const second = documents[1];
    expect([['b'], ['b', 0], ['b', 1, 'd'], ['b', 1, 'f']].map((path) => second?.line(path))).toEqual([8, 9, 10, 11]);
  });

  test('gives the line of the nearest ancestor for a field that is not there', () => {
    const document = only('a:\n  b:\n    c: 1\n');
    expect(document.line(['a', 'b', 'zz', 'y'])).toBe(2);
    expect(document.line([])).toBe(1);
    expect(document.line(['a', 0])).toBe(1);
  });

  test('finds the line of every field, whatever surrounds the document', () => {
    const blanks = fc.nat({ max: 3 }).map((count) => '# note\n'.repeat(count));
    fc.assert(
      fc.property(fc.array(blanks, { minLength: 1, maxLength: 5 }), (gaps) => {
        const text = gaps.map((gap, at) => `---\n${gap}k${at}:\n${gap}  inner: ${at}\n`).join('');
        const lines = text.split('\n');
        for (const [at, document] of yamlDocuments(text).documents.entries()) {
          expect(lines[document.line([`k${at}`]) - 1]).toBe(`k${at}:`);
          expect(lines[document.line([`k${at}`, 'inner']) - 1]).toBe(`  inner: ${at}`);
        }
      }),
    );
  });

  test.each([
    ['an anchor', 'a: &x 1', 'a: 1', 'anchors are not allowed'],
    ['an anchor on a key', '&x a: 1', 'a: 1', 'anchors are not allowed'],
    ['an alias', 'a: *x', 'a: x', 'aliases are not allowed'],
    ['a tag', 'a: !!str 1', 'a: "!!str 1"', 'tags are not allowed'],
    ['a tag of its own', 'a: !env SECRET', 'a: "!env SECRET"', 'tags are not allowed'],
    ['a non-specific tag', 'a: ! 1', 'a: 1', 'tags are not allowed'],
    ['a merge key', '<<: {a: b}', '"<<": {a: b}', 'merge keys are not allowed'],
    ['a duplicate key', 'a: 1\nb: 2\na: 3', 'a: 1\nb: 2\nc: 3', 'is there twice'],
    ['a duplicate key in other quotes', "a: 1\n'a': 3", "a: 1\n'b': 3", 'is there twice'],
    ['a number as key', '1: a', '"1": a', 'a key must be a text'],
    ['a list as key', '? [a]\n: b', '? a\n: b', 'a key must be a text'],
    ['an empty key', ': a', '"": a', 'a key must be a text'],
    ['the key __proto__', '__proto__: {a: b}', '__prot__: {a: b}', 'the key __proto__ is not allowed'],
    ['a boolean of 1.1', 'a: yes', 'a: "yes"', 'YAML 1.1 reads this as the boolean true'],
    ['a boolean key of 1.1', 'on: a', '"on": a', 'YAML 1.1 reads this as the boolean true'],
    ['an octal of 1.1', 'a: 0644', 'a: "0644"', 'YAML 1.1 reads this as the number 420'],
    ['a date', 'a: 2026-01-01', 'a: "2026-01-01"', 'YAML 1.1 reads this as a timestamp'],
    ['infinity', 'a: .inf', 'a: "inf"', 'must be a finite number'],
    ['a version directive', '%YAML 1.1\n---\na: b', '---\na: b', 'directives are not allowed'],
    ['a tag directive', '%TAG ! tag:x,2000:\n---\na: b', '---\na: b', 'directives are not allowed'],
    ['a control character', 'a: "\u0007"', 'a: "\\u0007"', 'holds a character that YAML does not allow'],
    ['NUL', 'a: b\u0000', 'a: b', 'holds a character that YAML does not allow'],
    ['a carriage return alone', 'a: b\rc: d', 'a: b\r\nc: d', 'holds a character that YAML does not allow'],
    [
      'a line separator of 1.1',
      '# x\u2028a: b',
      '# x\na: b',
      'holds a line separator that YAML 1.1 and 1.2 read differently',
    ],
    [
      'next line, which ends a comment in 1.1',
      'b: c # x\u0085a: b',
      'b: c # x a: b',
      'holds a line separator that YAML 1.1 and 1.2 read differently',
    ],
  ])('refuses %s and takes the nearest text without it', (_, bad, good, message) => {
    expect(firstFault(bad)?.message).toBe(message);
    expect(firstFault(good)).toBeUndefined();
  });

  test('names the line and the field of a fault', () => {
    expect(firstFault('a:\n  - b\n  - c: 012\n')).toMatchObject({
      line: 3,
      path: ['a', 1, 'c'],
      hint: 'quote it: "012"',
    });
    expect(firstFault('x: v\n---\na: 1\na: 2\n')).toMatchObject({ line: 4, path: ['a'] });
  });

  test('reads a document behind a byte order mark, and keys that name parts of the prototype, as what they are', () => {
    expect(only('\uFEFFa: b').value).toEqual({ a: 'b' });
    const value = only('constructor: a\ntoString: b\nhasOwnProperty: c\n').value;
    expect(Object.entries(value ?? {})).toEqual([
      ['constructor', 'a'],
      ['toString', 'b'],
      ['hasOwnProperty', 'c'],
    ]);
    expect(Object.getPrototypeOf(value)).toBeNull();
    expect(({} as Record<string, unknown>)['a']).toBeUndefined();
  });

  test.each([
    ['lists', '[', ']'],
    ['maps', '{a: ', '}'],
  ])('takes 32 levels of %s and refuses 33', (_, open, close) => {
    const nested = (depth: number) => `${open.repeat(depth)}x${close.repeat(depth)}`;
    expect(firstFault(nested(32))).toBeUndefined();
    expect(firstFault(nested(33))?.message).toBe('must not nest deeper than 32');
  });

  test('stops early in a mebibyte of opening brackets, and refuses one byte more without reading it', () => {
    const mebibyte = 1024 * 1024;
    expect(yamlDocuments('['.repeat(mebibyte)).faults[0]?.message).toBe('must not nest deeper than 32');
    expect(yamlDocuments(' '.repeat(mebibyte)).faults).toEqual([]);
    expect(yamlDocuments(' '.repeat(mebibyte + 1)).faults[0]?.message).toBe('must not be larger than 1 MiB');
  });

  test.each([
    ['signs', (count: number) => `[${','.repeat(count)}]`],
    ['values', (count: number) => `[${'a,'.repeat(count)}]`],
    ['keys', (count: number) => Array.from({ length: count }, (_, at) => `k${at}: 1\n`).join('')],
    [
      'keys of JSON',
      (count: number) => JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, 1]))),
    ],
    ['aliases', (count: number) => '*a '.repeat(count)],
    ['comments', (count: number) => `a: 1\n${'# b\n'.repeat(count)}c: 1\n`],
  ])(
    'stops early in a document of very many %s, whose reading takes seconds, and takes those of a large one',
    (_, text) => {
      const tooMany = 'must not hold more than 30000 names, values and signs';
      expect(yamlDocuments(text(90_000))).toEqual({
        documents: [],
        faults: [{ line: expect.any(Number), path: [], message: tooMany }],
      });
      expect(firstFault(text(4_000))?.message).not.toBe(tooMany);
      expect(yamlDocuments(text(90_000), Number.POSITIVE_INFINITY).faults).toEqual([]);
    },
  );

  test('counts the parts of each document by itself, and the documents', () => {
    const large = `- ${'a: [b, c]\n- '.repeat(1_000)}d\n`;
    expect(yamlDocuments(Array.from({ length: 4 }, () => large).join('---\n')).documents).toHaveLength(4);
    expect(yamlDocuments('a: ---\n- ---\n'.repeat(10_000)).documents).toEqual([]);
    expect(yamlDocuments('---\na\n'.repeat(10_000)).documents).toHaveLength(10_000);
    expect(yamlDocuments('---\na\n'.repeat(10_002)).faults[0]?.message).toBe('must not hold more than 10000 documents');
  });

  test('marks a document whose end cannot be trusted, and not its neighbours before it', () => {
    const { documents } = yamlDocuments('a: b\n---\nc: "open\n---\nd: e\n');
    expect(documents.map(({ torn }) => torn)).toEqual([false, true]);
  });

  test('never throws, whatever the text', () => {
    const pieces = fc.constantFrom(
      'a',
      ':',
      ' ',
      '\n',
      '  ',
      '- ',
      '[',
      ']',
      '{',
      '}',
      ',',
      '"',
      "'",
      '&x',
      '*x',
      '!t',
      '|',
      '>',
      '#',
      '%',
      '---\n',
      '...\n',
      '? ',
      '<<',
      '\t',
      '0',
      '\u2028',
      '\uFEFF',
      '\uD800',
    );
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces, { maxLength: 60 }).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        for (const document of yamlDocuments(text).documents) {
          for (const { line } of document.faults) expect(line).toBeGreaterThan(0);
          expect(document.line(['a', 'b', 0])).toBeGreaterThan(0);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
