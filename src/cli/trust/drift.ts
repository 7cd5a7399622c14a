import type { JsonValue } from '../../core/json.ts';
import { printable, printableJson, styleOf } from '../style.ts';
import type { Surroundings } from '../surroundings.ts';
import type { Difference, Part } from './part.ts';

/** A part as it should be against what the cloud has. */
export interface Drift {
  readonly label: string;
  readonly title: string;
  readonly state: 'same' | 'differs' | 'absent';
  readonly differences: readonly Difference[];
}

export function driftOf(part: Part, live: JsonValue | undefined): Drift {
  const { label, title } = part;
  if (live === undefined) return { label, title, state: 'absent', differences: [] };
  const differences = part.compare(live);
  return { label, title, state: differences.length === 0 ? 'same' : 'differs', differences };
}

export function isDrift({ state }: Drift): boolean {
  return state !== 'same';
}

/** A line for each part, and below it what the cloud has (-) and what it should have (+). */
export function printDrift(
  drifts: readonly Drift[],
  output: string,
  { out, env }: Pick<Surroundings, 'out' | 'env'>,
): void {
  const drifted = drifts.filter(isDrift).length;
  if (output === 'json') {
    out.write(`${printableJson({ drifted, parts: drifts }, 2)}\n`);
    return;
  }
  const style = styleOf(out, env);
  for (const { label, title, state, differences } of drifts) {
    out.write(`${style(COLOURS[state], state.padEnd(7))}  ${title}\n         ${style('dim', label)}\n`);
    for (const { field, expected, found } of differences) {
      out.write(`         ${printable(field)}\n`);
      out.write(`${style('red', `         - ${printable(found)}`)}\n`);
      out.write(`${style('green', `         + ${printable(expected)}`)}\n`);
    }
    if (state === 'absent') out.write('         not there, or not shown to whoever read it\n');
  }
  const summary = `${drifts.length} parts, ${drifted} not as they should be`;
  out.write(`${style(drifted > 0 ? 'red' : 'green', summary)}\n`);
}

const COLOURS = { same: 'green', differs: 'red', absent: 'red' } as const;
