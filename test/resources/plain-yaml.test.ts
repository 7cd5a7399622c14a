import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { plainDocuments } from '../../src/resources/plain-yaml.ts';
import { anyDocuments } from '../../src/resources/yaml-documents.ts';

const PLAIN_VALUES = [
  'a',
  'b c',
  '0',
  '15',
  '5m',
  'true',
  'False alarm',
  "'s t'",
  '"q: # é"',
  'x:y',
  'arn:aws:iam::123456789012:role/x',
  'https://a.example/b',
  '{a: b, "c":d}',
  '[ a, {b: [c]} ]',
  '[]',
  '{ }',
  'a # note',
  '/x',
  '_',
];
const OTHER_PIECES = [
  ...['-', '- ', '- a', '- - a', '- a: b', '-  a', ' ', '  ', '\n', '\n---\n', '--- a', '...', '\t', '\r\n', ':', ': '],
  ...['&a', '*a', '!t', '|', '>', '%', '@', '`', '"', "'", '\\', ',', '#', ' #', '?', '? a', '<<: x', '=', '~', 'null'],
  ...[
    '007',
    '1e5',
    '1.5',
    '0x1',
    '1_0',
    '12:30',
    '2026-11-22',
    'yes',
    'NO',
    'y',
    'y: 1',
    '__proto__: 1',
    'a: b: c',
    'é',
  ],
  ...['{a:b}', '{a: }', '{a}', '[a,]', '[a: b]', '{a: b}: c', '{"a":"b"}', "'it''s'", '"\\n"', 'a:', 'a::', '# c', ''],
];
const value = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom(...PLAIN_VALUES) },
  { weight: 1, arbitrary: fc.constantFrom(...OTHER_PIECES) },
);
const key = fc.constantFrom('a', 'b', 'c.d/e', 'f-1', '"g"', "'h i'", 'constructor');
const indentation = fc.constantFrom('  ', '  ', '    ', ' ', '');
const note = fc.constantFrom('', '', '', '# note\n', '   # note\n', '\n', ' \n');

/** Lines of a block map without indentation. */
const block: fc.Memo<string> = fc.memo((depth) => {
  const below = (text: string, by: string) => text.replaceAll(/^(?=.)/gm, by);
  const leaf = fc.tuple(key, value, note).map(([name, text, comment]) => `${name}: ${text}\n${comment}`);
  if (depth <= 1) return leaf;
  const map = fc.tuple(key, indentation, block(depth - 1)).map(([name, by, text]) => `${name}: \n${below(text, by)}`);
  const entry = fc.oneof(
    value.map((text) => `${text}\n`),
    block(depth - 1),
  );
  const list = fc
    .tuple(key, indentation, fc.array(entry, { minLength: 1, maxLength: 3 }))
    .map(
      ([name, by, items]) =>
        `${name}:\n${below(items.map((item) => `- ${below(item, '  ').trimStart()}`).join(''), by)}`,
    );
  return fc.array(fc.oneof(leaf, map, list), { minLength: 1, maxLength: 3 }).map((parts) => parts.join(''));
});
const documents = fc.array(block(4), { minLength: 1, maxLength: 3 }).map((texts) => texts.join('---\n'));
/** One place of the text is written over with something else. */
const damaged = fc
  .tuple(documents, fc.nat(), fc.constantFrom(...OTHER_PIECES), fc.nat({ max: 2 }))
  .map(([text, place, piece, length]) => {
    const at = place % text.length;
    return text.slice(0, at) + piece + text.slice(at + length);
  });

function paths(node: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof node !== 'object' || node === null) return [path];
  const below = Array.isArray(node) ? [...node.entries()] : Object.entries(node);
  return [path, ...below.flatMap(([name, member]) => paths(member, [...path, name]))];
}

/** How many documents were plain; each must be what the reader of all YAML makes of it, without a fault. */
function compare(text: string): number {
  const plain = plainDocuments(text);
  if (plain === undefined) return 0;
  const { documents: read, faults } = anyDocuments(text);
  expect([faults, read.flatMap((document) => document.faults)]).toEqual([[], []]);
  expect(plain.map((one) => one.value)).toEqual(read.map((one) => one.value));
  expect(JSON.stringify(plain.map((one) => one.value))).toBe(JSON.stringify(read.map((one) => one.value)));
  for (const [at, { value: root, text: part, firstLine }] of plain.entries()) {
    expect(Object.getPrototypeOf(root)).toBeNull();
    const alone = anyDocuments(part).documents[0];
    for (const path of paths(root)) expect((alone?.line(path) ?? 0) + firstLine - 1).toBe(read[at]?.line(path));
  }
  return plain.length;
}

