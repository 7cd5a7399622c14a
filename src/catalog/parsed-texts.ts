import { hash as hashOf, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { open, rename, rm, writeFile } from 'node:fs/promises';
import type { ReadContext } from '../resources/context-checks.ts';
import { readingOfKept, readKeepably } from '../resources/kept-reading.ts';
import type { Origin, Reading } from '../resources/read-documents.ts';
import type { CacheSeal } from '../store/cache-seal.ts';

/** Beyond this everything is parsed anew: more than twice what all resource files together may have. */
const MAX_FILE_BYTES = 160 * 1024 * 1024;

/**
 * All that a text is read by: parser, schemas and what both import. Whatever of it changes, nothing that was read before
 * counts any more.
 */
export const READER = {
  folders: ['core', 'resources'],
  packages: ['fastest-levenshtein', 'yaml', 'zod'],
} as const;

interface ParsedTextsDeps {
  /** A file of Carnet's own, beside its store. */
  readonly path: string;
  readonly seal: CacheSeal;
  /** The file could not be written; the next start parses everything. Must not throw. */
  readonly onFailure: (cause: unknown) => void;
}

/**
 * What texts say in which nothing is wrong, kept from one start to the next by the hash of the text: parsing them and
 * holding them to schemas is most of a start. Only that is left out. What depends on the time, on files and on other
 * documents is checked at every start, and a fault finds its line by parsing again.
 *
 * What is found counts only under a seal over the text's hash and the reader, by a key that neither the file nor the
 * store holds, for it takes the place of what the resource files say. A file that is missing, foreign or damaged costs
 * time and nothing else.
 */
export class ParsedTexts {
  readonly #deps: ParsedTextsDeps;
  readonly #reader: string;
  /** Entries of the file, until it is written. */
  #found: ReadonlyMap<string, string>;
  /** Sealed, and not in the file yet; undefined once it has been written. */
  #fresh: Map<string, string> | undefined = new Map();
  #writing: Promise<void> = Promise.resolve();

  private constructor(deps: ParsedTextsDeps, reader: string, found: ReadonlyMap<string, string>) {
    this.#deps = deps;
    this.#reader = reader;
    this.#found = found;
  }

  /** Undefined where the reader's own files cannot be read: then nothing tells whether it is the same. */
  static async open(deps: ParsedTextsDeps): Promise<ParsedTexts | undefined> {
    const reader = readerHash();
    return reader === undefined ? undefined : new ParsedTexts(deps, reader, await entriesOf(deps.path));
  }

  /** The same as `readDocuments`; `hash` is the SHA-256 of the text and its origin. */
  read(text: string, hash: string, read: { readonly origin: Origin; readonly context: ReadContext }): Reading {
    const found = this.#opened(hash);
    const known = found === undefined ? undefined : readingOfKept(found, text, read);
    if (known !== undefined) return known;
    const { reading, kept } = readKeepably(text, read.origin, read.context);
    if (kept !== undefined) this.#fresh?.set(hash, this.#deps.seal.seal(kept, this.#boundTo(hash)));
    return reading;
  }

  /**
   * Writes the file with what is known of these texts, unless it has all of them. Once in the life of a process, after
   * its first reading: then most of it is as the next start will find it, and the file may be tens of MiB. Does not wait.
   */
  keepSoon(hashes: readonly string[]): void {
    const fresh = this.#fresh;
    if (fresh === undefined) return;
    const known = new Map([...this.#found, ...fresh]);
    this.#fresh = undefined;
    this.#found = new Map();
    if (fresh.size > 0) this.#writing = this.#write(hashes, known).catch(this.#deps.onFailure);
  }

  /** Resolves when nothing is being written. */
  async close(): Promise<void> {
    await this.#writing;
  }

  #boundTo(hash: string): readonly string[] {
    return ['read-text', this.#reader, hash];
  }

  #opened(hash: string): string | undefined {
    const sealed = this.#found.get(hash);
    return sealed === undefined ? undefined : this.#deps.seal.open(sealed, this.#boundTo(hash));
  }

  async #write(hashes: readonly string[], known: ReadonlyMap<string, string>): Promise<void> {
    const lines = hashes.flatMap((hash) => {
      const sealed = known.get(hash);
      return sealed === undefined ? [] : [`${hash}\n${sealed}\n`];
    });
    const draft = `${this.#deps.path}.${randomBytes(8).toString('hex')}`;
    try {
      await writeFile(draft, lines.join(''), { mode: 0o600, flag: 'wx' });
      await rename(draft, this.#deps.path);
    } finally {
      await rm(draft, { force: true });
    }
  }
}

/** At once: nobody is served before it is known. */
function readerHash(): string | undefined {
  const source = new URL('..', import.meta.url);
  try {
    const sources = READER.folders.flatMap((folder) =>
      readdirSync(new URL(folder, source), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => `${folder}/${name}`),
    );
    const packages = READER.packages.map((name) => `../node_modules/${name}/package.json`);
    const files = [...sources.sort(), ...packages];
    return hashOf('sha256', JSON.stringify(files.map((file) => [file, readFileSync(new URL(file, source), 'utf8')])));
  } catch {
    return undefined;
  }
}

/** Sealed entries by their hashes, nothing of them believed yet: three lines each, none of which has a line feed in it. */
async function entriesOf(path: string): Promise<ReadonlyMap<string, string>> {
  const entries = new Map<string, string>();
  const lines = (await textOf(path)).split('\n');
  for (let at = 0; at + 2 < lines.length; at += 3) {
    entries.set(lines[at] ?? '', `${lines[at + 1]}\n${lines[at + 2]}`);
  }
  return entries;
}

async function textOf(path: string): Promise<string> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    return size > MAX_FILE_BYTES ? '' : await file.readFile('utf8');
  } catch {
    return '';
  }
}
