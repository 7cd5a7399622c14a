import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Provenance } from '../core/author.ts';
import type { JsonObject } from '../core/json.ts';
import type { ReadContext } from '../resources/context-checks.ts';
import type { Document, Fault, Kind } from '../resources/document.ts';
import { type Reading, readDocuments } from '../resources/read-documents.ts';
import type { Compilation, Compiling } from './compiling.ts';
import type { Loaded } from './load-resources.ts';
import { hashOfText, type KnownReadings } from './read-resources.ts';
import { storedSource } from './stored-resources.ts';
import { storedValue, versionFrom } from './stored-value.ts';

/** What is wrong within documents may be a great deal: no more is looked for. */
const ENOUGH_ERRORS = 100;

/** Thrown by `preview` where so much is wrong within the documents that they are not looked at beside the others. */
export class TooManyErrors extends Error {
  override readonly name = 'TooManyErrors';
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super('too much is wrong within the documents');
    this.faults = faults;
  }
}

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

/** All resources as they would be. */
export interface Preview extends Compilation {
  /** In the order of the changes. */
  readonly changes: readonly ReadChange[];
  /** For the reading that finds the changes in the store. */
  readonly known: KnownReadings;
}

interface PreviewInput {
  readonly loaded: Loaded;
  readonly compiling: Compiling;
  readonly readContext: ReadContext;
}

/**
 * The next Snapshot if the store changed like this, by the very reader and compiler of a reload. Remembers nothing. Throws
 * TooManyErrors.
 */
export async function preview(changes: readonly StoredChange[], input: PreviewInput): Promise<Preview> {
  const { loaded, compiling, readContext } = input;
  const read: Read[] = [];
  const errors: Fault[] = [];
  for (const change of changes) {
    const one = readChange(change, readContext);
    read.push(one);
    errors.push(...one.ownFaults.filter(({ severity }) => severity === 'error'));
    if (errors.length >= ENOUGH_ERRORS) throw new TooManyErrors(errors);
    // Requests are served between two documents.
    await nextTurn();
  }
  const changed = new Set(read.map(({ id }) => id));
  const documents = loaded.documents
    .filter(({ source }) => !changed.has(source.id))
    .concat(read.flatMap(({ document }) => document ?? []));
  const compilation = await compiling.preview(documents, loaded);
  const faultless = read.filter(({ reading }) => reading.faults.length === 0);
  return { ...compilation, changes: read, known: new Map(faultless.map((one) => [one.id, one])) };
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

interface Read extends ReadChange {
  readonly id: string;
  readonly hash: string;
  readonly reading: Reading;
}

/** As the store would give it back. */
function readChange({ kind, name, document: wanted, ...by }: StoredChange, context: ReadContext): Read {
  const id = storedSource(kind, name);
  const { document: value, ...provenance } = versionFrom(
    storedValue({ ...by, ...(wanted !== undefined && { document: wanted }) }),
  );
  const text = value === undefined ? '' : JSON.stringify(value);
  const origin = { ...provenance, id };
  const reading = readDocuments(text, origin, context);
  const [document] = reading.documents;
  const hash = hashOfText(text, origin);
  return { id, hash, reading, ...(document !== undefined && { document }), ownFaults: reading.faults };
}
