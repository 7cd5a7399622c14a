import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Author } from '../core/author.ts';
import type { ReadContext } from '../resources/context-checks.ts';
import type { Document, Fault, Kind } from '../resources/document.ts';
import { readDocuments } from '../resources/read-documents.ts';
import type { Compilation, Compiling } from './compiling.ts';
import type { Loaded } from './load-resources.ts';

/** Documents that might come into force. */
export interface CandidateDocuments {
  /** YAML or JSON documents; each takes the place of what has its kind and name. */
  readonly text: string;
  /** What would be deleted. */
  readonly remove?: readonly { readonly kind: Kind; readonly name: string }[];
  /** Of what is in force nothing stays but what `text` says again. */
  readonly replaceAll?: boolean;
  /** Who writes each of them, where that is not as it was: both undefined where there is none. May throw. */
  readonly authorOf?: (before: Document | undefined, after: Document | undefined) => Author;
}

export interface Candidate extends Compilation {
  /** What the text holds. */
  readonly proposed: readonly Document[];
  /** Errors within it, by lines of the text. */
  readonly ownFaults: readonly Fault[];
  readonly documents: readonly Document[];
}

interface CandidateInput {
  readonly loaded: Loaded;
  readonly compiling: Compiling;
  readonly readContext: ReadContext;
}

const PROPOSED = 'candidate';
/** Where YAML begins another document, whatever stands around it. */
const MARKER = /^(?=---(?:[ \t\r\n]|$))/m;
/** Each is looked at, also where there is nothing in it; a document that says anything takes a hundred characters. */
const MAX_DOCUMENTS = 40_000;
/** As many as anybody is told of. */
const MAX_FAULTS = 100;

/**
 * All resources as they would be. What has the kind and name of a document in force counts as another version of that
 * one, wherever that comes from, so that a change to a file can be judged too. No file that it names is read.
 */
export async function candidate(wanted: CandidateDocuments, input: CandidateInput): Promise<Candidate> {
  const { loaded, compiling, readContext } = input;
  const read = await readProposed(wanted.text, readContext);
  const inForce = new Map(loaded.documents.map((one) => [keyOf(one), one]));
  const { authorOf, remove = [] } = wanted;
  const proposed = read.documents.map((one) => {
    const former = inForce.get(keyOf(one));
    return written(inPlaceOf(former, one), authorOf?.(former, one));
  });
  for (const one of remove) authorOf?.(inForce.get(keyOf(one)), undefined);
  const gone = new Set([...proposed, ...remove].map(keyOf));
  const kept = wanted.replaceAll === true ? [] : loaded.documents.filter((one) => !gone.has(keyOf(one)));
  const documents = [...kept, ...proposed];
  const compilation = await compiling.candidate(documents, loaded);
  return { ...compilation, proposed, ownFaults: read.faults, documents };
}

/** Requests are served between two documents. */
async function readProposed(text: string, context: ReadContext) {
  const documents: Document[] = [];
  const faults: Fault[] = [];
  let above = 0;
  const parts = text.split(MARKER, MAX_DOCUMENTS + 1);
  if (parts.length > MAX_DOCUMENTS) {
    const message = `must not hold more than ${MAX_DOCUMENTS} documents`;
    return { documents, faults: [{ source: PROPOSED, field: '', message, severity: 'error' as const }] };
  }
  for (const part of parts) {
    if (faults.length >= MAX_FAULTS) break;
    const before = above;
    // A base directory marks what may name files; nothing is read from it.
    const reading = readDocuments(part, { id: PROPOSED, baseDirectory: '/' }, context);
    for (const one of reading.documents) {
      const { source } = one;
      documents.push({
        ...one,
        index: documents.length,
        source: { ...source, line: (path) => before + source.line(path) },
      });
    }
    for (const fault of reading.faults)
      faults.push(fault.line === undefined ? fault : { ...fault, line: before + fault.line });
    above += part.split('\n').length - 1;
    await nextTurn();
  }
  return { documents, faults };
}

/** Under the source of the former version, which then is the one first seen there. */
function inPlaceOf(former: Document | undefined, one: Document): Document {
  if (former === undefined) return one;
  const { source } = former;
  return { ...one, index: former.index, source: { ...source, line: (path) => one.source.line(path) } };
}

function written(one: Document, author: Author | undefined): Document {
  return author === undefined ? one : { ...one, source: { ...one.source, author } };
}

function keyOf({ kind, name }: { readonly kind: Kind; readonly name: string }): string {
  return `${kind}/${name}`;
}