describe('plainDocuments', () => {
  test('says of every text that it reads what the reader of all YAML says', () => {
    let plain = 0;
    let asked = 0;
    const property = fc.property(fc.oneof(documents, damaged), (text) => {
      asked += 1;
      plain += compare(text) > 0 ? 1 : 0;
    });
    fc.assert(property, { numRuns: 800 });
    // Otherwise nothing has been compared, or nothing has been left to the other reader.
    expect(plain).toBeGreaterThan(asked / 10);
    expect(plain).toBeLessThan(asked);
  });

  test('reads block maps, lists, flow collections, quotes, numbers and booleans', () => {
    const text = [
      '# what it is for',
      'kind: FederationMapping',
      'metadata: { name: m-1, labels: { "team": a b } } # here',
      'spec:',
      '  on: "no"',
      '  list:',
      '  - name: x',
      '    size: 12',
      '  - plain',
      "  deep: [ 'a: b', [], {}, true ]",
      '  ttl: { default: 5m }',
      '---',
      'next: false',
    ].join('\n');
    expect(plainDocuments(text)).toBeUndefined();
    const [first, second] = plainDocuments(text.replace('  on:', '  off-duty:')) ?? [];
    expect(first?.value).toEqual({
      kind: 'FederationMapping',
      metadata: { name: 'm-1', labels: { team: 'a b' } },
      spec: {
        'off-duty': 'no',
        list: [{ name: 'x', size: 12 }, 'plain'],
        deep: ['a: b', [], {}, true],
        ttl: { default: '5m' },
      },
    });
    expect(second).toEqual({ value: { next: false }, text: 'next: false', firstLine: 13 });
  });

  test('leaves empty documents out', () => {
    expect(plainDocuments('')).toEqual([]);
    expect(plainDocuments('# nothing\n---\n\n---\na: 1\n---\n')?.map((one) => one.value)).toEqual([{ a: 1 }]);
  });

  test.each([
    ['an anchor', 'a: &x 1'],
    ['an alias', 'a: *x'],
    ['a tag', 'a: !!str 1'],
    ['a merge key', '<<: {a: b}'],
    ['a duplicate key', 'a: 1\n"a": 2'],
    ['a duplicate key between brackets', 'a: {b: 1, b: 2}'],
    ['the key __proto__', '__proto__: 1'],
    ['the key __proto__ between brackets', 'a: {"__proto__": 1}'],
    ['a boolean of YAML 1.1', 'a: yes'],
    ['a key that is a boolean of YAML 1.1', 'on: 1'],
    ['a key between brackets that is one', 'a: {n: 1}'],
    ['a key that is a number', 'a: {1: 1}'],
    ['a number with a leading zero', 'a: 007'],
    ['a number beyond what is exact', 'a: 9007199254740993'],
    ['a fraction', 'a: 1.5'],
    ['base 60', 'a: 12:30'],
    ['a date', 'a: 2026-11-22'],
    ['null', 'a: null'],
    ['nothing for a value', 'a:\nb: 1'],
    ['an escape', 'a: "\\u0061"'],
    ['a quote in single quotes', "a: 'it''s'"],
    ['a text over two lines', 'a: b\n  c'],
    ['a block scalar', 'a: |\n  b'],
    ['a flow collection over two lines', 'a: [b,\n  c]'],
    ['a tab', 'a:\tb'],
    ['a carriage return', 'a: b\r\n'],
    ['a directive', '%YAML 1.2\n---\na: b'],
    ['the end of a document', 'a: b\n...\n'],
    ['a map that is indented less than its first key', 'a:\n    b: 1\n  c: 2'],
    ['a list at the top', '- a'],
    ['a text at the top', 'a'],
    ['deep nesting', `a: ${'['.repeat(40)}${']'.repeat(40)}`],
    ['deep nesting in blocks', Array.from({ length: 40 }, (_, at) => `${' '.repeat(at)}a:`).join('\n')],
  ])('does not read %s', (_, text) => {
    expect(plainDocuments(text)).toBeUndefined();
  });
});
