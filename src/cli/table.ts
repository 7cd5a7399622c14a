import type { Style } from './style.ts';
import { printable } from './style.ts';

/** Rows in columns two spaces apart, with a heading; the last column is as long as it needs to be. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[], style: Style): string {
  const cells = rows.map((row) => row.map(printable));
  const widths = heading.map((name, column) =>
    Math.max(name.length, ...cells.map((row) => [...(row[column] ?? '')].length)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        column === row.length - 1 ? cell : cell + ' '.repeat((widths[column] ?? 0) - [...cell].length),
      )
      .join('  ')
      .trimEnd();
  return [style('bold', line(heading)), ...cells.map(line)].map((text) => `${text}\n`).join('');
}
