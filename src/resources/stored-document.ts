import { authorFrom } from '../core/author.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { KINDS, type ValidDocument } from './document.ts';
import { labels as labelsSchema, name as nameSchema } from './names.ts';
import { SPEC_SCHEMAS } from './resource-schemas.ts';

/** Of each document the line that it was found to say: most are there again at the next reading. */
const LINES = new WeakMap<ValidDocument, string>();

/** A valid document as one line of JSON; equal documents give equal lines. */
export function documentLine(document: ValidDocument): string {
  const known = LINES.get(document);
  if (known !== undefined) return known;
  const line = lineOf(document);
  LINES.set(document, line);
  return line;
}

/** `line` must be what `documentLine` gives: of equal texts, this one is held from now on. */
export function keepLine(document: ValidDocument, line: string): void {
  LINES.set(document, line);
}

function lineOf({ kind, name, labels, spec, source, index }: ValidDocument): string {
  const baseDirectory = source.baseDirectory ?? null;
  const { id, author } = source;
  return JSON.stringify({ kind, name, labels, source: id, baseDirectory, ...(author && { author }), index, spec });
}

/**
 * The document of a line, or undefined when today's schema does not accept it: an old version is held to the rules that
 * hold now. Its fields have no lines of their own any more.
 */
export function documentFromLine(line: string): ValidDocument | undefined {
  const value = parseLine(line);
  const kind = KINDS.find((known) => known === value?.['kind']);
  if (value === undefined || kind === undefined) return undefined;
  const spec = SPEC_SCHEMAS[kind].safeParse(value['spec']);
  const name = nameSchema.safeParse(value['name']);
  const labels = labelsSchema.safeParse(value['labels']);
  const { source, baseDirectory, index } = value;
  const author = authorFrom(value['author']);
  if (!spec.success || !name.success || !labels.success || typeof source !== 'string') return undefined;
  return {
    kind,
    valid: true,
    name: name.data,
    labels: labels.data,
    spec: spec.data,
    index: typeof index === 'number' ? index : 0,
    source: {
      id: source,
      ...(author && { author }),
      ...(typeof baseDirectory === 'string' && { baseDirectory }),
      line: () => 1,
    },
  } as ValidDocument;
}

function parseLine(line: string): JsonObject | undefined {
  try {
    const value: JsonValue = JSON.parse(line);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
