import {
  getConformanceSuite,
  type IncrementalTest,
  type IncrementalTestSuite,
} from '@bufbuild/cel-spec/testdata/tests.js';

/** One case of the CEL specification's own data, as a condition that must be true, or must be an error. */
export interface SpecCase {
  /** `file/section/name`. */
  readonly name: string;
  readonly file: string;
  /** Absent: it is a case that cannot be put as a condition, for the reason given. */
  readonly condition?: string;
  readonly skipped?: 'variables' | 'container' | 'no value' | 'type or message';
  readonly expected: 'true' | 'error';
  /** Whether the checker of cel-go refuses it. */
  readonly refusedByGo: boolean;
}

type Value = Extract<IncrementalTest['original']['resultMatcher'], { case: 'value' }>['value'];

export function specCases(): readonly SpecCase[] {
  return getConformanceSuite().suites.flatMap((file) => casesOf(file, file.name));
}

function casesOf(suite: IncrementalTestSuite, path: string): readonly SpecCase[] {
  return [
    ...suite.suites.flatMap((inner) => casesOf(inner, `${path}/${inner.name}`)),
    ...suite.tests.map((test) => caseOf(test, path)),
  ];
}

function caseOf({ original, name, error }: IncrementalTest, path: string): SpecCase {
  const { expr, typeEnv, bindings, container, resultMatcher } = original;
  const base = { name: `${path}/${name}`, file: path.split('/')[0] ?? path, refusedByGo: error !== undefined };
  const isError = resultMatcher.case === 'evalError';
  const common = { ...base, expected: isError ? ('error' as const) : ('true' as const) };
  if (typeEnv.length > 0 || Object.keys(bindings).length > 0) return { ...common, skipped: 'variables' };
  if (container !== '') return { ...common, skipped: 'container' };
  if (isError) return { ...common, condition: `(${expr}\n) == (${expr}\n)` };
  if (resultMatcher.case !== 'value' && resultMatcher.case !== 'typedResult') return { ...common, skipped: 'no value' };
  const value = resultMatcher.case === 'value' ? resultMatcher.value : resultMatcher.value.result;
  const written = value === undefined ? undefined : writtenOut(value);
  if (written === undefined) return { ...common, skipped: 'type or message' };
  return { ...common, condition: written === 'true' ? expr : `(${expr}\n) == ${written}` };
}

/** A value as CEL writes it, undefined for types and messages, which have no literal. */
function writtenOut({ kind }: Value): string | undefined {
  switch (kind.case) {
    case 'nullValue':
      return 'null';
    case 'boolValue':
    case 'int64Value':
      return String(kind.value);
    case 'uint64Value':
      return `${kind.value}u`;
    case 'doubleValue':
      return Number.isFinite(kind.value) ? kind.value.toExponential() : undefined;
    case 'stringValue':
      return JSON.stringify(kind.value);
    case 'bytesValue':
      return `b"${[...kind.value].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}"`;
    case 'listValue':
      return all(kind.value.values.map(writtenOut), '[]');
    case 'mapValue':
      return all(
        kind.value.entries.map(({ key, value }) =>
          all(
            [key, value].map((one) => one && writtenOut(one)),
            '',
            ': ',
          ),
        ),
        '{}',
      );
    default:
      return undefined;
  }
}

function all(parts: readonly (string | undefined)[], brackets: string, between = ', '): string | undefined {
  if (parts.includes(undefined)) return undefined;
  return `${brackets.charAt(0)}${parts.join(between)}${brackets.charAt(1)}`;
}
