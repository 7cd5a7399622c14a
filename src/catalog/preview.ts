import type { JsonObject } from '../core/json.ts';
import type { Compiled } from '../policy/compile.ts';
import { conditionsFor } from '../policy/conditions/conditions-for.ts';
import type { Document, Fault, Kind } from '../resources/document.ts';
import { readDocuments } from '../resources/read-documents.ts';
import type { Loaded, LoadInput } from './load-resources.ts';
import { storedSource } from './stored-resources.ts';

/** What the store would hold under a kind and name: a document, or none. */
export interface StoredChange {
  readonly kind: Kind;
  readonly name: string;
  readonly document: JsonObject | undefined;
}

export interface Preview {
  /** The changed document as it would be read; absent when there would be none, or when it cannot be named. */
  readonly document?: Document;
  /** What is wrong within it. */
  readonly ownFaults: readonly Fault[];
  /** All resources as they would be. */
  readonly compiled: Compiled;
}

interface PreviewInput extends Omit<LoadInput, 'reading' | 'conditions'> {
  readonly loaded: Loaded;
  /** Milliseconds. */
  readonly now: number;
}

/** The next Snapshot if the store changed like this, by the very reader and compiler of a reload. Remembers nothing. */
export async function preview({ kind, name, document }: StoredChange, input: PreviewInput): Promise<Preview> {
  const { loaded, memory, compile, context, now } = input;
  const id = storedSource(kind, name);
  const text = document === undefined ? '' : JSON.stringify(document);
  const reading = readDocuments(text, { id }, { development: context.development, now });
  const documents = [...loaded.documents.filter(({ source }) => source.id !== id), ...reading.documents];
  const lastGood = memory.lastGood(documents);
  const compiled = compile({
    documents,
    firstSeen: (ofKind, ofName, source) => memory.firstSeen(ofKind, ofName, source),
    lastGood,
    context,
    conditions: await conditionsFor([...documents, ...lastGood], loaded.conditions),
  });
  const [read] = reading.documents;
  return { ...(read !== undefined && { document: read }), ownFaults: reading.faults, compiled };
}
