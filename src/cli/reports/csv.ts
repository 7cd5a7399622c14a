import { printable } from '../style.ts';

/**
 * Rows as CSV (RFC 4180), a heading first, every cell quoted. A cell that a spreadsheet would take for a formula begins
 * with an apostrophe, and control characters are gone: what a claim or a name says must not run at the reader's desk.
 */
export function csv(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  return [heading, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

/** Full-width twins are taken for the same signs by some spreadsheets. */
const FORMULA = /^[\s'"]*[=+\-@\uff1d\uff0b\uff0d\uff20|]/;

function cell(text: string): string {
  const safe = printable(text);
  return `"${(FORMULA.test(safe) ? `'${safe}` : safe).replaceAll('"', '""')}"`;
}
