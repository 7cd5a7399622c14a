import { styleText } from 'node:util';

const colours = process.stdout.isTTY === true || process.env['FORCE_COLOR'] !== undefined;
const paint = (format: Parameters<typeof styleText>[0], text: string) =>
  colours ? styleText(format, text, { validateStream: false }) : text;

/** What the audience of the demo sees: a few coloured lines per step. */
export const screen = {
  title(text: string): void {
    console.log(`\n${paint(['bold', 'cyan'], text)}`);
  },
  step(number: number, text: string): void {
    console.log(`\n${paint('bold', `${number}  ${text}`)}`);
  },
  /** A label and a value, aligned. */
  fact(label: string, value: string): void {
    console.log(`   ${paint('dim', label.padEnd(16))} ${value}`);
  },
  good(text: string): void {
    console.log(`   ${paint('green', '✓')} ${text}`);
  },
  /** A refusal that was meant to happen. */
  refused(text: string): void {
    console.log(`   ${paint('yellow', '✗')} ${text}`);
  },
  bad(text: string): void {
    console.log(`\n${paint('red', `✗ ${text}`)}`);
  },
  lines(text: string): void {
    for (const line of text.trimEnd().split('\n')) console.log(`     ${line}`);
  },
};
