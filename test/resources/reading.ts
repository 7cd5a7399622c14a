import { type Document, type Fault, KINDS, type Kind } from '../../src/resources/document.ts';
import { type Reading, readDocuments } from '../../src/resources/read-documents.ts';

export const NOW = Date.parse('2026-11-22T09:00:00Z');

/** Reads a text as the file `/etc/carnet/test.yaml`. */
export function read(text: string, context: { development?: boolean; folder?: string | null } = {}): Reading {
  const { development = false, folder = '/etc/carnet' } = context;
  const origin = { id: '/etc/carnet/test.yaml', ...(folder !== null && { baseDirectory: folder }) };
  return readDocuments(text, origin, { development, now: NOW });
}

/** A document of a kind with a spec in JSON, which is YAML too. */
export function resource(kind: Kind, spec: unknown, name = 'x'): string {
  return JSON.stringify({ apiVersion: 'carnet.dev/v1alpha1', kind, metadata: { name }, spec });
}

/** `field: message` of each fault of a document. */
export function faultsOf(kind: Kind, spec: unknown, context = {}): readonly string[] {
  return read(resource(kind, spec), context).faults.map(({ field, message }: Fault) => `${field}: ${message}`);
}

export function onlyDocument(text: string): Document {
  const [document] = read(text).documents;
  if (document === undefined || !KINDS.includes(document.kind)) throw new Error('no document');
  return document;
}
