import { checkAgainst, type ReadContext } from './context-checks.ts';
import { KINDS, type ValidDocument } from './document.ts';
import { documentDigest, keepDigest } from './document-digest.ts';
import { type Origin, type Reading, readDocuments } from './read-documents.ts';
import type { Place } from './simple-documents.ts';
import { documentLine, keepLine } from './stored-document.ts';
import { lineFinder, yamlDocuments } from './yaml-documents.ts';

/** Where in its text a document stands, and the digest of what it says. */
interface Kept extends Place {
  readonly digest: string;
}

/** Between the lines of documents: JSON has no raw tab. */
const SEPARATOR = '\t';

interface KeepableReading {
  readonly reading: Reading;
  /** Documents as their schemas gave them, in one line. Absent where anything is wrong with the text. */
  readonly kept?: string;
}

/** `readDocuments`, with what can be kept of it. */
export function readKeepably(text: string, origin: Origin, context: ReadContext): KeepableReading {
  const yaml = yamlDocuments(text);
  const reading = readDocuments(text, origin, context, yaml);
  const kept: Kept[] = [];
  const lines: string[] = [];
  for (const [at, { place }] of yaml.documents.entries()) {
    const document = reading.documents[at];
    if (document?.valid !== true || document.index !== at) continue;
    const digest = documentDigest(document);
    keepDigest(document, digest);
    kept.push({ ...place, digest });
    lines.push(documentLine(document));
  }
  const isFaultless = reading.complete && reading.faults.length === 0 && kept.length === yaml.documents.length;
  return { reading, ...(isFaultless && { kept: [JSON.stringify(kept), ...lines].join(SEPARATOR) }) };
}

/**
 * The reading of a text of which this was kept; the text, its origin and what reads it must be the same. What a document is
 * held to beside its text is asked again: undefined where it does not hold, which reading the text anew tells in full.
 */
export function readingOfKept(
  kept: string,
  text: string,
  { origin, context }: { readonly origin: Origin; readonly context: ReadContext },
): Reading | undefined {
  const [first = '', ...lines] = kept.split(SEPARATOR);
  const documents: ValidDocument[] = [];
  for (const [index, { digest, ...place }] of (JSON.parse(first) as readonly Kept[]).entries()) {
    const line = lines[index] ?? '';
    const { kind, name, labels, spec } = JSON.parse(line) as ValidDocument;
    const source = { ...origin, line: lineFinder(text, place) };
    // One text for all of a kind: they are compared and grouped by it.
    const document = {
      kind: KINDS.find((known) => known === kind),
      name,
      labels,
      source,
      index,
      valid: true,
      spec,
    } as ValidDocument;
    if (checkAgainst(document, context).length > 0) return undefined;
    keepDigest(document, digest);
    keepLine(document, line);
    documents.push(document);
  }
  return { documents, faults: [], complete: true };
}
