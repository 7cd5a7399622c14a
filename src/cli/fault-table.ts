import { relative } from 'node:path';
import type { Fault } from '../resources/document.ts';
import type { Style } from './style.ts';
import { table } from './table.ts';

interface Frame {
  readonly style: Style;
  readonly workingDirectory: string;
}

/** Faults of resources for people: severity, place, field, message and hint; errors first, then in order of place. */
export function faultTable(faults: readonly Fault[], { style, workingDirectory }: Frame): string {
  const rank = ({ severity }: Fault) => (severity === 'error' ? 0 : 1);
  const sorted = faults.toSorted(
    (a, b) =>
      rank(a) - rank(b) || (a.source < b.source ? -1 : Number(a.source > b.source)) || (a.line ?? 0) - (b.line ?? 0),
  );
  const rows = sorted.map((fault) => [
    fault.severity,
    place(fault, workingDirectory),
    [fault.kind, fault.name].filter((part) => part !== undefined).join('/'),
    fault.field,
    fault.message + (fault.hint === undefined ? '' : ` (${fault.hint})`),
  ]);
  return table(['severity', 'place', 'document', 'field', 'fault'], rows, style);
}

function place({ source, line }: Fault, workingDirectory: string): string {
  const near = relative(workingDirectory, source);
  const file = near === '' || near.startsWith('..') ? source : near;
  return line === undefined ? file : `${file}:${line}`;
}
