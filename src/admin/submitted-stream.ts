import { setImmediate as nextTurn } from 'node:timers/promises';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { Fault } from '../resources/document.ts';
import { fieldName } from '../resources/field-name.ts';
import { name as nameSchema } from '../resources/names.ts';
import { yamlDocuments } from '../resources/yaml-documents.ts';
import { AdminError } from './admin-error.ts';
import { ADMIN_KINDS, type Target } from './change/edit.ts';

const SOURCE = 'request body';
/** YAML lets a line begin so nowhere but between documents (YAML 1.2 section 9.1.2). */
const SEPARATOR = /^(?=---(?:[ \t\r]|$))/m;
const MAX_TOLD_FAULTS = 100;
/** Each is looked at, also where there is nothing in it; a document that says anything takes a hundred characters. */
const MAX_DOCUMENTS = 40_000;

export interface Submitted extends Target {
  readonly document: JsonObject;
}

/**
 * The documents of a body, YAML or JSON, in their order. They are read one after the other, so that requests are served
 * in between; each is at most 1 MiB. Throws AdminError `invalid` with the faults of all, each with its line, and where there
 * is no document: nobody deletes a whole set by a path that was mistyped.
 */
export async function submittedStream(text: string): Promise<readonly Submitted[]> {
  const found: Submitted[] = [];
  const faults: Fault[] = [];
  const seen = new Set<string>();
  let line = 0;
  const parts = text.split(SEPARATOR, MAX_DOCUMENTS + 1);
  if (parts.length > MAX_DOCUMENTS) {
    throw new AdminError('invalid', { faults: [faultOf('', `must not hold more than ${MAX_DOCUMENTS} documents`, 1)] });
  }
  for (const part of parts) {
    if (faults.length >= MAX_TOLD_FAULTS) break;
    const read = yamlDocuments(part);
    const wrong = [...read.faults, ...read.documents.flatMap((one) => one.faults)];
    faults.push(...wrong.map((fault) => faultOf(fieldName(fault.path), fault.message, line + fault.line)));
    for (const document of read.documents) {
      const target = targetOf(document.value);
      const key = typeof target === 'string' ? target : `${target.kind} ${target.name}`;
      const message = typeof target === 'string' ? target : seen.has(key) ? `${key} is there twice` : undefined;
      if (message !== undefined) faults.push(faultOf('', message, line + document.line([])));
      else if (typeof target !== 'string') found.push({ ...target, document: document.value as JsonObject });
      seen.add(key);
    }
    line += part.split('\n').length - 1;
    await nextTurn();
  }
  if (found.length === 0 && faults.length === 0) faults.push(faultOf('', 'holds no document', 1));
  if (faults.length > 0) throw new AdminError('invalid', { faults: faults.slice(0, MAX_TOLD_FAULTS) });
  return found;
}

/** Which document a value is, or why that cannot be told. */
function targetOf(value: unknown): Target | string {
  if (!isJsonObject(value)) return 'must be a mapping of fields';
  const kind = ADMIN_KINDS.find((known) => known === value['kind']);
  if (kind === undefined) return `kind must be one of ${ADMIN_KINDS.join(', ')}`;
  const metadata = value['metadata'];
  const name = nameSchema.safeParse(isJsonObject(metadata) ? metadata['name'] : undefined);
  return name.success ? { kind, name: name.data } : 'metadata.name must be a DNS label';
}

function faultOf(field: string, message: string, line: number): Fault {
  return { source: SOURCE, line, field, message, severity: 'error' };
}
