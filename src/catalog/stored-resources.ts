import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { Kind } from '../resources/document.ts';
import type { DocumentStore } from '../store/document-store.ts';

/** Name of the collection in the store. */
const RESOURCES = 'resources';

/** One document as text, under the identity of its source. */
export interface ResourceText {
  readonly source: string;
  readonly text: string;
}

/** What the store holds of one kind and name. */
export interface StoredResource {
  /** 0 when there has never been one. It grows with each change, a deletion too, and never starts anew. */
  readonly version: number;
  /** Absent when there is none, or no longer. */
  readonly document?: JsonObject;
}

/** The source of a stored document. No path of a file looks like it. */
export function storedSource(kind: Kind, name: string): string {
  return `store:/${kind}/${name}`;
}

/**
 * Resource documents that were written through the API, a second source beside the files. They are kept as they were
 * written and go through the same reader as files do, so that a rule that is new in a later version holds for them too.
 */
export class StoredResources {
  readonly #store: DocumentStore;
  #last: readonly ResourceText[] | undefined;
  #stale = false;
  #changes = 0;

  constructor(store: DocumentStore) {
    this.#store = store;
  }

  /** Changes seen since the start: what tells a changed store from an unchanged one without reading it. */
  get changes(): number {
    return this.#changes;
  }

  /** Whether the last reading could not be had and gave what had been read before. */
  get stale(): boolean {
    return this.#stale;
  }

  /** Calls back after each change, by whichever replica. Returns the way to stop. */
  watch(onChange: () => void): () => void {
    return this.#store.watch(RESOURCES, () => {
      this.#changes += 1;
      onChange();
    });
  }

  /**
   * Every document. While the store cannot be read: those that were read last, `stale`, so that its outage neither takes
   * anything out of force nor holds up a change of the files. Throws what the store throws before the first reading.
   */
  async read(): Promise<{ readonly texts: readonly ResourceText[]; readonly stale: boolean }> {
    try {
      const documents = await this.#store.list(RESOURCES);
      this.#last = documents.flatMap(({ name, value }) => {
        const document = documentOf(value);
        return document === undefined ? [] : [{ source: `store:/${name}`, text: JSON.stringify(document) }];
      });
      this.#stale = false;
      return { texts: this.#last, stale: false };
    } catch (error) {
      if (this.#last === undefined) throw error;
      this.#stale = true;
      return { texts: this.#last, stale: true };
    }
  }

  async get(kind: Kind, name: string): Promise<StoredResource> {
    const stored = await this.#store.get(RESOURCES, `${kind}/${name}`);
    if (stored === undefined) return { version: 0 };
    const document = documentOf(stored.value);
    return { version: stored.version, ...(document !== undefined && { document }) };
  }

  /** Writes a document, or deletes it where it is undefined. Resolves to the new version; throws VersionConflict. */
  put(kind: Kind, name: string, document: JsonObject | undefined, ifVersion: number): Promise<number> {
    return this.#store.put(RESOURCES, `${kind}/${name}`, { document: document ?? null }, ifVersion);
  }
}

function documentOf(value: unknown): JsonObject | undefined {
  const document = isJsonObject(value) ? value['document'] : undefined;
  return isJsonObject(document) ? document : undefined;
}
