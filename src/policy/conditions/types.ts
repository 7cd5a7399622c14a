/** Types of CEL as the checker knows them. A record is one of Carnet's variables, whose fields are all known. */
export type Type =
  | ScalarType
  | { readonly list: Type }
  | { readonly key: Type; readonly value: Type }
  | { readonly record: Readonly<Record<string, Type>> };

export type ScalarType =
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'null'
  | 'timestamp'
  | 'duration'
  /** Known only when it is asked: what stands in claims. */
  | 'dyn';

export const LIST: Type = { list: 'dyn' };
export const MAP: Type = { key: 'dyn', value: 'dyn' };

/** True when a value of one type may stand where the other is asked for; what is dynamic shows when it is asked. */
export function fits(actual: Type, wanted: Type): boolean {
  if (isRecord(actual) || isRecord(wanted)) return false;
  if (actual === 'dyn' || wanted === 'dyn') return true;
  if (typeof actual === 'string' || typeof wanted === 'string') return actual === wanted;
  if ('list' in actual) return 'list' in wanted && fits(actual.list, wanted.list);
  return 'key' in actual && 'key' in wanted && fits(actual.key, wanted.key) && fits(actual.value, wanted.value);
}

export function isRecord(type: Type): type is Extract<Type, { record: unknown }> {
  return typeof type === 'object' && 'record' in type;
}

/** As people read it in a fault. */
export function typeText(type: Type): string {
  if (typeof type === 'string') return type;
  if ('list' in type) return `list(${typeText(type.list)})`;
  return 'key' in type ? `map(${typeText(type.key)}, ${typeText(type.value)})` : 'a variable of Carnet';
}
