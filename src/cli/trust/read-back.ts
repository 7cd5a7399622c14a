import type { JsonValue } from '../../core/json.ts';
import { CommandError, ExitCode } from '../exit-code.ts';

const MAX_BYTES = 16 * 1024 * 1024;

/**
 * The answers of clouds by their labels. The text is JSON values one after the other, each answer behind its label, a
 * string; a label without an answer is what the cloud does not have, or would not show. Throws CommandError `configuration`.
 */
export function readAnswers(text: string): ReadonlyMap<string, JsonValue> {
  if (text.length > MAX_BYTES) throw unreadable('is larger than 16 MiB');
  const answers = new Map<string, JsonValue>();
  let label: string | undefined;
  for (const value of valuesIn(text)) {
    if (typeof value === 'string') label = value;
    else if (label === undefined) throw unreadable('has an answer without a label before it');
    else if (answers.has(label)) throw unreadable('has two answers behind one label');
    else answers.set(label, value);
  }
  return answers;
}

/** JSON values with nothing or blanks between them. */
function* valuesIn(text: string): Generator<JsonValue> {
  const token = /"(?:[^"\\]|\\.)*"|[[\]{}]|[^\s"[\]{}]+/gs;
  let depth = 0;
  let start = 0;
  for (const { 0: part, index } of text.matchAll(token)) {
    if (depth === 0) start = index;
    if (part === '{' || part === '[') depth += 1;
    if (part === '}' || part === ']') depth -= 1;
    if (depth === 0) yield parsed(text.slice(start, index + part.length));
  }
  if (depth !== 0) throw unreadable('ends in the middle of an answer');
}

function parsed(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unreadable('is not JSON as the command lines of the clouds print it', error);
  }
}

function unreadable(what: string, cause?: unknown): CommandError {
  const hint = 'it is the output of the script that -o read-script prints';
  return new CommandError(ExitCode.configuration, `what --against names ${what}; ${hint}`, { cause });
}
