import { stringify } from 'yaml';
import type { JsonObject } from '../core/json.ts';

/** What a terminal may act on or nobody sees, and what YAML does not allow as it is: direction marks, line separators, C1. */
const HIDDEN = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}\ufffe\uffff]/gu;

/** A document as a file holds it: YAML that `readDocuments` reads as the same. What is hidden in it shows as an escape. */
export function documentText(document: JsonObject): string {
  const text = stringify(document, { version: '1.1', aliasDuplicateObjects: false, lineWidth: 0 });
  if (text.search(HIDDEN) < 0) return `---\n${text}`;
  // JSON is YAML in which every text stands in quotes, where escapes can be.
  return `---\n${JSON.stringify(document, null, 2).replace(HIDDEN, escaped)}\n`;
}

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
