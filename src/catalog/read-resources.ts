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

/** Readings without faults by source, each with the hash of its origin and text: what has not changed is not parsed again. */
export type KnownReadings = ReadonlyMap<string, { readonly hash: string; readonly reading: Reading }>;

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
  const texts = [
    ...files.map(({ path, text }) => ({ origin: { id: path, baseDirectory: dirname(path) }, text, parsed })),
    // JSON that Carnet wrote itself: read sooner than what was kept of it.
    ...stored.map(({ source, text, ...more }) => ({ origin: { ...more, id: source }, text, parsed: undefined })),
  ];
  const readings = new Map<string, { hash: string; reading: Reading }>();
  for (const [at, { origin, text, parsed: kept }] of texts.entries()) {
    if (at % UNCHANGED_AT_ONCE === 0) await nextTurn();
    const textHash = hashOfText(text, origin);
    const before = known.map((one) => one.get(origin.id)).find((one) => one?.hash === textHash);
    if (before !== undefined) readings.set(origin.id, before);
    else {
      readings.set(origin.id, {
        hash: textHash,
        reading: readDocuments(text, origin, context, kept?.read(text, textHash)),
      });
      // Requests are served between two texts.
      await nextTurn();
    }
  }
  const read = [...readings];
  const documents = read.flatMap(([, { reading }]) => reading.documents);
  return {
    documents,
    faults: [...faults, ...read.flatMap(([, { reading }]) => reading.faults), ...(await fileFieldFaults(documents))],
    unread,
    damaged: texts.flatMap(({ origin: { id }, text }) =>
      text !== '' && readings.get(id)?.reading.complete ? [] : [id],
    ),
    signature,
    known: new Map(read.filter(([, { reading }]) => reading.faults.length === 0)),
  };
}
