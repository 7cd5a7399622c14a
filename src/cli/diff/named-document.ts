import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { KINDS } from '../../resources/document.ts';
import { RESOURCE_SCHEMAS } from '../../resources/resource-schemas.ts';
import type { NamedDocument } from './document-differences.ts';

/** A document under its kind and name, with the defaults of what it leaves out; none where it cannot be named. */
export function named(document: unknown): readonly NamedDocument[] {
  if (!isJsonObject(document)) return [];
  const { metadata } = document;
  const kind = KINDS.find((known) => known === document['kind']);
  const name = isJsonObject(metadata) ? metadata['name'] : undefined;
  if (kind === undefined || typeof name !== 'string') return [];
  const parsed = RESOURCE_SCHEMAS[kind].safeParse(document);
  // Without what is undefined, as JSON has it.
  const whole: JsonObject = parsed.success ? JSON.parse(JSON.stringify(parsed.data)) : document;
  return [{ kind, name, document: whole }];
}
