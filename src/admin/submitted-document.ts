import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { Kind } from '../resources/document.ts';
import { fieldName } from '../resources/field-name.ts';
import { yamlDocuments } from '../resources/yaml-documents.ts';
import { AdminError } from './admin-error.ts';

/**
 * The one document of a body, JSON or YAML by the reader of files, under the kind and name that its path says. Throws
 * AdminError `invalid`; what else is wrong with it shows when it is compiled.
 */
export function submittedDocument(text: string, kind: Kind, name: string): JsonObject {
  const { documents, faults } = yamlDocuments(text);
  const [document, second] = documents;
  const found = [...faults, ...(document?.faults ?? [])].map(({ line, path, message, hint }) =>
    fault(kind, { line, field: fieldName(path), message, ...(hint !== undefined && { hint }) }),
  );
  if (second !== undefined) found.push(fault(kind, { field: '', message: 'must be one document' }));
  const value = document?.value;
  if (found.length > 0) throw new AdminError('invalid', { faults: found });
  if (!isJsonObject(value)) throw invalid(kind, '', 'must be a mapping of fields');
  if (value['kind'] !== kind) throw invalid(kind, 'kind', `must be ${kind}`);
  const metadata = value['metadata'];
  if (!isJsonObject(metadata) || metadata['name'] !== name) {
    throw invalid(kind, 'metadata.name', 'must be the name in the path');
  }
  return value;
}

function invalid(kind: Kind, field: string, message: string): AdminError {
  return new AdminError('invalid', { faults: [fault(kind, { field, message })] });
}

function fault(kind: Kind, what: { line?: number; field: string; message: string; hint?: string }) {
  return { source: 'request body', kind, severity: 'error' as const, ...what };
}
