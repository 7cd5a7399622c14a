import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { code, escaped, folded, prose } from './markup.ts';

const REFERENCE = /^#\/components\/schemas\/([A-Za-z0-9_-]+)$/;
/** Deeper ones stand behind a link or as JSON. */
const MAX_DEPTH = 4;

/** The fields of a JSON Schema as a table; whatever is no object as a line. */
export function schemaMarkup(schema: unknown, depth = 0): string {
  if (!isJsonObject(schema)) return '';
  const { properties, required } = schema;
  if (!isJsonObject(properties) || Object.keys(properties).length === 0)
    return `<p>${typeOf(schema)}</p>${prose(schema['description'])}`;
  const needed = Array.isArray(required) ? required : [];
  const rows = Object.entries(properties).map(([name, member]) =>
    row(name, { schema: member, needed: needed.includes(name), depth }),
  );
  return `${prose(schema['description'])}${fieldTable(rows)}`;
}

/** A table of fields whose rows `row` made. */
export function fieldTable(rows: readonly string[]): string {
  return `<div class="scroll"><table><thead><tr><th scope="col">field</th><th scope="col">type</th><th scope="col">meaning</th></tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

export function row(name: string, { schema, needed, depth = 0, where = '', means }: Field): string {
  const inner = isJsonObject(schema) ? (isJsonObject(schema['items']) ? schema['items'] : schema) : {};
  const deeper = isJsonObject(inner['properties'])
    ? depth < MAX_DEPTH
      ? folded('fields', schemaMarkup({ ...inner, description: '' }, depth + 1))
      : code(inner)
    : '';
  const described = means ?? (isJsonObject(schema) ? schema['description'] : undefined);
  const must = needed ? ' <strong>required</strong>' : '';
  return `<tr><td><code>${escaped(name)}</code>${must}${where === '' ? '' : `<br>${escaped(where)}`}</td><td>${typeOf(schema)}</td><td>${prose(described)}${deeper}</td></tr>`;
}

interface Field {
  readonly schema: unknown;
  readonly needed: boolean;
  readonly depth?: number;
  /** `query`, `header`, `path`. */
  readonly where?: string;
  readonly means?: unknown;
}

function typeOf(schema: unknown): string {
  if (!isJsonObject(schema)) return '';
  const { $ref, type, enum: values, const: only, items, anyOf, format } = schema;
  const [, name] = typeof $ref === 'string' ? (REFERENCE.exec($ref) ?? []) : [];
  if (name !== undefined) return `<a href="#schema-${name}">${name}</a>`;
  if (Array.isArray(values)) return values.map((value) => word(String(value))).join(' or ');
  if (only !== undefined) return word(String(only));
  if (Array.isArray(anyOf)) return anyOf.map(typeOf).join(' or ');
  if (isJsonObject(items)) return `list of ${typeOf(items)}`;
  const [kind, form] = [escaped(String(type ?? 'any')), escaped(String(format ?? ''))];
  return `${kind}${form === '' ? '' : `, ${form}`}${limitsOf(schema)}`;
}

/** A value that may be a URN: it breaks behind its colons, if it has to. */
function word(value: string): string {
  return `<code>${escaped(value).replaceAll(':', ':<wbr>')}</code>`;
}

function limitsOf({ pattern, maxLength }: JsonObject): string {
  const most = typeof maxLength === 'number' ? `, at most ${maxLength} characters` : '';
  return `${most}${typeof pattern === 'string' ? `<br><code>${escaped(pattern)}</code>` : ''}`;
}
