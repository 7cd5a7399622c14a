import { describe, expect, test } from 'vitest';
import { styleOf } from '../../src/cli/style.ts';
import { table } from '../../src/cli/table.ts';

const HEADING = ['mapping', 'owner', 'reaches'];
const ROWS = [
  ['ledger', 'ledger@example.org', 'jwtSvid ledger'],
  ['reports', '', 'aws arn:aws:iam::111122223333:role/payments-reports'],
];
const on = (columns: number | undefined, isTTY = true) =>
  styleOf({ write: () => true, isTTY, ...(columns !== undefined && { columns }) }, { NO_COLOR: '1' });

describe('table', () => {
  const flat = `mapping  owner               reaches
ledger   ledger@example.org  jwtSvid ledger
reports                      aws arn:aws:iam::111122223333:role/payments-reports
`;

  test.each([
    ['a pipe, whatever it says of its width', on(10, false)],
    ['a terminal that does not say how wide it is', on(undefined)],
    ['a terminal that holds all columns but the last, and a part of that', on(49)],
  ])('is lines and columns for %s', (_, style) => {
    expect(table(HEADING, ROWS, style)).toBe(flat);
  });

  test('is lines and columns for more rows than a call of a function takes', () => {
    const rows = Array.from({ length: 200_000 }, () => ['a', 'b', 'c']);
    expect(table(HEADING, rows, on(undefined)).split('\n', 2)).toEqual([
      'mapping  owner  reaches',
      'a        b      c',
    ]);
  });

  test('is a block for each row on a terminal that is too narrow, without the cells that are empty', () => {
    expect(table(HEADING, ROWS, on(48))).toBe(`ledger
  owner    ledger@example.org
  reaches  jwtSvid ledger
reports
  reaches  aws arn:aws:iam::111122223333:role/payments-reports
`);
  });

  test('paints the lines of rows in either form, and makes what is in them safe for a terminal', () => {
    const paint = (line: string, row: number) => `<${row}${line}>`;
    expect(table(['a', 'b'], [['x\u001b', 'y']], on(80), paint)).toBe('a   b\n<0x?  y>\n');
    expect(table(['a', 'b'], [['x\u001b', 'y']], on(3), paint)).toBe('<0x?>\n  b  y\n');
  });
});
