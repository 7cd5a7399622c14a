import { printable } from './style.ts';

/** Rows as a Markdown table; whatever a cell holds is text there, no markup, no link and no image. */
export function markdownTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  return [line(heading), line(heading.map(() => '---')), ...rows.map((row) => line(row.map(markdownText)))].join('');
}

/** Text that Markdown shows and does not act on. */
export function markdownText(text: string): string {
  return printable(text)
    .replace(/[\\`*_{}[\]()#+!|~]/g, '\\$&')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('@', '&#64;')
    .replaceAll('://', ':&#47;/');
}
