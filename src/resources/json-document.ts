import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { MAX_NESTING } from './yaml-nodes.ts';

/** Escapes that the YAML reader may have another opinion of. */
const UNICODE_ESCAPE = '\\u';

/**
 * The object of a text that `JSON.stringify` wrote, as the YAML reader gives it: without prototypes. Undefined for every
 * other text, and where that reader might find a fault: then it has to be asked. An order of magnitude quicker.
 */
export function jsonDocument(text: string): JsonObject | undefined {
  if (!text.startsWith('{') || text.includes(UNICODE_ESCAPE)) return undefined;
  const value = parsed(text);
  // Written otherwise, a key could be there twice, or a number be another one in YAML.
  if (!isJsonObject(value) || JSON.stringify(value) !== text) return undefined;
  const copy = copyOf(value, 0);
  return isJsonObject(copy) ? copy : undefined;
}

function parsed(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Undefined where there is anything for the YAML reader to judge. */
function copyOf(value: JsonValue, depth: number): JsonValue | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_NESTING) return undefined;
  if (Array.isArray(value)) {
    const items = value.map((item: JsonValue) => copyOf(item, depth + 1));
    return items.every((item) => item !== undefined) ? items : undefined;
  }
  const object: Record<string, JsonValue> = Object.create(null);
  for (const [name, member] of Object.entries(value)) {
    const copy = name === '__proto__' ? undefined : copyOf(member, depth + 1);
    if (copy === undefined) return undefined;
    object[name] = copy;
  }
  return object;
}
