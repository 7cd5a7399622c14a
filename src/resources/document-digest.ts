import { hash } from 'node:crypto';
import type { Document } from './document.ts';

/** Of documents that an earlier start has read: no digest is made of them again. */
const KEPT = new WeakMap<Document, string>();

/** SHA-256 in hex of what a document says and by whom, the same wherever it stands. */
export function documentDigest(document: Document): string {
  return KEPT.get(document) ?? digestOf(document);
}

/** `digest` must be what `documentDigest` gives. */
export function keepDigest(document: Document, digest: string): void {
  KEPT.set(document, digest);
}

function digestOf({ kind, name, labels, source, ...said }: Document): string {
  const author = source.author === undefined ? [] : [source.author];
  return hash('sha256', canonical([kind, name, labels, said.valid, said.valid ? said.spec : said.raw, ...author]));
}

/** JSON with members sorted; what JSON cannot say counts as null, absent members do not count. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = value as Readonly<Record<string, unknown>>;
  let text = '';
  for (const key of Object.keys(members).sort()) {
    const member = members[key];
    if (member !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonical(member)}`;
  }
  return `{${text}}`;
}
