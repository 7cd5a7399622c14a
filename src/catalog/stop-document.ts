import { hash } from 'node:crypto';
import { type Author, authorFrom } from '../core/author.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { API_VERSION } from '../resources/document.ts';
import type { StoredVersion } from './stored-value.ts';

/** An emergency stop that the store does not have yet, or not as far as this replica knows. */
export interface HeldStop {
  readonly name: string;
  /** A Guardrail that denies whom it matches, and nothing else. */
  readonly document: JsonObject;
  /** Who wrote it, as the store keeps it. */
  readonly author: Author;
  /** When, in milliseconds. */
  readonly at: number;
}

const NAME = /^stop-[a-z0-9-]{0,57}[a-z0-9]$/;
const FIELDS: ReadonlySet<string> = new Set(['match', 'deny', 'message']);
const MAX_BYTES = 4096;
/** More than anybody sees through; what lies in a cache is bounded by it. */
export const MAX_STOPS = 64;
export const MAX_STOPS_BYTES = MAX_STOPS * (MAX_BYTES + 1024);

/** Whether a document can do nothing but deny, and says so by its name. What is wrong within it shows when it is compiled. */
export function isStop(document: JsonObject): boolean {
  const { apiVersion, kind, metadata, spec, ...others } = document;
  if (apiVersion !== API_VERSION || kind !== 'Guardrail' || Object.keys(others).length > 0) return false;
  if (!isJsonObject(metadata) || !isJsonObject(spec)) return false;
  const { name, ...more } = metadata;
  if (typeof name !== 'string' || !NAME.test(name) || Object.keys(more).length > 0) return false;
  if (Buffer.byteLength(JSON.stringify(document)) > MAX_BYTES) return false;
  return typeof spec['deny'] === 'string' && Object.keys(spec).every((field) => FIELDS.has(field));
}

/** The stop under a name of its own, for where another one has its name: the same on every replica. */
export function besideOther(stop: HeldStop): HeldStop {
  const name = `${stop.name.slice(0, 54)}-${hash('sha256', JSON.stringify(stop.document), 'hex').slice(0, 8)}`;
  return { ...stop, name, document: { ...stop.document, metadata: { name } } };
}

/** Whether one of these versions of its name is this very stop, or the last one says the same. */
export function isAmong({ document, at }: HeldStop, versions: readonly StoredVersion[]): boolean {
  const text = JSON.stringify(document);
  const last = versions.at(-1);
  return versions.some((one) => (one === last || one.at === at) && JSON.stringify(one.document) === text);
}

/** The stops of a text that `stopsText` wrote; undefined when it is anything else. */
export function stopsFrom(text: string): readonly HeldStop[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!Array.isArray(value) || value.length > MAX_STOPS) return undefined;
    const stops = value.map(stopFrom);
    return stops.includes(undefined) ? undefined : stops.filter((stop) => stop !== undefined);
  } catch {
    return undefined;
  }
}

export function stopsText(stops: readonly HeldStop[]): string {
  return JSON.stringify(stops.map(({ document, author, at }) => ({ document, author, at })));
}

function stopFrom(value: unknown): HeldStop | undefined {
  if (!isJsonObject(value)) return undefined;
  const { document, at } = value;
  const author = authorFrom(value['author']);
  if (!isJsonObject(document) || author === undefined || typeof at !== 'number' || !isStop(document)) return undefined;
  const { metadata } = document;
  return { name: String(isJsonObject(metadata) ? metadata['name'] : ''), document, author, at };
}
