import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { inTurns } from '../core/in-turns.ts';
import type { CacheSeal } from './cache-seal.ts';
import { type CopiedRow, CopiedRows, rowTexts } from './copied-rows.ts';
import type { KnownVersions, StoredDocument } from './document-store.ts';
import { replaceFile } from './replace-file.ts';
import { SealedLines, wholeLines } from './sealed-lines.ts';

const MAX_BYTES = 512 * 1024 * 1024;
/** What may be added to a file however short it was, and how often to any. */
const MIN_ROOM_BYTES = 1024 * 1024;
const MAX_ADDITIONS = 1_000;
/** As long as own keys may sign that were not read again. */
const MAX_AGE_MS = 24 * 3_600_000;
/** Clocks that were set in between. */
const MAX_AHEAD_MS = 60_000;
/** How old a copy gets of which nothing has changed. */
export const RENEWED_AFTER_MS = 3_600_000;

interface StoreCopyOptions {
  /** What the files' names begin with. */
  readonly path: string;
  readonly seal: CacheSeal;
  /** Which store it is a copy of. */
  readonly of: string;
}

/** A collection as the store had it at a moment, milliseconds. */
export interface Copied {
  readonly at: number;
  readonly documents: readonly StoredDocument[];
}

/** What a file holds, and what may come to it. */
interface Held {
  readonly lines: SealedLines;
  readonly versions: Map<string, { readonly version: number }>;
  /** Of its documents, where it has them as they were kept as a whole. */
  digest: string | undefined;
  at: number;
  bytes: number;
  roomBytes: number;
  additions: number;
}

/**
 * Collections of a store that is elsewhere, in a file each (0600), under a seal whose key neither the disk nor the store
 * holds: lines with documents, of which later ones count, and after them a line with the moment at which the store had
 * just these. What no such line follows was not written to its end and is not there; nor is a file that is damaged, foreign,
 * a day old or of the future.
 */
export class StoreCopy {
  readonly #options: StoreCopyOptions;
  readonly #held = new Map<string, Held>();

  constructor(options: StoreCopyOptions) {
    this.#options = options;
  }

  /** Versions that the copy has; undefined where there may be none to which `add` adds. */
  versions(collection: string): KnownVersions | undefined {
    return this.#held.get(collection)?.versions;
  }

