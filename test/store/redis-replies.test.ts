import { describe, expect, test } from 'vitest';
import { RedisReplies } from '../../src/store/redis-replies.ts';
import { fc } from '../support/properties.ts';

const GOOD = ['+OK\r\n', '-ERR no\r\n', ':-12\r\n', '$-1\r\n', '$0\r\n\r\n', '$4\r\na\r\n$\r\n', '$2\r\n+\n\r\n'];

function readAll(chunks: readonly string[]): number | undefined {
  const replies = new RedisReplies();
  let sum = 0;
  for (const chunk of chunks) {
    const ended = replies.read(Buffer.from(chunk, 'latin1'));
    if (ended === undefined) return undefined;
    sum += ended;
  }
  return sum;
}

function cut(text: string, at: readonly number[]): string[] {
  const ends = [...new Set(at.map((one) => one % text.length))].toSorted((a, b) => a - b);
  return [0, ...ends].map((from, index) => text.slice(from, ends[index]));
}

describe('RedisReplies', () => {
  test('counts answers wherever the network cuts them', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...GOOD), { minLength: 1 }), fc.array(fc.nat(500)), (answers, at) => {
        expect(readAll(cut(answers.join(''), at))).toBe(answers.length);
      }),
    );
  });

  test('refuses every other kind, and what only looks like an answer, however it is cut', () => {
    const bad = [
      '*1\r\n',
      '%1\r\n',
      '>1\r\n',
      '_\r\n',
      '|1\r\n',
      '(1\r\n',
      '\r\n',
      '\n',
      '+a\n',
      '+a\rb\r\n',
      ':1x\r\n',
      ':\r\n',
      '$-2\r\n',
      '$+1\r\n',
      '$1048577\r\n',
      '$1\r\nab\n',
      '$1\r\na\rb',
      `+${'a'.repeat(4095)}\r\n`,
    ];
    for (const said of bad) {
      expect(readAll([said]), JSON.stringify(said)).toBeUndefined();
      expect(readAll(['+OK\r\n', ...said]), JSON.stringify(said)).toBeUndefined();
    }
    expect(readAll([`+${'a'.repeat(4093)}\r\n`])).toBe(1);
    expect(readAll(['$1048576\r\n', 'a'.repeat(1_048_576), '\r', '\n'])).toBe(1);
  });
});
