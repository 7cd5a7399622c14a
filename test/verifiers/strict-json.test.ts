import { describe, expect, test } from 'vitest';
import { parseStrictJson, parseStrictJsonObject, StrictJsonError } from '../../src/verifiers/strict-json.ts';

const read = (text: string, limits = {}) => parseStrictJson(Buffer.from(text), limits);
const refused = (text: string | Uint8Array) => () =>
  parseStrictJson(typeof text === 'string' ? Buffer.from(text) : text);

describe('strict JSON', () => {
  test('reads what JSON.parse reads', () => {
    const text = ' {"a":[1,-0.5,2e3,true,false,null,"\\u00e9\\n\\ud83d\\ude00"],"":{"b":{}},"c":[]}\r\n\t';
    expect(JSON.parse(JSON.stringify(read(text)))).toEqual(JSON.parse(text));
  });

  test.each([
    '0',
    '7',
    '1732406400',
    '999999999999999',
    '9007199254740993',
    '65115310620700694',
    '10e2',
    '12.50',
    '-3',
    '1E-2',
  ])('reads the number %s as JSON.parse does, wherever it stands (V7)', (number) => {
    for (const text of [number, `[${number}]`, `[${number},1]`, `{"a":${number}}`, `{"a":${number} ,"b":1}`]) {
      expect(JSON.stringify(read(text))).toBe(JSON.stringify(JSON.parse(text)));
    }
  });

  test('makes objects without a prototype, so that inherited names are absent (V7)', () => {
    const object = read('{"constructor":1,"toString":2}') as Record<string, unknown>;
    expect(Object.getPrototypeOf(object)).toBeNull();
    expect(object['constructor']).toBe(1);
    expect('hasOwnProperty' in object).toBe(false);
  });

  test.each([
    ['a member twice', '{"a":1,"a":1}'],
    ['a member twice, one name escaped', '{"a":1,"\\u0061":2}'],
    ['a member twice, deep', '{"a":[{"b":{"c":1,"c":2}}]}'],
    ['__proto__', '{"__proto__":{"admin":true}}'],
    ['__proto__ in escapes', '{"\\u005f_proto__":1}'],
    ['a byte order mark', '\ufeff{}'],
    ['data after the value', '{} {}'],
    ['a comma too many in an array', '[1,]'],
    ['a comma too many in an object', '{"a":1,}'],
    ['a NUL after the value', '{}\u0000'],
    ['a control character in a string', '"a\u0001"'],
    ['an infinite number', '1e999'],
    ['a negative infinite number', '[-1e999]'],
    ['a leading zero', '01'],
    ['a leading zero before a comma', '[01,1]'],
    ['a leading zero before a brace', '{"a":00}'],
    ['a member without a value', '{"a":,"b":1}'],
    ['a last member without a value', '{"a":}'],
    ['an element without a value', '[1,,2]'],
    ['a digit with a letter', '{"a":1a}'],
    ['a leading plus', '+1'],
    ['a bare dot', '1.'],
    ['NaN', 'NaN'],
    ['a hexadecimal number', '0x10'],
    ['a word cut short', 'tru'],
    ['a word with more', 'nulll'],
    ['single quotes', "{'a':1}"],
    ['a comment', '{}/**/'],
    ['an unknown escape', '"\\x41"'],
    ['a short unicode escape', '"\\u12"'],
    ['a signed unicode escape', '"\\u+123"'],
    ['a lone high surrogate', '"\\ud800"'],
    ['a lone low surrogate', '"\\udc00x"'],
    ['surrogates in the wrong order', '"\\udc00\\ud800"'],
    ['a lone surrogate as a name', '{"\\ud800":1}'],
    ['a string that is not closed', '"abc'],
    ['a string that ends in a backslash', '"abc\\'],
    ['a non-breaking space', '\u00a0{}'],
    ['nothing', ''],
    ['white space', ' \n'],
    ['an unclosed object', '{"a":1'],
    ['a missing colon', '{"a" 1}'],
    ['a number as a name', '{1:1}'],
  ])('refuses %s (V7)', (_, text) => {
    expect(refused(text)).toThrow(StrictJsonError);
  });

  test('refuses bytes that are not UTF-8: overlong, cut short, surrogates, Latin-1 (V7)', () => {
    for (const bytes of [[0xc0, 0xaf], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xe9], [0xff]]) {
      expect(refused(Uint8Array.from([0x22, ...bytes, 0x22]))).toThrow('not UTF-8');
    }
  });

  test('reads 16 nested containers and refuses 17 (V7)', () => {
    const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    expect(() => read(nested(16))).not.toThrow();
    expect(() => read(nested(17))).toThrow('nested too deeply');
    expect(() => read(`${'{"a":'.repeat(16)}1${'}'.repeat(16)}`)).not.toThrow();
    expect(() => read(`${'{"a":'.repeat(17)}1${'}'.repeat(17)}`)).toThrow('nested too deeply');
  });

  test('survives 100,000 nested arrays without overflowing the stack (V7)', () => {
    expect(refused('['.repeat(100_000))).toThrow('nested too deeply');
  });

  test('reads 256 members over all objects and refuses 257 (V7)', () => {
    const members = (count: number, from: number) =>
      Array.from({ length: count }, (_, index) => `"m${from + index}":0`).join(',');
    expect(() => read(`{"x":{${members(100, 0)}},${members(155, 100)}}`)).not.toThrow();
    expect(() => read(`{"x":{${members(100, 0)}},${members(156, 100)}}`)).toThrow('too many members');
  });

  test('reads 4096 array elements in all and refuses 4097: half a megabyte of [0,0,... costs no time (V16)', () => {
    const elements = (count: number) => Array.from({ length: count }, () => '0').join(',');
    expect(() => read(`[[${elements(2000)}],[${elements(2094)}]]`)).not.toThrow();
    expect(() => read(`[[${elements(2000)}],[${elements(2095)}]]`)).toThrow('too many elements');
    expect(refused(`[${elements(260_000)}]`)).toThrow('too many elements');
  });

  test('wants an object where one is asked for', () => {
    expect(() => parseStrictJsonObject(Buffer.from('[]'))).toThrow('not an object');
    expect(() => parseStrictJsonObject(Buffer.from('null'))).toThrow('not an object');
    expect(parseStrictJsonObject(Buffer.from('{"a":1}'))['a']).toBe(1);
  });
});

describe('what mutants of the reader would let through (V7)', () => {
  test.each([
    ['a name without its first quotation mark', '{a":1}', 'a string is missing'],
    ['a word that only begins right', '[nuxx]', 'an unknown word'],
    ['a word of the right length alone', 'txyz', 'an unknown word'],
    ['an escape of three digits before the end', '"\\u12', 'a malformed escape'],
    ['an escape that is none', '"\\x41"', 'a malformed escape'],
    ['an escape at the end of the text', '"\\', 'a malformed escape'],
    ['a string that is not closed', '"a', 'a string is not closed or holds a control character'],
    ['__proto__', '{"__proto__":1}', 'a member named __proto__'],
    ['a second value', '1 1', 'data after the value'],
    ['a missing colon', '{"a" 1}', 'malformed'],
  ])('is refused by the name of its fault: %s', (_, text, message) => {
    expect(refused(text)).toThrow(new StrictJsonError(message));
  });

  test.each(['"text"', '1', 'true', 'null', '[{}]'])('%s is no object', (text) => {
    expect(() => parseStrictJsonObject(Buffer.from(text))).toThrow(new StrictJsonError('not an object'));
  });
});
