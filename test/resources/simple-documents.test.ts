import { describe, expect, test } from 'vitest';
import type { JsonValue } from '../../src/core/json.ts';
import { simpleDocuments } from '../../src/resources/simple-documents.ts';
import { type YamlText, yamlDocuments } from '../../src/resources/yaml-documents.ts';
import { fc } from '../support/properties.ts';

const MOST = { documents: 10_000, characters: 15_000 };
/** A comment to which only the YAML reader says anything. */
const ASK_YAML = '#\t\n';

/** Documents of a text as the YAML reader gives them, with the line of each field, whatever they look like. */
function byYaml(text: string) {
  return described(yamlDocuments(`${ASK_YAML}${text}`), 1);
}

function described({ documents, faults }: YamlText, above = 0) {
  const read = documents.map(({ value, faults: own, torn, line }) => {
    const lines = pathsOf(value ?? null).map((path) => [path.join('.'), line(path) - above]);
    return { value, faults: own, torn, lines };
  });
  return { documents: read, faults };
}

function pathsOf(value: JsonValue, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  const members = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  const names = members.map(([name, member]) => [Array.isArray(value) ? Number(name) : name, member] as const);
  return [path, [...path, 'absent'], ...names.flatMap(([name, member]) => pathsOf(member, [...path, name]))];
}

/** Whether it was taken; then it says what the YAML reader says. */
function isTakenRightly(text: string): boolean {
  if (simpleDocuments(text, MOST) === undefined) return false;
  expect([text, JSON.stringify(described(yamlDocuments(text)))]).toEqual([text, JSON.stringify(byYaml(text))]);
  return true;
}

/** All texts of up to so many of these pieces. */
function* textsOf(pieces: readonly string[], length: number): Generator<string> {
  yield '';
  if (length === 0) return;
  for (const rest of textsOf(pieces, length - 1)) for (const piece of pieces) yield `${piece}${rest}`;
}

const VALUES = [
  ...[
    'a',
    'a b',
    'a:b',
    'a: b',
    'a:',
    'a#b',
    'a #b',
    "a 'b' [c",
    'http://a.b:1/c',
    'arn:aws:iam::12:role/r',
    '/a',
    '_',
    'é',
  ],
  ...[
    'yes',
    'y',
    'on',
    'null',
    '~',
    'True',
    '0',
    '-0',
    '12',
    '012',
    '0x1F',
    '0o7',
    '1.0',
    '1.5',
    '.5',
    '1e3',
    '1e+3',
    '-1',
  ],
  ...[
    '1_0',
    '12:30',
    '.inf',
    '2026-01-01',
    '2026-01-01 10:00:00 Z',
    '9007199254740993',
    'a\u00a0',
    '',
    ' ',
    '\t',
    '\\',
  ],
  ...[
    '"a"',
    "'a'",
    '"a: b # c"',
    "'it''s'",
    '"\\n"',
    '"é"',
    '"',
    "'",
    '"a"b',
    '*',
    '*a',
    '&a',
    '&a b',
    '!t',
    '!',
    '@a',
    '`a',
    '%a',
  ],
  ...[
    '|',
    '>-',
    '? a',
    '- a',
    '-',
    '<<',
    '=',
    '{}',
    '[ ]',
    '[a,b]',
    '[a, [b, {c: d}]]',
    '{ a: b, c: [d] }',
    '{a: }',
    '{a}',
  ],
  ...[
    '{a: b, a: c}',
    '{a:b}',
    '{"a": b}',
    '[a: b]',
    '[a, ]',
    '[,a]',
    '[a:]',
    '[a b]',
    '[a]#c',
    '[a] # c',
    '[yes]',
    '[12]',
    '[a',
  ],
];
const KEYS = [
  'a',
  'b',
  'c',
  'd.e/f-g',
  'y',
  'null',
  'True',
  '"q"',
  '1',
  '__proto__',
  'constructor',
  '<<',
  'a b',
  '-a',
  '? a',
  '&a b',
];

