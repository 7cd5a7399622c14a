import { describe, expect, test } from 'vitest';
import { jsonObjectIn, retryAfter } from '../../src/federation/answer.ts';

describe('the answer of a target', () => {
  test('is read as a JSON object or as nothing', () => {
    expect(jsonObjectIn(Buffer.from('{"a":1}'))).toEqual({ a: 1 });
    for (const text of ['', '[]', '1', 'null', '"a"', '{"a":1', '<html></html>', '{"a":1}{}']) {
      expect(jsonObjectIn(Buffer.from(text)), text).toBeUndefined();
    }
    expect(jsonObjectIn(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toBeUndefined();
  });

  test('sends callers away for whole seconds, one to three hundred, or says nothing', () => {
    const said = (text: string) => retryAfter({ headers: { 'retry-after': text } });
    expect(['1', '21', '300'].map(said)).toEqual([1, 21, 300]);
    expect(['0', '301', '999999999'].map(said)).toEqual([1, 300, 300]);
    for (const text of ['', '-1', '1.5', '1e3', 'Fri, 27 Nov 2026 09:00:00 GMT', '1'.repeat(10)]) {
      expect(said(text), text).toBeUndefined();
    }
    expect(retryAfter({ headers: {} })).toBeUndefined();
  });
});
