import { expect, test } from 'vitest';
import { instantText } from '../../src/core/instant.ts';

test('an instant is written as RFC 3339 with milliseconds, also right after another one and again', () => {
  const first = Date.parse('2026-11-22T09:00:00.123Z');
  const asked = [first, first, first + 1, first].map(instantText);
  const [one, next] = ['2026-11-22T09:00:00.123Z', '2026-11-22T09:00:00.124Z'];
  expect(asked).toEqual([one, one, next, one]);
});

test('what is no instant is refused, and does not become one by asking twice', () => {
  expect(() => instantText(Number.NaN)).toThrow(RangeError);
  expect(() => instantText(8.64e15 + 1)).toThrow(RangeError);
  expect(() => instantText(8.64e15 + 1)).toThrow(RangeError);
});
