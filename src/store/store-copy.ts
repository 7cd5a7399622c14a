import { hash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { inTurns } from '../core/in-turns.ts';
import type { JsonValue } from '../core/json.ts';
import type { CacheSeal } from './cache-seal.ts';
import type { StoredDocument } from './document-store.ts';
import { replaceFile } from './replace-file.ts';

const MAX_BYTES = 64 * 1024 * 1024;
/** As long as own keys may sign that were not read again. */
const MAX_AGE_MS = 24 * 3_600_000;
/** Clocks that were set in between. */
const MAX_AHEAD_MS = 60_000;
/** How old a copy gets of which nothing has changed. */
export const RENEWED_AFTER_MS = 3_600_000;
const HEAD = /^([0-9]{1,16})\n/;

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

/**
 * Collections of a store that is elsewhere, in a file each (0600), under a seal whose key neither the disk nor the store
 * holds. What is damaged, foreign, a day old or of the future is not there.
 */
export class StoreCopy {
  readonly #options: StoreCopyOptions;
  /** What the files hold. */
  readonly #known = new Map<string, { readonly hash: string; readonly at: number }>();

  constructor(options: StoreCopyOptions) {
    this.#options = options;
  }

  /** Resolves once a crash would leave it. Where that fails there is no copy afterwards. Throws what the file system throws. */
  async keep(collection: string, { at, documents }: Copied): Promise<void> {
    const rows = await inTurns(documents, ({ name, version, value }) => JSON.stringify([name, version, value]));
    const text = `[${rows.join()}]`;
    const digest = hash('sha256', text);
    const known = this.#known.get(collection);
    if (known?.hash === digest && at >= known.at && at - known.at < RENEWED_AFTER_MS) return;
    const path = this.#pathOf(collection);
    try {
      if (text.length > MAX_BYTES) throw new RangeError(`${collection} is too large for a copy`);
      await replaceFile(path, this.#options.seal.seal(`${at}\n${text}`, this.#boundTo(collection)));
      this.#known.set(collection, { hash: digest, at });
    } catch (cause) {
      this.#known.delete(collection);
      await rm(path, { force: true });
      throw cause;
    }
  }

  async read(collection: string, now: number): Promise<Copied | undefined> {
    const text = await textOf(this.#pathOf(collection));
    const body = text === undefined ? undefined : this.#options.seal.open(text, this.#boundTo(collection));
    const [head = '', written] = HEAD.exec(body ?? '') ?? [];
    const at = Number(written);
    if (body === undefined || written === undefined || now - at >= MAX_AGE_MS || at - now > MAX_AHEAD_MS)
      return undefined;
    const rows = JSON.parse(body.slice(head.length)) as readonly (readonly [string, number, JsonValue])[];
    return { at, documents: rows.map(([name, version, value]) => ({ collection, name, version, value })) };
  }

  #boundTo(collection: string): readonly string[] {
    return ['store-copy', this.#options.of, collection];
  }

  #pathOf(collection: string): string {
    return `${this.#options.path}.${collection}`;
  }
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    return size > 2 * MAX_BYTES ? undefined : await file.readFile('utf8');
  } catch {
    return undefined;
  }
}
