import type { Coverage } from '../../audit/history.ts';
import { printable, type Style } from '../style.ts';

/** What an answer covers, in one line for people. */
export function coverageLine(covered: Omit<Coverage, 'next'>, style: Style): string {
  const { streams, from, until, complete, unreadable } = covered;
  if (streams.length === 0) return `${style('yellow', 'there is no audit log here')}\n`;
  const window = printable(`${from} to ${until}, of ${streams.join(', ')}`);
  const bound = complete ? '' : style('yellow', '; older records were not looked at');
  const broken = unreadable > 0 ? style('red', `; ${unreadable} lines are no sound records: carnet audit verify`) : '';
  return `${style('dim', `looked at ${window}`)}${bound}${broken}\n`;
}
