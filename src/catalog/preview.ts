import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Provenance } from '../core/author.ts';
import type { JsonObject } from '../core/json.ts';
import type { Compiled } from '../policy/compile.ts';
import type { Conditions } from '../policy/conditions/condition.ts';
import { conditionsFor } from '../policy/conditions/conditions-for.ts';
import type { Document, Fault, Kind } from '../resources/document.ts';
import { readDocuments } from '../resources/read-documents.ts';
import type { Loaded, LoadInput } from './load-resources.ts';
import { storedSource } from './stored-resources.ts';

/** What the store would hold under a kind and name: a document, or none. */
export interface StoredChange extends Provenance {
  readonly kind: Kind;
  readonly name: string;
  readonly document: JsonObject | undefined;
}

/** A changed document as it would be read. */
export interface ReadChange {
  /** Absent when there would be none, or when it cannot be named. */
  readonly document?: Document;
  /** What is wrong within it. */
  readonly ownFaults: readonly Fault[];
}

export interface Preview {
  /** In the order of the changes. */
  readonly changes: readonly ReadChange[];
  /** All resources as they would be. */
  readonly compiled: Compiled;
  /** What their conditions are compiled with. */
  readonly conditions: Conditions;
}

interface PreviewInput extends Omit<LoadInput, 'reading' | 'conditions'> {
  readonly loaded: Loaded;
  /** Milliseconds. */
  readonly now: number;
}

/** The next Snapshot if the store changed like this, by the very reader and compiler of a reload. Remembers nothing. */
export async function preview(changes: readonly StoredChange[], input: PreviewInput): Promise<Preview> {
  const { loaded, memory, compile, context } = input;
  const read: (ReadChange & { readonly id: string })[] = [];
  for (const change of changes) {
    read.push(readChange(change, input));
    // Requests are served between two documents.
    await nextTurn();
  }
  const changed = new Set(read.map(({ id }) => id));
  const documents = [
    ...loaded.documents.filter(({ source }) => !changed.has(source.id)),
    ...read.flatMap(({ document }) => document ?? []),
  ];
  const lastGood = memory.lastGood(documents);
  const conditions = await conditionsFor([...documents, ...lastGood], loaded.conditions);
  const compiled = compile({
    documents,
    firstSeen: (ofKind, ofName, source) => memory.firstSeen(ofKind, ofName, source),
    lastGood,
    context,
    conditions,
  });
  return { changes: read, compiled, conditions };
}

/**
 * A document as it would be read, whatever the time and the installation: for its labels and what it says, not for its
 * faults. Undefined where there is none, or none that can be named.
 */
export function readAlone({ kind, name, document }: StoredChange): Document | undefined {
  if (document === undefined) return undefined;
  const context = { development: true, now: Number.POSITIVE_INFINITY };
  return readDocuments(JSON.stringify(document), { id: storedSource(kind, name) }, context).documents[0];
}

function readChange({ kind, name, document: value, ...provenance }: StoredChange, { context, now }: PreviewInput) {
  const id = storedSource(kind, name);
  const text = value === undefined ? '' : JSON.stringify(value);
  const reading = readDocuments(text, { ...provenance, id }, { development: context.development, now });
  const [document] = reading.documents;
  return { id, ...(document !== undefined && { document }), ownFaults: reading.faults };
}
