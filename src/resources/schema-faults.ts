import { z } from 'zod';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { nearestName } from './nearest-name.ts';

type Path = readonly (string | number)[];
type Issue = z.core.$ZodIssue;

/** As many as people read; each costs a look for its line and for the name that was meant. */
const MAX_FAULTS = 100;

/** One thing that a schema does not accept. */
export interface SchemaFault {
  readonly path: Path;
  readonly message: string;
  readonly hint?: string;
}

/**
 * What people are told of zod's issues: in their words, with the field and how to mend it, and never the value, which
 * may be something that was put in the wrong place. After the first hundred they are only counted.
 */
export function schemaFaults(schema: z.ZodType, value: unknown, issues: readonly Issue[]): SchemaFault[] {
  const whole = { value, known: knownFieldsOf(schema) };
  const told = issues
    .slice(0, MAX_FAULTS)
    .flatMap((issue) => faultsOf(issue, [], whole))
    .slice(0, MAX_FAULTS);
  const untold = issues.reduce((sum, issue) => sum + countOf(issue), 0) - told.length;
  return untold > 0 ? [...told, { path: [], message: `has ${untold} more faults` }] : told;
}

interface Whole {
  readonly value: unknown;
  /** Names that the schema has at a path. */
  readonly known: (path: Path) => readonly string[];
}

/** Faults that an issue is told as. */
function countOf(issue: Issue): number {
  return issue.code === 'unrecognized_keys' ? issue.keys.length : 1;
}

function faultsOf(issue: Issue, base: Path, whole: Whole): SchemaFault[] {
  const path = [...base, ...issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.slice(0, MAX_FAULTS).map((key) => unknownField([...path, key], whole));
    case 'invalid_union':
      return unionFaults(issue, path, whole);
    case 'invalid_key':
      return [{ path, message: `is not a legal key: ${issue.issues[0]?.message ?? ''}` }];
    case 'invalid_type':
      return [typeFault(issue.expected, path, valueAt(whole.value, path))];
    case 'custom':
      return [{ path, message: issue.message, ...hintOf(issue.params?.['hint']) }];
    case 'invalid_value':
      return [valueFault(issue.values.map(String), path, valueAt(whole.value, path))];
    default:
      return [{ path, message: lowerFirst(issue.message) }];
  }
}

function unknownField(path: Path, whole: Whole): SchemaFault {
  const known = whole.known(path.slice(0, -1));
  const nearest = nearestName(String(path.at(-1)), known);
  const hint = nearest === undefined ? `known fields: ${known.join(', ') || 'none'}` : `did you mean ${nearest}?`;
  return { path, message: 'is not a known field', hint };
}

/** The faults of the member that the value was meant for: the one that got furthest into it. */
function unionFaults(issue: z.core.$ZodIssueInvalidUnion, path: Path, whole: Whole): SchemaFault[] {
  // No member has this value of the field that tells them apart.
  if ('options' in issue && issue.options !== undefined) {
    return [valueFault(issue.options.map(String), path, valueAt(whole.value, path))];
  }
  const members = issue.errors.map((issues) => issues.flatMap((inner) => faultsOf(inner, path, whole)));
  const deeper = members.find(
    (faults) => faults.length > 0 && faults.every((fault) => fault.path.length > path.length),
  );
  if (deeper !== undefined) return deeper;
  return [
    {
      path,
      message: `must be one of: ${members
        .flat()
        .map(({ message }) => message)
        .join('; ')}`,
    },
  ];
}

function typeFault(expected: string, path: Path, value: unknown): SchemaFault {
  if (value === undefined) return { path, message: 'is required' };
  const kind = expected === 'record' ? 'object' : expected;
  const message = `must be ${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind}`;
  if (value === null)
    return { path, message, hint: kind === 'object' ? 'write {}' : 'give it a value or leave it out' };
  const quotable = kind === 'string' && (typeof value === 'number' || typeof value === 'boolean');
  return { path, message, ...(quotable && { hint: 'put it in quotes' }) };
}

function valueFault(legal: readonly string[], path: Path, value: unknown): SchemaFault {
  if (value === undefined) return { path, message: 'is required', hint: `one of ${legal.join(', ')}` };
  const nearest = typeof value === 'string' ? nearestName(value, legal) : undefined;
  const message = legal.length === 1 ? `must be ${legal[0]}` : `must be one of ${legal.join(', ')}`;
  return { path, message, ...hintOf(nearest === undefined ? undefined : `did you mean ${nearest}?`) };
}

function hintOf(hint: unknown): { hint?: string } {
  return typeof hint === 'string' ? { hint } : {};
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function valueAt(value: unknown, path: Path): unknown {
  let current: unknown = value;
  for (const part of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, part)) return undefined;
    current = (current as Record<string | number, unknown>)[part];
  }
  return current;
}

/** Names that a schema has at a path, read from its JSON Schema, which is made at most once. */
function knownFieldsOf(schema: z.ZodType): Whole['known'] {
  return (path) => {
    let nodes: JsonObject[] = [describedBy(schema)];
    for (const part of path) nodes = nodes.flatMap(branches).flatMap((node) => step(node, part));
    return nodes.flatMap(branches).flatMap((node) => Object.keys(member(node, 'properties') ?? {}));
  };
}

/** A millisecond's work for a schema, and thousands of documents may be wrong at once. */
const descriptions = new WeakMap<z.ZodType, JsonObject>();

function describedBy(schema: z.ZodType): JsonObject {
  const known = descriptions.get(schema);
  if (known !== undefined) return known;
  const description = z.toJSONSchema(schema, { io: 'input' }) as unknown as JsonObject;
  descriptions.set(schema, description);
  return description;
}

function branches(node: JsonObject): JsonObject[] {
  const alternatives = [node['anyOf'], node['oneOf'], node['allOf']].filter((list) => Array.isArray(list)).flat();
  return [node, ...alternatives.filter(isJsonObject).flatMap(branches)];
}

function step(node: JsonObject, part: string | number): JsonObject[] {
  const next = typeof part === 'number' ? node['items'] : member(node, 'properties')?.[part];
  return isJsonObject(next) ? [next] : [];
}

function member(node: JsonObject, name: string): JsonObject | undefined {
  const value: JsonValue | undefined = node[name];
  return isJsonObject(value) ? value : undefined;
}