  /**
   * The whole of a collection. Resolves once a crash would leave it. Where that fails there is no copy afterwards. Throws
   * what the file system throws.
   */
  async keep(collection: string, { at, documents }: Copied): Promise<void> {
    const before = this.#held.get(collection);
    if (before !== undefined && isRecent(before, at) && before.digest === (await digestOf(documents))) return;
    this.#held.delete(collection);
    const path = this.#pathOf(collection);
    const held = newFile(this.#lines(collection), at);
    try {
      await replaceFile(path, wholeOf(held, documents));
    } catch (cause) {
      await rm(`${path}.new`, { force: true }).catch(() => undefined);
      await rm(path, { force: true });
      throw cause;
    }
    await inTurns(documents, ({ name, version }) => held.versions.set(name, { version }));
    held.roomBytes = Math.min(Math.max(held.bytes / 2, MIN_ROOM_BYTES), MAX_BYTES - held.bytes);
    this.#held.set(collection, held);
  }

  /**
   * Documents of a collection of which none is ever deleted: those that the copy has otherwise, and the moment. Resolves to
   * true once a crash would leave them there; false where the collection has to be kept as a whole.
   */
  async add(collection: string, { at, documents }: Copied): Promise<boolean> {
    const held = this.#held.get(collection);
    if (held === undefined) return false;
    const changed = documents.filter(({ name, version }) => held.versions.get(name)?.version !== version);
    if (changed.length === 0 && isRecent(held, at)) return true;
    // If it fails nobody knows what the file holds.
    this.#held.delete(collection);
    let text = '';
    for await (const line of linesOf({ lines: held.lines, at }, rowTexts(changed))) {
      text += line;
      if (text.length > held.roomBytes) return false;
    }
    const bytes = Buffer.from(text);
    if (held.additions === MAX_ADDITIONS || bytes.byteLength > held.roomBytes) return false;
    if (!(await appended(this.#pathOf(collection), bytes, held.bytes).catch(() => false))) return false;
    for (const { name, version } of changed) held.versions.set(name, { version });
    held.digest = undefined;
    held.at = at;
    held.bytes += bytes.byteLength;
    held.roomBytes -= bytes.byteLength;
    held.additions += 1;
    this.#held.set(collection, held);
    return true;
  }

  async read(collection: string, now: number): Promise<Copied | undefined> {
    const copied = await this.#read(collection).catch(() => undefined);
    if (copied === undefined || now - copied.at >= MAX_AGE_MS || copied.at - now > MAX_AHEAD_MS) return undefined;
    return copied;
  }

  async #read(collection: string): Promise<Copied | undefined> {
    await using file = await open(this.#pathOf(collection), 'r');
    if ((await file.stat()).size > MAX_BYTES) return undefined;
    const [lines, rows] = [this.#lines(collection), new CopiedRows(collection)];
    let at: number | undefined;
    let begun: (readonly CopiedRow[])[] = [];
    for await (const line of wholeLines(file)) {
      const body = lines.open(line);
      if (body === undefined) return undefined;
      const read = JSON.parse(body) as readonly CopiedRow[] | number;
      if (typeof read === 'number') {
        for (const some of begun) {
          rows.add(some);
          await nextTurn();
        }
        [at, begun] = [read, []];
      } else {
        begun.push(read);
      }
      await nextTurn();
    }
    return at === undefined ? undefined : { at, documents: await rows.documents() };
  }

  #lines(collection: string): SealedLines {
    return new SealedLines(this.#options.seal, ['store-copy', this.#options.of, collection]);
  }

  #pathOf(collection: string): string {
    return `${this.#options.path}.${collection}`;
  }
}

function newFile(lines: SealedLines, at: number): Held {
  return { lines, versions: new Map(), digest: undefined, at, bytes: 0, roomBytes: 0, additions: 0 };
}

/** Sealed lines of documents and of their moment, in slices. */
async function* linesOf({ lines, at }: Pick<Held, 'lines' | 'at'>, texts: Iterable<string>): AsyncGenerator<string> {
  for (const text of texts) {
    yield lines.next(text);
    await nextTurn();
  }
  yield lines.next(`${at}`);
}

/** What `held` begins with, which it is told of. Throws RangeError where that is too much. */
async function* wholeOf(held: Held, documents: readonly StoredDocument[]): AsyncGenerator<string> {
  const digest = createHash('sha256');
  for await (const line of linesOf(held, digested(digest, documents))) {
    held.bytes += Buffer.byteLength(line);
    if (held.bytes > MAX_BYTES) throw new RangeError('the collection is too large for a copy');
    yield line;
  }
  held.digest = digest.digest('base64url');
}

function* digested(digest: Hash, documents: readonly StoredDocument[]): Generator<string> {
  for (const text of rowTexts(documents)) {
    digest.update(text);
    yield text;
  }
}

async function digestOf(documents: readonly StoredDocument[]): Promise<string> {
  const digest = createHash('sha256');
  for (const _ of digested(digest, documents)) await nextTurn();
  return digest.digest('base64url');
}

function isRecent({ at: before }: Held, at: number): boolean {
  return at >= before && at - before < RENEWED_AFTER_MS;
}

/** Resolves to true once a crash would leave it; false where the file is not of the length that it was left with. */
async function appended(path: string, bytes: Buffer, length: number): Promise<boolean> {
  await using file = await open(path, constants.O_WRONLY | constants.O_APPEND);
  if ((await file.stat()).size !== length) return false;
  await file.writeFile(bytes);
  await file.datasync();
  return true;
}
