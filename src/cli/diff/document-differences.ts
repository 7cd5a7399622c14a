import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';

/** A field that is another, or is there on one side only. */
export interface FieldDifference {
  /** `spec.ttl.max` */
  readonly field: string;
  /** As JSON; absent where there was none. */
  readonly before?: string;
  readonly after?: string;
}

export interface DocumentDifference {
  readonly kind: string;
  readonly name: string;
  readonly change: 'added' | 'removed' | 'changed';
  /** Empty where the whole document comes or goes. */
  readonly fields: readonly FieldDifference[];
}

export interface NamedDocument {
  readonly kind: string;
  readonly name: string;
  readonly document: JsonObject;
}

/** What a server shows in the place of the name of a file. */
const HIDDEN_FILE = '(a file)';

/** By kind and name. What the second list lacks counts as removed. */
export function documentDifferences(
  before: readonly NamedDocument[],
  after: readonly NamedDocument[],
): readonly DocumentDifference[] {
  const old = new Map(before.map((one) => [keyOf(one), one]));
  const now = new Map(after.map((one) => [keyOf(one), one]));
  const found = [...new Set([...old.keys(), ...now.keys()])].sort().flatMap((key): DocumentDifference[] => {
    const [was, is] = [old.get(key), now.get(key)];
    const { kind, name } = is ?? was ?? { kind: '', name: '' };
    if (was === undefined) return [{ kind, name, change: 'added', fields: [] }];
    if (is === undefined) return [{ kind, name, change: 'removed', fields: [] }];
    const fields = fieldDifferences(was.document, is.document, '');
    return fields.length === 0 ? [] : [{ kind, name, change: 'changed', fields }];
  });
  return found;
}

/** Objects member by member; a list is one value, for its order may mean something. */
function fieldDifferences(
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  field: string,
): readonly FieldDifference[] {
  if (isDeepStrictEqual(plain(before), plain(after)) || isHidden(field, before, after)) return [];
  if (isJsonObject(before) && isJsonObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return names.flatMap((name) =>
      fieldDifferences(member(before, name), member(after, name), field === '' ? name : `${field}.${name}`),
    );
  }
  return [
    {
      field,
      ...(before !== undefined && { before: JSON.stringify(before) }),
      ...(after !== undefined && { after: JSON.stringify(after) }),
    },
  ];
}

/** A server tells that a file is named, and not which. */
function isHidden(field: string, before: JsonValue | undefined, after: JsonValue | undefined): boolean {
  return /(?:^|[.])(?:file|\w+File)$/.test(field) && before === HIDDEN_FILE && typeof after === 'string';
}

function member(object: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** Objects of the YAML reader have no prototype, those of JSON have one. */
function plain(value: JsonValue | undefined): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

function keyOf({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return `${kind}/${name}`;
}
