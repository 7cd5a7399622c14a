import type { Document, Fault } from '../resources/document.ts';
import { fieldName } from '../resources/field-name.ts';

interface FaultText {
  readonly message: string;
  readonly hint?: string | undefined;
}

/** A fault of a document at a field, with its line; an empty path means the document. */
export function errorAt(document: Document, path: readonly (string | number)[], text: FaultText): Fault {
  return at(document, path, text, 'error');
}

/** The same as a warning, which changes nothing of what is loaded. */
export function warningAt(document: Document, path: readonly (string | number)[], text: FaultText): Fault {
  return at(document, path, text, 'warning');
}

function at(
  { source, kind, name }: Document,
  path: readonly (string | number)[],
  { message, hint }: FaultText,
  severity: Fault['severity'],
): Fault {
  return {
    source: source.id,
    line: source.line(path),
    kind,
    name,
    field: fieldName(path),
    message,
    ...(hint !== undefined && { hint }),
    severity,
  };
}
