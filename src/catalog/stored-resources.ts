import type { Provenance } from '../core/author.ts';
import { inTurns } from '../core/in-turns.ts';
import type { JsonObject } from '../core/json.ts';
import type { Kind } from '../resources/document.ts';
import { type DocumentStore, type DocumentWrite, KEPT_COLLECTION } from '../store/document-store.ts';
import type { HeldStops } from './held-stops.ts';
import type { HeldStop } from './stop-document.ts';
import { type StoredVersion, storedValue, versionFrom } from './stored-value.ts';

/** Name of the collection in the store: every version of its documents is kept. */
const RESOURCES = KEPT_COLLECTION;

/** One document as text, under the identity of its source. */
export interface ResourceText extends Provenance {
  readonly source: string;
  readonly text: string;
}

/** What the store holds of one kind and name. */
export interface StoredResource extends StoredVersion {
  /** 0 when there has never been one. It grows with each change, a deletion too, and never starts anew. */
  readonly version: number;
}

/** One write, over the version that the writer knows. */
export interface ResourceWrite extends Provenance {
  readonly kind: Kind;
  readonly name: string;
  /** Undefined deletes. */
  readonly document: JsonObject | undefined;
  readonly ifVersion: number;
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
  readonly #held: HeldStops | undefined;
  #last: readonly ResourceText[] | undefined;
  #stale = false;
  #changes = 0;

  /** `held`: stops that the store may not have; they are read as if it had them. */
  constructor(store: DocumentStore, held?: HeldStops) {
    this.#store = store;
    this.#held = held;
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
      const held = new Map<string, StoredResource>();
      const texts = await inTurns(documents, ({ name, value, version }) => {
        const { document, ...provenance } = versionFrom(value);
        const stop = name.replace('Guardrail/', '');
        if (this.#held?.has(stop)) held.set(stop, { version, ...(document && { document }) });
        return document && { ...provenance, source: `store:/${name}`, text: JSON.stringify(document) };
      });
      this.#last = texts.filter((text) => text !== undefined);
      this.#stale = false;
      await this.#held?.settle(held);
      return { texts: [...this.#last, ...this.#heldTexts()], stale: false };
    } catch (error) {
      if (this.#last === undefined) throw error;
      this.#stale = true;
      return { texts: [...this.#last, ...this.#heldTexts()], stale: true };
    }
  }

  /** Emergency stops of the last reading and those that are held; asks nobody. */
  stops(): readonly ResourceText[] {
    const stored = (this.#last ?? []).filter(({ source }) => source.startsWith(storedSource('Guardrail', 'stop-')));
    return [...stored, ...this.#heldTexts()];
  }

  async get(kind: Kind, name: string): Promise<StoredResource> {
    const stored = await this.#store.get(RESOURCES, `${kind}/${name}`);
    if (stored === undefined) return { version: 0 };
    return { ...versionFrom(stored.value), version: stored.version };
  }

  /** Every resource that there is or has been, by kind and name. */
  async all(): Promise<ReadonlyMap<string, StoredResource>> {
    const documents = await this.#store.list(RESOURCES);
    return new Map(documents.map(({ name, value, version }) => [name, { ...versionFrom(value), version }]));
  }

  /** Every version that is kept, ascending. */
  async history(kind: Kind, name: string): Promise<readonly StoredResource[]> {
    const versions = await this.#store.history(RESOURCES, `${kind}/${name}`);
    return versions.map(({ value, version }) => ({ ...versionFrom(value), version }));
  }

  /** Resolves to the new version; throws VersionConflict. */
  put(write: ResourceWrite): Promise<number> {
    const { collection, name, value, ifVersion } = stored(write);
    return this.#store.put(collection, name, value, ifVersion);
  }

  /** Writes all or none; throws VersionConflict. */
  putAll(writes: readonly ResourceWrite[]): Promise<void> {
    return this.#store.putAll(writes.map(stored));
  }

  /** Writes a stop as it was held. Throws VersionConflict when the store knows its name. */
  async putStop(stop: HeldStop): Promise<void> {
    await this.put({ ...stop, kind: 'Guardrail', ifVersion: 0 });
  }

  #heldTexts(): readonly ResourceText[] {
    return (this.#held?.all() ?? []).map(({ name, document, author, at }) => ({
      ...{ author, at, source: storedSource('Guardrail', name) },
      text: JSON.stringify(document),
    }));
  }
}

function stored({ kind, name, ifVersion, document, ...provenance }: ResourceWrite): DocumentWrite {
  const value = storedValue({ ...provenance, ...(document !== undefined && { document }) });
  return { collection: RESOURCES, name: `${kind}/${name}`, value, ifVersion };
}
