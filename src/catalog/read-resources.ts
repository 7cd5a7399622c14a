import { hash } from 'node:crypto';
import { dirname } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ReadContext } from '../resources/context-checks.ts';
import type { Document, Fault } from '../resources/document.ts';
import { type Origin, type Reading, readDocuments } from '../resources/read-documents.ts';
import { fileFieldFaults } from './file-checks.ts';
import { readFiles } from './file-source.ts';
import type { ParsedTexts } from './parsed-texts.ts';
import type { ResourceText } from './stored-resources.ts';

export interface ResourceReading {
  readonly documents: readonly Document[];
  /** All faults of files and of single documents; what is wrong between documents is found by compiling them. */
  readonly faults: readonly Fault[];
  /** Files and folders that could not be read at all. */
  readonly unread: readonly string[];
  /**
   * Files that were read and of which something could not be told apart or named; also empty ones, which is how a file
   * looks while it is written in its place.
   */
  readonly damaged: readonly string[];
  readonly signature: string;
  /** Readings to hand in the next time. */
  readonly known: KnownReadings;
}

/** A text without faults that was read, by the hash of its origin and text. */
interface KnownReading {
  readonly hash: string;
  readonly reading: Reading;
  /** The very text, where it was the store's. */
  readonly of?: ResourceText;
}

/** By source: what has not changed is not parsed again. A text with a fault always is: what is wrong with it may be the time. */
export type KnownReadings = ReadonlyMap<string, KnownReading>;

/** Hashed in a few milliseconds. */
const UNCHANGED_AT_ONCE = 500;

interface Beside {
  /** The one in which a text is found first counts. */
  readonly known?: readonly KnownReadings[];
  /** Documents that are not from files. */
  readonly stored?: readonly ResourceText[];
  readonly parsed?: ParsedTexts;
}

/** Who wrote a text belongs to what was read. */
export function hashOfText(text: string, origin: Origin): string {
  return hash('sha256', `${JSON.stringify(origin)}\n${text}`);
}

/** Reads resource files and folders: the same for `carnet check` and for the service. Throws only UnsteadyFiles. */
export async function readResources(
  paths: readonly string[],
  context: ReadContext,
  { known = [], stored = [], parsed }: Beside = {},
): Promise<ResourceReading> {
  const { files, faults, unread, signature } = await readFiles(paths);
  const texts: readonly Text[] = [
    ...files.map(({ path, text }) => ({ id: path, text, baseDirectory: dirname(path) })),
    ...stored.map((of) => ({ id: of.source, text: of.text, of })),
  ];
  const readings = new Map<string, KnownReading>();
  const documents: Document[] = [];
  const found: Fault[] = [];
  for (const [at, text] of texts.entries()) {
    if (at % UNCHANGED_AT_ONCE === 0) await nextTurn();
    const read = sameText(text, known) ?? hashed(text, known, { context, parsed });
    readings.set(text.id, read);
    for (const document of read.reading.documents) documents.push(document);
    found.push(...read.reading.faults);
    // Requests are served between two texts that are parsed.
    if (!known.some((one) => one.get(text.id)?.reading === read.reading)) await nextTurn();
  }
  return {
    documents,
    faults: [...faults, ...found, ...(await fileFieldFaults(documents))],
    unread,
    damaged: texts.flatMap(({ id, text }) => (text !== '' && readings.get(id)?.reading.complete ? [] : [id])),
    signature,
    known: readings,
  };
}

interface Text {
  readonly id: string;
  readonly text: string;
  readonly baseDirectory?: string;
  readonly of?: ResourceText;
}

interface Reader {
  readonly context: ReadContext;
  readonly parsed: ParsedTexts | undefined;
}

function sameText({ id, of }: Text, known: readonly KnownReadings[]): KnownReading | undefined {
  if (of === undefined) return undefined;
  for (const one of known) {
    const before = one.get(id);
    if (before?.of === of && before.reading.faults.length === 0) return before;
  }
  return undefined;
}

/** As it was read before where the hash is the same. */
function hashed(text: Text, known: readonly KnownReadings[], { context, parsed }: Reader): KnownReading {
  const origin = originOf(text);
  const hash = hashOfText(text.text, origin);
  const of = text.of && { of: text.of };
  const before = known.flatMap((one) => one.get(text.id) ?? []);
  const same = before.find((one) => one.hash === hash && one.reading.faults.length === 0);
  if (same !== undefined) return of === undefined ? same : { ...same, ...of };
  // JSON that Carnet wrote itself is read sooner than what was kept of it.
  const keeper = text.of === undefined ? parsed : undefined;
  const reading = keeper?.read(text.text, hash, { origin, context }) ?? readDocuments(text.text, origin, context);
  return { hash, reading, ...of };
}

function originOf({ id, baseDirectory, of }: Text): Origin {
  if (of === undefined) return { id, ...(baseDirectory !== undefined && { baseDirectory }) };
  const { source: _, text: __, ...provenance } = of;
  return { ...provenance, id };
}