const value = fc.oneof({ weight: 3, arbitrary: fc.constantFrom('a', 'b-1', '"c d"') }, fc.constantFrom(...VALUES));
const key = fc.oneof({ weight: 9, arbitrary: fc.constantFrom('a', 'b', 'c', 'd', 'e') }, fc.constantFrom(...KEYS));
const between = fc.oneof(
  { weight: 9, arbitrary: fc.constant('') },
  fc.constantFrom('\n', '# c\n', '   # c\n', ' \n', '---\n', '--- # c\n', '...\n'),
);

/** Lines of a block: what is below a key is indented, as a rule. */
const { block } = fc.letrec<{ block: readonly string[] }>((tie) => {
  const below = fc
    .tuple(tie('block'), fc.oneof({ weight: 6, arbitrary: fc.constant('  ') }, fc.constantFrom('', ' ', '    ')))
    .map(([lines, indent]) => lines.map((line) => `${indent}${line}`));
  const item = fc.oneof(
    value.map((one) => [`- ${one}`]),
    tie('block').map(([first = '', ...lines]) => [`- ${first}`, ...lines.map((line) => `  ${line}`)]),
  );
  const entry = fc.oneof(
    fc.tuple(key, value).map(([name, one]) => [`${name}: ${one}`]),
    fc.tuple(key, below).map(([name, lines]) => [`${name}:`, ...lines]),
  );
  const several = (one: fc.Arbitrary<readonly string[]>) =>
    fc.array(one, { minLength: 1, maxLength: 3 }).map((all) => all.flat());
  return { block: fc.oneof({ maxDepth: 4 }, several(entry), several(entry), several(item)) };
});

