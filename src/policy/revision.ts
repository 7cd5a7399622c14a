import { createHash } from 'node:crypto';
import type { Document } from '../resources/document.ts';

/**
 * `r-` and 16 hex digits of SHA-256 over the content and the authors of all documents and of the last good versions kept in the place of
 * faulty ones: equal wherever the same resources are in force, whatever the order and the files they stand in.
 */
export function revisionOf(documents: readonly Document[], kept: readonly Document[]): string {
  const hash = createHash('sha256');
  for (const part of [documents, kept]) {
    const texts = part.map(contentOf).sort();
    hash.update(`${texts.length}\n`);
    for (const text of texts) hash.update(`${text}\n`);
  }
  return `r-${hash.digest('hex').slice(0, 16)}`;
}

/** Most documents of a revision were in the one before it. */
const contents = new WeakMap<Document, string>();

function contentOf(document: Document): string {
  const known = contents.get(document);
  if (known !== undefined) return known;
  const content = writtenContentOf(document);
  contents.set(document, content);
  return content;
}

function writtenContentOf(document: Document): string {
  const { kind, name, labels, source } = document;
  const author = source.author === undefined ? [] : [source.author];
  return canonical([kind, name, labels, document.valid, document.valid ? document.spec : document.raw, ...author]);
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
