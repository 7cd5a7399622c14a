import { checkAgainst, type ReadContext } from './context-checks.ts';
import { KINDS, type ValidDocument } from './document.ts';
import { type Origin, type Reading, readDocuments } from './read-documents.ts';
import { lineFinder, type Place, yamlDocuments } from './yaml-documents.ts';

/** What a document says that its schema accepts, and where in its text it stands. JSON holds all of it. */
export type KeptDocument = Pick<ValidDocument, 'kind' | 'name' | 'labels' | 'spec'> & { readonly place: Place };

interface KeepableReading {
  readonly reading: Reading;
  /** Absent where anything is wrong with the text. */
  readonly kept?: readonly KeptDocument[];
}

/** `readDocuments`, with what can be kept of it. */
export function readKeepably(text: string, origin: Origin, context: ReadContext): KeepableReading {
  const yaml = yamlDocuments(text);
  const reading = readDocuments(text, origin, context, yaml);
  const kept = yaml.documents.flatMap(({ place }, at) => {
    const document = reading.documents[at];
    if (document?.valid !== true || document.index !== at) return [];
    const { kind, name, labels, spec } = document;
    return [{ kind, name, labels, spec, place } as KeptDocument];
  });
  const isFaultless = reading.complete && reading.faults.length === 0 && kept.length === yaml.documents.length;
  return { reading, ...(isFaultless && { kept }) };
}

/**
 * The reading of a text of which this was kept; the text and what reads it must be the same. What a document is held to
 * beside its text is asked again: undefined where it does not hold, which reading the text anew tells in full.
 */
export function readingOfKept(
  kept: readonly KeptDocument[],
  text: string,
  { origin, context }: { readonly origin: Origin; readonly context: ReadContext },
): Reading | undefined {
  const documents: ValidDocument[] = [];
  for (const [index, { kind, name, labels, spec, place }] of kept.entries()) {
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
    documents.push(document);
  }
  return { documents, faults: [], complete: true };
}
