import { describe, expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { differentInYaml11, plainValue } from '../../src/resources/yaml-scalars.ts';
import { fc } from '../support/properties.ts';

describe('differentInYaml11', () => {
  test.each([
    ['yes', 'the boolean true'],
    ['No', 'the boolean false'],
    ['on', 'the boolean true'],
    ['OFF', 'the boolean false'],
    ['y', 'the boolean true'],
    ['n', 'the boolean false'],
    ['017', 'the number 15'],
    ['08', 'a text or a number'],
    ['08_0', 'a text or a number'],
    ['0o17', 'a text'],
    ['0b101', 'the number 5'],
    ['1_000', 'the number 1000'],
    ['-0x1F', 'the number -31'],
    ['0x_f', 'the number 15'],
    ['12:30', 'the number 750'],
    ['190:20:30.15', 'the number 685230.15'],
    ['1e3', 'a text'],
    ['1.5e3', 'a text'],
    ['1_0.5', 'the number 10.5'],
    ['2026-01-01', 'a timestamp'],
    ['2026-01-01T00:00:00Z', 'a timestamp'],
    ['2026-1-1 1:00:00 +1', 'a timestamp'],
    ['<<', 'a special key'],
    ['=', 'a special key'],
  ])('says of %s that YAML 1.1 reads it as %s', (text, reading) => {
    expect(differentInYaml11(text)).toBe(reading);
  });

  test.each([
    'yess',
    'nO',
    'oN',
    'Yes!',
    '~',
    'null',
    '',
    'true',
    'False',
    '17',
    '0',
    '-7',
    '+7',
    '0x1F',
    '1.5',
    '.5',
    '1.5e+3',
    '.inf',
    '-.INF',
    '.nan',
    '12:60',
    '1:2:3x',
    '10.7.0.1',
    '2026/',
    '2026-01',
    '20260101',
    '15m',
    '24h',
    '1h30',
    '11111111-1111-1111-1111-111111111111',
    'arn:aws:iam::123456789012:role/reports',
    'https://a.example:8080',
    'a_b',
    '__proto__',
    '*',
    '-',
  ])('has nothing against %s, which both read alike', (text) => {
    expect(differentInYaml11(text)).toBeUndefined();
  });

  test('agrees with the parser of both versions on every text of the alphabet that numbers and dates are made of', () => {
    const texts = fc.string({ unit: fc.constantFrom(...'0123456789_.:-+xobeEfTZ'), minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(texts, (text) => {
        const older = scalar(text, '1.1');
        const newer = scalar(text, '1.2');
        fc.pre(older !== undefined && newer !== undefined);
        // The parser's 1.1 takes an exponent without sign or point for a number, which the type repository does not.
        fc.pre(!/[eE]/.test(text) && !/^[-+]?[0-9_]*\.[0-9_]*$/.test(text));
        if (!Object.is(older, newer)) expect(differentInYaml11(text)).toBeDefined();
      }),
      { numRuns: 3000 },
    );
  });
});

describe('plainValue', () => {
  test.each([
    ['a text', 'a b', 'a b'],
    ['null', '~', null],
    ['a boolean', 'True', true],
    ['a number', '0x1F', 31],
    ['a boolean of 1.1', 'yes', undefined],
    ['an octal of 1.1', '012', undefined],
    ['a number that is no safe integer', '1.5', undefined],
    ['minus zero', '-0', undefined],
  ])('gives the value of %s, or leaves it', (_, text, value) => {
    expect(plainValue(text)).toBe(value);
  });

  test('gives the value of the parser, unless it leaves it, for every text of the alphabet of what is no text', () => {
    const letters = fc.constantFrom(...'0123456789_.:-+xobeEfTZ~');
    const words = fc.constantFrom(
      'null',
      'Null',
      'nULL',
      'true',
      'TRUE',
      'False',
      'fALSE',
      'yes',
      'y',
      'off',
      '.inf',
      '.NaN',
    );
    const texts = fc.oneof(fc.string({ unit: letters, minLength: 1, maxLength: 6 }), words);
    fc.assert(
      fc.property(texts, (text) => {
        const parsed = scalar(text, '1.2');
        const value = plainValue(text);
        fc.pre(parsed !== undefined && value !== undefined);
        expect(value).toBe(parsed);
      }),
      { numRuns: 3000 },
    );
  });
});

/** The value of a text that is one plain scalar; dates as their text with a mark. */
function scalar(text: string, version: '1.1' | '1.2'): unknown {
  const document = parseDocument(text, { version, logLevel: 'silent' });
  const contents: unknown = document.contents;
  const isScalar =
    typeof contents === 'object' && contents !== null && 'source' in contents && contents.source === text;
  if (document.errors.length > 0 || !isScalar || !('value' in contents)) return undefined;
  return contents.value instanceof Date ? `date ${text}` : contents.value;
}
