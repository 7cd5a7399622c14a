import type { Loaded } from '../catalog/load-resources.ts';
import { storedSource } from '../catalog/stored-resources.ts';
import type { Provenance } from '../core/author.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { isPrivateJwk } from '../core/private-jwk.ts';
import { API_VERSION, type Document, type Fault } from '../resources/document.ts';
import { fileReferences } from '../resources/file-references.ts';

/** One resource as the admin API shows it. */
export interface ResourceView {
  readonly document: JsonObject;
  /** `store`: may be changed through the API. `file`: is changed there, `path` as configured, `line` of its beginning. */
  readonly source:
    | ({ readonly type: 'store' } & Provenance)
    | { readonly type: 'file'; readonly path: string; readonly line: number };
  /** `faulty`: something is wrong with it, and its last good version stands in its place, or it refuses. */
  readonly state: 'in-force' | 'faulty';
  readonly faults: readonly Fault[];
}

/**
 * How documents of the last reading are shown. What a `*File` field names is not for the eyes of a caller. Looks at all
 * resources once, so that a page costs little more than one document.
 */
export function viewsOf({
  compiled,
  faults,
}: Pick<Loaded, 'compiled' | 'faults'>): (document: Document) => ResourceView {
  const inForce = new Set(compiled.accepted.map(({ kind, name, source }) => keyOf(kind, name, source.id)));
  const found = Map.groupBy(faults, ({ kind, name, source }) => keyOf(kind, name, source));
  return (document) => {
    const key = keyOf(document.kind, document.name, document.source.id);
    return {
      document: textOf(document),
      source: sourceOf(document),
      state: inForce.has(key) ? 'in-force' : 'faulty',
      faults: found.get(key) ?? [],
    };
  };
}

function keyOf(kind: string | undefined, name: string | undefined, source: string): string {
  return `${kind}/${name} ${source}`;
}

/** A whole document of its parts, as JSON has it. */
export function documentOf({ kind, name, labels, spec: given }: Parts): JsonObject {
  const spec = JSON.parse(JSON.stringify(given ?? null)) as JsonValue;
  const metadata = { name, ...(Object.keys(labels).length > 0 && { labels }) };
  return { apiVersion: API_VERSION, kind, metadata, spec };
}

interface Parts extends Pick<Document, 'kind' | 'name' | 'labels'> {
  readonly spec: unknown;
}

function textOf(document: Document): JsonObject {
  const { kind, name, labels } = document;
  const whole = documentOf({ kind, name, labels, spec: document.valid ? document.spec : withoutKeys(document.raw) });
  const { spec = null } = whole;
  return fileReferences({ kind, spec }).reduce((shown, { path }) => withoutFile(shown, path), whole);
}

/** Of a private key in a faulty document is shown that it is there: no schema has kept it out. */
function withoutKeys(raw: unknown): unknown {
  const withoutKey = (_name: string, value: unknown) =>
    isJsonObject(value) && Object.hasOwn(value, 'kty') && isPrivateJwk(value) ? '(a private key)' : value;
  return JSON.parse(JSON.stringify(raw ?? null, withoutKey));
}

function sourceOf(document: Document): ResourceView['source'] {
  const { source } = document;
  if (!isStored(document)) return { type: 'file', path: source.id, line: source.line([]) };
  const { id: _, baseDirectory: __, line: ___, ...provenance } = source;
  return { type: 'store', ...provenance };
}

export function isStored({ kind, name, source }: Document): boolean {
  return source.id === storedSource(kind, name);
}

function withoutFile(document: JsonObject, [first = '', ...rest]: readonly string[]): JsonObject {
  const inner = document[first];
  if (rest.length === 0) return { ...document, [first]: '(a file)' };
  return isJsonObject(inner) ? { ...document, [first]: withoutFile(inner, rest) } : document;
}
