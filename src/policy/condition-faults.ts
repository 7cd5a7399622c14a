import type { Document, Fault } from '../resources/document.ts';
import type { CompiledCondition } from './conditions/condition.ts';
import { errorAt } from './fault.ts';

interface Place {
  readonly path: readonly string[];
  readonly text: string;
}

/** What is wrong with a condition, each with its place in the text: `line 2, column 7`, or the column of a single line. */
export function conditionFaults(document: Document, { path, text }: Place, compiled: CompiledCondition): Fault[] {
  if (compiled.ok) return [];
  return compiled.faults.map(({ offset, message, hint }) =>
    errorAt(document, path, { message: `${placeIn(text, offset)}: ${message}`, hint }),
  );
}

function placeIn(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  const column = `column ${(before.at(-1)?.length ?? 0) + 1}`;
  return text.trimEnd().includes('\n') ? `line ${before.length}, ${column}` : column;
}
