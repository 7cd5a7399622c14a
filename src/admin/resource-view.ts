import type { Loaded } from '../catalog/load-resources.ts';
import { storedSource } from '../catalog/stored-resources.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { API_VERSION, type Document, type Fault } from '../resources/document.ts';
import { fileReferences } from '../resources/file-references.ts';

/** One resource as the admin API shows it. */
export interface ResourceView {
  readonly document: JsonObject;
  /** `store`: may be changed through the API. `file`: is changed there, `path` as configured, `line` of its beginning. */
  readonly source: { readonly type: 'store' } | { readonly type: 'file'; readonly path: string; readonly line: number };
  /** `faulty`: something is wrong with it, and its last good version stands in its place, or it refuses. */
  readonly state: 'in-force' | 'faulty';
  readonly faults: readonly Fault[];
}

/** A document of the last reading. What a `*File` field names is not for the eyes of a caller. */
export function viewOf(document: Document, { compiled, faults }: Loaded): ResourceView {
  const { kind, name, labels, source } = document;
  const spec = JSON.parse(JSON.stringify((document.valid ? document.spec : document.raw) ?? null)) as JsonValue;
  const metadata = { name, ...(Object.keys(labels).length > 0 && { labels }) };
  const whole: JsonObject = { apiVersion: API_VERSION, kind, metadata, spec };
  const hidden = fileReferences({ kind, spec }).map(({ path }) => path);
  return {
    document: hidden.reduce(withoutFile, whole),
    source: isStored(document) ? { type: 'store' } : { type: 'file', path: source.id, line: source.line([]) },
    state: compiled.accepted.some((one) => isSame(one, document)) ? 'in-force' : 'faulty',
    faults: faults.filter((fault) => fault.kind === kind && fault.name === name && fault.source === source.id),
  };
}

export function isStored({ kind, name, source }: Document): boolean {
  return source.id === storedSource(kind, name);
}

function isSame(one: Document, other: Document): boolean {
  return one.kind === other.kind && one.name === other.name && one.source.id === other.source.id;
}

function withoutFile(document: JsonObject, [first = '', ...rest]: readonly string[]): JsonObject {
  const inner = document[first];
  if (rest.length === 0) return { ...document, [first]: '(a file)' };
  return isJsonObject(inner) ? { ...document, [first]: withoutFile(inner, rest) } : document;
}