describe('simpleDocuments', () => {
  test('says of each text that it takes what the YAML reader says, whatever stands in it', () => {
    const texts = fc
      .tuple(fc.array(block, { minLength: 1, maxLength: 2 }), fc.infiniteStream(between))
      .map(([blocks, gaps]) => blocks.map((lines) => withGaps(lines, gaps)).join('---\n'));
    let taken = 0;
    fc.assert(
      fc.property(texts, fc.constantFrom('', ...VALUES), fc.nat(), (text, piece, place) => {
        const at = place % (text.length + 1);
        for (const one of [text, `${text.slice(0, at)}${piece}${text.slice(at + 1)}`])
          taken += isTakenRightly(one) ? 1 : 0;
      }),
      { numRuns: 4000 },
    );
    expect(taken).toBeGreaterThan(400);
  });

  test.each(['', 'a: ', 'a:\n', 'a:\n- ', 'a:\n - b', 'a: [', 'a: {b: '])(
    'says so of every short text that begins with %j',
    (begin) => {
      let taken = 0;
      for (const text of textsOf(['a', '1', ':', ' ', '#', '-', '\n', ',', ']', '}', '{', '"'], 3)) {
        if (isTakenRightly(`${begin}${text}`)) taken += 1;
      }
      expect(taken).toBeGreaterThan(0);
    },
  );

  const nested = (depth: number) => `a: ${'['.repeat(depth)}b${']'.repeat(depth)}`;
  const indented = (depth: number) => Array.from({ length: depth }, (_, at) => `${' '.repeat(at)}a:`).join('\n');
  test.each([
    ['an anchor', 'a: &b c', 'a: b c'],
    ['an alias', 'a: *b', 'a: b*'],
    ['a tag', 'a: !b c', 'a: b!c'],
    ['a merge key', '<<: {a: b}', 'a: {a: b}'],
    ['a duplicate key', 'a: b\na: c', 'a: b\nc: d'],
    ['a duplicate key in a flow map', 'a: {b: c, b: d}', 'a: {b: c, d: e}'],
    ['the key __proto__', '__proto__: a', '__proto: a'],
    ['a key that is no text', 'null: a', 'nul: a'],
    ['a boolean of YAML 1.1', 'a: yes', 'a: "yes"'],
    ['a timestamp of YAML 1.1', 'a: 2026-01-01 10:00:00 Z', 'a: 2026-01-01 at 10:00:00'],
    ['a number beyond the safe ones', 'a: 9007199254740992', 'a: 9007199254740991'],
    ['a key without a value', 'a:\nb: c', 'a:\n b: c'],
    ['a comment behind a value', 'a: b #c', 'a: b#c'],
    ['a text over two lines', 'a: b\n  c', 'a:\n  - b\n  - c'],
    ['a flow collection over two lines', 'a: [b,\n  c]', 'a: [b, c]'],
    ['a block scalar', 'a: |\n  b', 'a: "|"\nb: c'],
    ['an escape', 'a: "\\n"', 'a: "/n"'],
    ['a quote within quotes', "a: 'b''c'", `a: "b''c"`],
    ['a colon within a text', 'a: b: c', 'a: b:c'],
    ['an entry that is indented as no other', 'a:\n    b: c\n  d: e', 'a:\n  b: c\nd: e'],
    ['a list in place of a map', '- a: b', 'c:\n- a: b'],
    ['a document that is indented', ' a: b', 'a:\n b: c'],
    ['a directive', '%YAML 1.2\n---\na: b', '---\na: b'],
    ['the end of a document', 'a: b\n...', 'a: b\n---'],
    ['content behind a marker', '--- {a: b}', '---\na: {a: b}'],
    ['a tab', 'a:\tb', 'a: b'],
    ['a carriage return', 'a: b\r\nc: d', 'a: b\nc: d'],
    ['a blank at the end of a line', 'a: b \nc: d', 'a: b\nc: d'],
    ['32 levels below a map', nested(32), nested(31)],
    ['33 levels of maps', `${indented(33)} b`, `${indented(32)} b`],
    ['a key longer than people write', `${'a'.repeat(201)}: b`, `${'a'.repeat(200)}: b`],
    ['a document that may have too many parts', `a: ${'b'.repeat(14_998)}`, `a: ${'b'.repeat(14_997)}`],
    [
      'comments and a document behind them that may have too many parts together',
      `${'#\n'.repeat(7_498)}---\na: bc`,
      `${'#\n'.repeat(7_498)}---\na: b`,
    ],
    ['more documents than a text may have', '---\n'.repeat(10_000), '---\n'.repeat(9_999)],
  ])('leaves %s to the YAML reader, and takes the nearest text without it', (_, left, taken) => {
    expect(simpleDocuments(left, MOST)).toBeUndefined();
    expect(isTakenRightly(taken)).toBe(true);
  });

  test('leaves a whole text to the YAML reader when one of its documents is not simple', () => {
    expect(simpleDocuments('a: b\n---\nc: d\n', MOST)).toHaveLength(2);
    expect(simpleDocuments('a: b\n---\nc: |\n  d\n', MOST)).toBeUndefined();
  });

  test('skips documents in which nothing stands, and says where the others are', () => {
    const text = '---\n# none\n---\n\na: b\n---\n---\nc: d';
    expect(simpleDocuments(text, MOST)?.map(({ place }) => place)).toEqual([
      { start: 15, end: 21, line: 4 },
      { start: 29, end: 33, line: 8 },
    ]);
    expect(isTakenRightly(text)).toBe(true);
  });

  test('gives objects without a prototype', () => {
    const [document] = simpleDocuments('constructor: {toString: a}\n', MOST) ?? [];
    expect(JSON.stringify(document?.value)).toBe('{"constructor":{"toString":"a"}}');
    expect(Object.getPrototypeOf(document?.value)).toBeNull();
    expect(Object.getPrototypeOf(document?.value['constructor'])).toBeNull();
  });
});

function withGaps(lines: readonly string[], gaps: fc.Stream<string>): string {
  return lines.map((line) => `${gaps.next().value}${line}\n`).join('');
}
