import { describe, expect, test } from 'vitest';
import { TokenEnds } from '../../src/exchange/token-ends.ts';

const END = 'AbC-_09';

describe('TokenEnds', () => {
  test('are the same for tokens that end alike, whole numbers, and others where one of seven characters is another', () => {
    const ends = new TokenEnds();
    expect(ends.of(`one${END}`)).toBe(ends.of(`another${END}`));
    const others = Array.from(END, (_, at) => `token${END.slice(0, at)}x${END.slice(at + 1)}`);
    const all = [...others, `token${END}`, 'c', '', 'a.b', '~'.repeat(7)].map((token) => ends.of(token));
    expect(new Set(all).size).toBe(all.length);
    expect(all.filter((one) => !Number.isSafeInteger(one))).toEqual([]);
  });

  test('are not to be known outside: neither a number nor how far two are apart is that of another process', () => {
    const [mine, yours] = [new TokenEnds(), new TokenEnds()];
    for (let at = 0; at < END.length; at += 1) {
      const other = `${END.slice(0, at)}x${END.slice(at + 1)}`;
      expect(mine.of(other)).not.toBe(yours.of(other));
      expect(mine.of(other) - mine.of(END)).not.toBe(yours.of(other) - yours.of(END));
    }
  });
});
