import { isJsonObject } from '../../core/json.ts';
import type { Attributes } from './condition.ts';

const MAX_VALUES = 16;
const MAX_LENGTH = 64;

/** The attributes at the paths, for audit and explain: `identity.pod = "a", issuer.labels.env is missing`. */
export function valuesOf(attributes: Attributes, paths: readonly string[]): string {
  return paths
    .slice(0, MAX_VALUES)
    .map((path) => {
      const value = valueAt(attributes, path);
      return value === undefined ? `${path} is missing` : `${path} = ${shown(path, value)}`;
    })
    .join(', ');
}

function valueAt(attributes: Attributes, path: string): unknown {
  let current: unknown = attributes;
  for (const name of path.split('.')) {
    if (!isJsonObject(current) || !Object.hasOwn(current, name)) return undefined;
    current = current[name];
  }
  return current;
}

function shown(path: string, value: unknown): string {
  if (path === 'request.time' && typeof value === 'number') return new Date(value).toISOString();
  if (path === 'request.ttl') return `${value} s`;
  if (typeof value === 'object') return '...';
  const text = JSON.stringify(value);
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}...` : text;
}
