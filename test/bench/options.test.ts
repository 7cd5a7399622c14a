import { describe, expect, test } from 'vitest';
import { readOptions } from '../../bench/options.ts';

describe('the options of npm run bench', () => {
  test('are five rounds with full counts unless told', () => {
    const { rounds, quick, counts } = readOptions([]);
    expect({ rounds, quick }).toEqual({ rounds: 5, quick: false });
    expect(counts.warmRequests).toBeGreaterThanOrEqual(1000);
  });

  test('are one round with smaller counts in quick mode, and more rounds where they are asked for', () => {
    expect(readOptions(['--quick']).rounds).toBe(1);
    expect(readOptions(['--quick', '--rounds', '3']).rounds).toBe(3);
    const [quick, full] = [readOptions(['--quick']).counts, readOptions([]).counts];
    for (const name of Object.keys(full) as (keyof typeof full)[]) expect(quick[name]).toBeLessThan(full[name]);
  });

  test('name parts to run, draw plots and count to a million only where they are asked to', () => {
    expect(readOptions([])).toMatchObject({ only: [], plots: false });
    const { only, plots, counts } = readOptions(['--only', 'peer,tls', '--plots', '--million']);
    expect({ only, plots }).toEqual({ only: ['peer', 'tls'], plots: true });
    expect(counts).toEqual({ ...readOptions([]).counts, growth: 1_000_000 });
  });

  test.each(['0', '-1', '1.5', '100', 'many', ''])('refuse --rounds=%s', (rounds) => {
    expect(() => readOptions([`--rounds=${rounds}`])).toThrow('--rounds takes a number from 1 to 99');
  });

  test('refuse an option that does not exist', () => {
    expect(() => readOptions(['--fast'])).toThrow("Unknown option '--fast'");
  });
});
