import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { Kind } from '../resources/document.ts';
import { fieldName } from '../resources/field-name.ts';
import { yamlDocuments } from '../resources/yaml-documents.ts';
import { AdminError } from './admin-error.ts';

const SOURCE = 'request body';

/** The one object of a body, JSON or YAML by the reader of files. Throws AdminError `invalid`. */
export function submittedValue(text: string): JsonObject {
  const { documents, faults } = yamlDocuments(text);
  const [document, second] = documents;
  const found = [...faults, ...(document?.faults ?? [])].map(({ line, path, message, hint }) => ({
    source: SOURCE,
    line,
    field: fieldName(path),
    message,
    ...(hint !== undefined && { hint }),
    severity: 'error' as const,
  }));
  if (found.length > 0) throw new AdminError('invalid', { faults: found });
  if (second !== undefined) throw invalid('', 'must be one document');
  const value = document?.value;
  if (!isJsonObject(value)) throw invalid('', 'must be a mapping of fields');
  return value;
}

/**
 * The one document of a body under the kind and name that its path says. Throws AdminError `invalid`; what else is wrong
 * with it shows when it is compiled.
 */
export function submittedDocument(text: string, kind: Kind, name: string): JsonObject {
  const value = submittedValue(text);
  if (value['kind'] !== kind) throw invalid('kind', `must be ${kind}`);
  const metadata = value['metadata'];
  if (!isJsonObject(metadata) || metadata['name'] !== name)
    throw invalid('metadata.name', 'must be the name in the path');
  return value;
}

function invalid(field: string, message: string): AdminError {
  return new AdminError('invalid', { faults: [{ source: SOURCE, field, message, severity: 'error' }] });
}
