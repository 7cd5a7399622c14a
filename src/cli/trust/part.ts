import type { JsonValue } from '../../core/json.ts';

/** One thing that must be at a cloud: how it is made, how it is read, and whether what was read is it. */
export interface Part {
  /** What the cloud calls it; it names the answer that is read back. */
  readonly label: string;
  /** For people. */
  readonly title: string;
  /** Names of the mappings that need it. */
  readonly mappings: readonly string[];
  /** The thing itself, as the cloud's API takes it. */
  readonly desired: JsonValue;
  /** Lines of a shell script that makes or replaces it. */
  readonly commands: readonly string[];
  /** The command that prints it as JSON; it needs to read only. */
  readonly readCommand: string;
  /** A shell condition: elsewhere `readCommand` would read somebody else's thing of the same name. */
  readonly readWhere?: string;
  /** Blocks of Terraform, which name no part but those that are printed beside it, told by their labels. */
  terraform(isPrinted: (label: string) => boolean): string;
  /** What differs in the answer of `readCommand`. Reads it as hostile input; never throws. */
  compare(live: JsonValue): readonly Difference[];
}

/** How a field of a live thing is not as it should be. */
export interface Difference {
  readonly field: string;
  readonly expected: string;
  readonly found: string;
}

/** A value that is not there, in a difference. */
const ABSENT = '(absent)';

/** A list of fields, each with its one canonical text, against what was found. Fields that only one side has differ too. */
export function differences(
  expected: Readonly<Record<string, string>>,
  found: Readonly<Record<string, string>>,
): readonly Difference[] {
  const fields = [...new Set([...Object.keys(expected), ...Object.keys(found)])];
  return fields.flatMap((field) => {
    const difference = { field, expected: expected[field] ?? ABSENT, found: found[field] ?? ABSENT };
    return difference.expected === difference.found ? [] : [difference];
  });
}

/** One text for a value, whatever the order of what stands in a list. */
export function canonical(value: JsonValue | undefined): string {
  if (value === undefined) return ABSENT;
  if (Array.isArray(value)) return value.length === 1 ? canonical(value[0]) : value.map(canonical).sort().join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
