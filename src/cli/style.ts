import { styleText } from 'node:util';
import type { Output, Surroundings } from './surroundings.ts';

type Format = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
export interface Style {
  (format: Format, text: string): string;
  /** How wide the terminal is; absent where there is none, or none that says so. */
  readonly columns?: number;
}

/** Colours for a terminal, plain text for everything else, and wherever NO_COLOR is set (no-color.org). */
export function styleOf(output: Output, env: Surroundings['env']): Style {
  const colours = output.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  const style = (format: Format, text: string) => (colours ? styleText(format, text, { validateStream: false }) : text);
  const { isTTY, columns = 0 } = output;
  return isTTY === true && columns > 0 ? Object.assign(style, { columns }) : style;
}

/** Text from elsewhere, made safe for a terminal: control and invisible direction characters become `?`. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}

/** JSON of a value from elsewhere, in visible ASCII: what a terminal might act on is escaped, and it parses to the same. */
export function printableJson(value: unknown, indent?: number): string {
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value, null, indent).replace(/[\u007f-\uffff]/g, escaped);
}
