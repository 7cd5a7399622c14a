import { authorFrom, type Provenance, personFrom } from '../core/author.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';

/** What one version of a stored resource says. */
export interface StoredVersion extends Provenance {
  /** Absent where it was deleted. */
  readonly document?: JsonObject;
}

/** The value that the store keeps. */
export function storedValue({ document, author, proposedBy, why, set, at }: StoredVersion): JsonValue {
  return {
    document: document ?? null,
    ...(author !== undefined && { author: { ...author } }),
    ...(proposedBy !== undefined && { proposedBy: { ...proposedBy } }),
    ...(why !== undefined && { why }),
    ...(set !== undefined && { set }),
    ...(at !== undefined && { at }),
  };
}

/** What a value of the store says; older ones hold the document alone. */
export function versionFrom(value: unknown): StoredVersion {
  if (!isJsonObject(value)) return {};
  const { document, why, set, at } = value;
  const author = authorFrom(value['author']);
  const proposedBy = personFrom(value['proposedBy']);
  return {
    ...(isJsonObject(document) && { document }),
    ...(author !== undefined && { author }),
    ...(proposedBy !== undefined && { proposedBy }),
    ...(typeof why === 'string' && { why }),
    ...(typeof set === 'string' && { set }),
    ...(typeof at === 'number' && { at }),
  };
}
