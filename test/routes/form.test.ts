import { describe, expect, test } from 'vitest';
import { OAuthError } from '../../src/core/oauth-error.ts';
import { assertFormType, decodeComponent, parseForm, queryNames } from '../../src/routes/form.ts';
import { fc } from '../support/properties.ts';

const REPEATABLE = new Set(['audience', 'resource']);

function parse(body: string | Buffer): Record<string, readonly string[]> {
  return Object.fromEntries(parseForm(Buffer.from(body), REPEATABLE));
}

function keyOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof OAuthError) return error.key;
    throw error;
  }
  return 'accepted';
}

describe('content type (T2, T3, T8)', () => {
  test.each([
    'application/x-www-form-urlencoded',
    'Application/X-WWW-Form-URLencoded',
    'application/x-www-form-urlencoded; charset=UTF-8',
    'application/x-www-form-urlencoded ;charset=UTF-8',
  ])('accepts %s', (type) => {
    expect(keyOf(() => assertFormType(['Content-Type', type]))).toBe('accepted');
  });

  test.each([
    'application/json',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded2',
    'application/x-www-form-urlencoded, application/json',
    'text/application/x-www-form-urlencoded',
    '',
  ])('refuses %j', (type) => {
    expect(keyOf(() => assertFormType(['Content-Type', type]))).toBe('content_type');
  });

  test('refuses a missing one, a second one even when equal, and any Content-Encoding', () => {
    const type = ['content-type', 'application/x-www-form-urlencoded'];
    expect(keyOf(() => assertFormType([]))).toBe('content_type');
    expect(keyOf(() => assertFormType([...type, ...type]))).toBe('content_type');
    expect(keyOf(() => assertFormType([...type, 'Content-Encoding', 'identity']))).toBe('content_type');
  });
});

describe('decoding (T9)', () => {
  test('reads + as a space, %2B as a plus and UTF-8 in percent-encoding', () => {
    expect(parse('a=x+y%2Bz&b=%C3%BC')).toEqual({ a: ['x y+z'], b: ['\u00fc'] });
  });

  test('keeps a byte order mark, so that no two readers differ', () => {
    expect(parse('a=%EF%BB%BFx')).toEqual({ a: ['\ufeffx'] });
  });

  test.each(['a=%', 'a=%4', 'a=%zz', 'a=%4g', 'a=% 4', 'a=%+4', 'a=%-1', 'a=%0', '%=a', 'a=%u0041'])(
    'refuses malformed percent-encoding %s',
    (body) => {
      expect(keyOf(() => parse(body))).toBe('malformed_form');
    },
  );

  test.each(['a=%80', 'a=%C3', 'a=%C0%AF', 'a=%ED%A0%80', 'a=%F5%80%80%80', '%FF=a'])(
    'refuses invalid UTF-8 %s',
    (body) => {
      expect(keyOf(() => parse(body))).toBe('malformed_form');
    },
  );

  test('refuses raw bytes that are not UTF-8', () => {
    expect(keyOf(() => parse(Buffer.from([0x61, 0x3d, 0xc3])))).toBe('malformed_form');
    expect(parse(Buffer.from([0x61, 0x3d, 0xc3, 0xbc]))).toEqual({ a: ['\u00fc'] });
    expect(parse(Buffer.from('a=\xc3%bc', 'latin1'))).toEqual({ a: ['\u00fc'] });
    expect(keyOf(() => parse(Buffer.from('a=\xc3%c3', 'latin1')))).toBe('malformed_form');
  });

  test('refuses NUL, encoded or raw, in a name or a value, also of an unknown parameter', () => {
    for (const body of ['a=%00', 'a=x%00y', '%00=a', 'a=\0', 'unknown=%00']) {
      expect(keyOf(() => parse(body))).toBe('malformed_form');
    }
  });

  test('reads what URLSearchParams writes, whatever the text (property)', () => {
    const text = fc.string({ unit: 'binary', maxLength: 24 }).filter((value) => !value.includes('\0'));
    fc.assert(
      fc.property(text, (value) => {
        const body = new URLSearchParams([['a', value]]).toString();
        expect(parse(body)).toEqual(value === '' ? {} : { a: [value] });
      }),
    );
  });

  test('throws nothing but its own refusals on any bytes (property)', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(['accepted', 'malformed_form', 'repeated_parameter', 'too_many_parameters']).toContain(
          keyOf(() => parseForm(bytes, REPEATABLE)),
        );
      }),
    );
  });
});

describe('names (T5, T6, T7)', () => {
  test('may repeat for audience and resource only', () => {
    expect(parse('audience=a&audience=b&resource=c&resource=c')).toEqual({
      audience: ['a', 'b'],
      resource: ['c', 'c'],
    });
    expect(keyOf(() => parse('scope=a&scope=a'))).toBe('repeated_parameter');
  });

  test('repeat by their decoded text, also where a value is empty or the name unknown', () => {
    expect(keyOf(() => parse('subject_token=a&subject%5Ftoken=b'))).toBe('repeated_parameter');
    expect(keyOf(() => parse('subject_token=&subject_token=b'))).toBe('repeated_parameter');
    expect(keyOf(() => parse('x=1&x=1'))).toBe('repeated_parameter');
    expect(keyOf(() => parse('scope=a&Scope=b'))).toBe('accepted');
  });

  test('without a value are not there', () => {
    expect(parse('subject_token=&scope&audience=&audience=b&&')).toEqual({ audience: ['b'] });
  });

  test('are plain text: no arrays, no paths, no prototype', () => {
    const form = parseForm(
      Buffer.from('subject_token[]=a&a[b]=c&__proto__=x&constructor=y&hasOwnProperty=z'),
      REPEATABLE,
    );
    expect([...form.keys()]).toEqual(['subject_token[]', 'a[b]', '__proto__', 'constructor', 'hasOwnProperty']);
    expect(form.get('subject_token')).toBeUndefined();
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  test('end at the first equals sign', () => {
    expect(parse('a=b=c')).toEqual({ a: ['b=c'] });
  });
});

describe('number of pairs (T8)', () => {
  const pairs = (count: number) => Array.from({ length: count }, (_, index) => `p${index}=1`).join('&');

  test('is at most 64', () => {
    expect(keyOf(() => parse(pairs(64)))).toBe('accepted');
    expect(keyOf(() => parse(pairs(65)))).toBe('too_many_parameters');
  });
});

describe('names in a query (T4)', () => {
  test('are decoded as in a body, and stand as they are where they do not decode', () => {
    expect(queryNames('/x?subject%5Ftoken=a&b;c=d&%zz=1')).toEqual(['subject_token', 'b', 'c', '%zz']);
    expect(queryNames('/x')).toEqual([]);
  });
});

describe('decodeComponent', () => {
  test('returns text without escapes as it is', () => {
    expect(decodeComponent(Buffer.from('abc.DEF_-'))).toBe('abc.DEF_-');
  });
});
