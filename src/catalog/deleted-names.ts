import { isJsonObject } from '../core/json.ts';
import { type DocumentStore, VersionConflict } from '../store/document-store.ts';

/** Name of the collection in the store, of which no document is ever deleted. */
export const DELETED_MAPPINGS = 'deleted-mappings';

interface Known {
  readonly version: number;
  readonly deleted: boolean;
}

/**
 * Remembers the names of mappings that were deleted, for good: clouds trust `mapping:<name>`, so that a mapping which
 * comes back under an old name has what the old one was trusted with (DESIGN section 8).
 */
export class DeletedNames {
  readonly #store: DocumentStore;
  readonly #known = new Map<string, Known>();
  /** Gone by the last reading, whether or not that is durable yet. */
  #leaving: ReadonlySet<string> = new Set();

  constructor(store: DocumentStore) {
    this.#store = store;
  }

  async load(): Promise<void> {
    for (const { name, version, value } of await this.#store.list(DELETED_MAPPINGS)) {
      this.#known.set(name, { version, deleted: isJsonObject(value) && value['deleted'] === true });
    }
  }

  /** Whether the name is that of a mapping that was deleted and is not back, as far as this replica has read. */
  isDeleted(name: string): boolean {
    return this.#leaving.has(name) || this.#known.get(name)?.deleted === true;
  }

  /**
   * Makes durable which of the names before are not there now; they count as deleted from the call on, so that nobody takes
   * one before the store has it. Resolves to those that had been deleted and are back; each return is told once, by whichever
   * replica writes it.
   */
  async follow(before: ReadonlySet<string>, now: ReadonlySet<string>): Promise<readonly string[]> {
    this.#leaving = before.difference(now);
    for (const name of this.#leaving) await this.#write(name, true);
    // Another replica may have seen the deletion of a name that is new here.
    if (!now.isSubsetOf(before)) await this.load();
    const back: string[] = [];
    for (const [name, { deleted }] of [...this.#known]) {
      if (deleted && now.has(name) && (await this.#write(name, false))) back.push(name);
    }
    return back;
  }

  async #write(name: string, deleted: boolean): Promise<boolean> {
    const known = this.#known.get(name);
    if (known?.deleted === deleted) return false;
    try {
      const version = await this.#store.put(DELETED_MAPPINGS, name, { deleted }, known?.version ?? 0);
      this.#known.set(name, { version, deleted });
      return true;
    } catch (error) {
      if (!(error instanceof VersionConflict)) throw error;
      // Another replica saw the same; what it wrote stands until the next reading.
      const stored = await this.#store.get(DELETED_MAPPINGS, name);
      const value = stored?.value;
      this.#known.set(name, {
        version: stored?.version ?? 0,
        deleted: isJsonObject(value) && value['deleted'] === true,
      });
      return false;
    }
  }
}
