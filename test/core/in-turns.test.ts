import { describe, expect, test } from 'vitest';
import { inTurns } from '../../src/core/in-turns.ts';

describe('inTurns', () => {
  test('gives what map gives, and lets others run in between', async () => {
    const list = Array.from({ length: 2_001 }, (_, at) => at);
    const seen: number[] = [];
    let done = 0;
    const look = () => {
      seen.push(done);
      if (done < list.length) setImmediate(look);
    };
    setImmediate(look);
    const made = await inTurns(list, (one) => {
      done += 1;
      return one * 2;
    });
    expect(made).toEqual(list.map((one) => one * 2));
    expect(seen.filter((count) => count > 0 && count < list.length).length).toBeGreaterThan(2);
  });

  test('fails as map fails', async () => {
    const broken = inTurns([1, 2], (one) => {
      throw new RangeError(`${one}`);
    });
    await expect(broken).rejects.toThrow(RangeError);
  });
});
