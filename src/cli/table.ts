import type { Style } from './style.ts';
import { printable } from './style.ts';

type Row = readonly string[];

/** What the last column needs at least beside the others: its texts may go on in the next line. */
const LAST_COLUMN = 20;

/**
 * Rows in columns two spaces apart, with a heading; the last column is as long as it needs to be. A terminal that is too
 * narrow for them gets a block for each row, with a line for each cell that holds something. `paint` is for the lines of rows.
 */
export function table(
  heading: Row,
  rows: readonly Row[],
  style: Style,
  paint: (line: string, row: number) => string = (line) => line,
): string {
  const cells = rows.map((row) => row.map(printable));
  const widths = heading.map((name, column) =>
    cells.reduce((most, row) => Math.max(most, [...(row[column] ?? '')].length), name.length),
  );
  const before = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
  if (before + Math.min(widths.at(-1) ?? 0, LAST_COLUMN) > (style.columns ?? Number.POSITIVE_INFINITY)) {
    return cells.map((row, at) => block(heading, row, (line) => paint(style('bold', line), at))).join('');
  }
  const line = (row: Row) =>
    row
      .map((cell, column) =>
        column === row.length - 1 ? cell : cell + ' '.repeat((widths[column] ?? 0) - [...cell].length),
      )
      .join('  ')
      .trimEnd();
  return [style('bold', line(heading)), ...cells.map((row, at) => paint(line(row), at))]
    .map((text) => `${text}\n`)
    .join('');
}

/** The first cell alone, and below it the others, each behind the name of its column. */
function block(heading: Row, [first = '', ...others]: Row, paint: (line: string) => string): string {
  const names = heading.slice(1);
  const width = Math.max(0, ...names.map((name) => name.length));
  const lines = others.flatMap((cell, at) => (cell === '' ? [] : [`  ${(names[at] ?? '').padEnd(width)}  ${cell}`]));
  return [paint(first), ...lines].map((text) => `${text}\n`).join('');
}
