import type { Replay } from '../../admin/replay/replay.ts';
import { markdownTable, markdownText } from '../markdown.ts';
import { printable, type Style } from '../style.ts';
import { table } from '../table.ts';
import { EXAMPLE_HEADING, type Section, sectionsOf, summaryOf } from './replay-report.ts';

const MAX_EXAMPLES = 12;

/** For people at a terminal. */
export function replayText(replay: Replay, style: Style): string {
  const facts = summaryOf(replay).map(([name, value]) => `${name.padEnd(16)}${printable(value)}\n`);
  const sections = sectionsOf(replay).map((section) => sectionText(section, style));
  const verdict = sections.length === 0 ? style('green', 'nothing differs') : '';
  return `${facts.join('')}${sections.map((text) => `\n${text}`).join('')}${verdict && `\n${verdict}\n`}`;
}

function sectionText({ title, count, heading, rows, examples }: Section, style: Style): string {
  const few = examples.slice(0, MAX_EXAMPLES);
  const shown = few.length === 0 ? '' : `${style('dim', 'for example')}\n${table(EXAMPLE_HEADING, few, style)}`;
  return `${style('bold', `${title}: ${count}`)}\n${table(heading, rows, style)}${shown}`;
}

/** For a pull request: tables, with the examples folded in. */
export function replayMarkdown(replay: Replay, window: string): string {
  const sections = sectionsOf(replay);
  const facts = summaryOf(replay).map(([name, value]) => `- ${name}: ${markdownText(value)}\n`);
  const verdict = sections.length === 0 ? 'Nothing differs.\n\n' : '';
  return `### Replay of ${window}\n\n${verdict}${sections.map(sectionMarkdown).join('')}${folded('what was replayed', facts.join(''))}`;
}

function sectionMarkdown({ title, count, heading, rows, examples }: Section): string {
  const few = examples.slice(0, MAX_EXAMPLES);
  const shown = few.length === 0 ? '' : folded('examples', markdownTable(EXAMPLE_HEADING, few));
  return `**${title}: ${count}**\n\n${markdownTable(heading, rows)}\n${shown}`;
}

function folded(summary: string, content: string): string {
  return `<details><summary>${summary}</summary>\n\n${content}\n</details>\n\n`;
}
