import { describe, expect, test } from 'vitest';
import { LIMIT, ROWS } from '../../bench/rows.ts';
import { VARIANTS, variantsNamed } from '../../bench/variants.ts';

const namesOf = (only: readonly string[]) => variantsNamed(only).map(({ name }) => name);

describe('the variants of npm run bench --only', () => {
  test('are all of them when none is named', () => {
    expect(variantsNamed([])).toEqual(VARIANTS);
  });

  test('are found by whole name and by the part before a dot, and by no other beginning', () => {
    expect(namesOf(['peer'])).toEqual(['peer']);
    expect(namesOf(['tls'])).toEqual(['tls.new', 'tls.resumed']);
    expect(namesOf(['load'])).toEqual(['load']);
  });

  test('run in the order of a round whatever the order of their names', () => {
    expect(namesOf(['peer', 'exchange.full'])).toEqual(['exchange.full', 'peer']);
  });

  test.each(['pee', 'tls.', 'toString', ''])('refuse the name %j', (name) => {
    expect(() => variantsNamed(['peer', name])).toThrow(`there is no ${name}`);
  });
});

describe('the rows', () => {
  test('have one key each, and are set against rows that there are', () => {
    const keys = ROWS.map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    for (const { against } of ROWS) if (against !== undefined && 'key' in against) expect(keys).toContain(against.key);
    expect(keys).toEqual(expect.arrayContaining([...LIMIT.parts]));
  });

  test('have the same labels nowhere twice, so that a table can be read', () => {
    const labels = ROWS.map(({ label }) => label);
    expect(new Set(labels).size).toBe(labels.length);
  });
});
