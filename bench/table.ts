import { styleText } from 'node:util';
import type { Figure } from './figures.ts';
import { ROWS } from './rows.ts';

const LABELS = new Map(ROWS.map(({ key, label }) => [key, label]));

/** The rows as aligned text, in colours where they can be shown. */
export function table(figures: readonly Figure[], colours: boolean): string {
  const paint = (format: Parameters<typeof styleText>[0], text: string) =>
    colours && text !== '' ? styleText(format, text, { validateStream: false }) : text;
  const line = (label: string, cells: readonly string[]) =>
    `${label.padEnd(32)}${cells.map((cell) => cell.padStart(10)).join('')}`;
  const head = paint('bold', `${line('', ['median', 'min', 'max'])}       ratio`);
  const rows = figures.map((figure) => {
    const { median, min, max } = figure.spread;
    const cells = line(figure.label, [median, min, max].map(number));
    return `${cells} ${figure.unit.padEnd(4)} ${paint('cyan', ratio(figure))}`.trimEnd();
  });
  return [head, ...rows].join('\n');
}

function ratio({ ratio: found, against }: Figure): string {
  if (found === undefined || against === undefined) return '';
  const [median, min, max] = [found.median, found.min, found.max].map((value) => value.toFixed(2));
  const of =
    against.kind === 'share-of-L'
      ? 'of L'
      : against.kind === 'times'
        ? `times ${LABELS.get(against.key)}`
        : `in it of ${LABELS.get(against.key)}`;
  return `${median} (${min} to ${max}) ${of}`;
}

function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}
