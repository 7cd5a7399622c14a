import { stringify } from 'yaml';
import type { JsonObject } from '../core/json.ts';

/** A document as a file holds it: YAML that `readDocuments` reads as the same. */
export function documentText(document: JsonObject): string {
  return `---\n${stringify(document, { version: '1.1', aliasDuplicateObjects: false, lineWidth: 0 })}`;
}
