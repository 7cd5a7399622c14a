import type { JsonValue } from '../core/json.ts';

export interface StoredDocument {
  readonly collection: string;
  readonly name: string;
  /** 1 for the first version, one more at each put. */
  readonly version: number;
  readonly value: JsonValue;
}

/** One write of a batch, as `put` takes it. */
export interface DocumentWrite {
  readonly collection: string;
  readonly name: string;
  readonly value: JsonValue;
  readonly ifVersion: number;
}

/** Versions of documents that are known, by name; of how many, or of fewer. */
export type KnownVersions = Pick<ReadonlyMap<string, { readonly version: number }>, 'get' | 'size'>;

/** Collection of which every version is kept. */
export const KEPT_COLLECTION = 'resources';

/** Thrown by `put` and `putAll` when somebody else wrote in between: read again, decide again. */
export class VersionConflict extends Error {
  override readonly name = 'VersionConflict';
  /** Name of the document that is not at the expected version; of several, one. */
  readonly document: string;

  constructor({ collection, name, ifVersion }: Pick<DocumentWrite, 'collection' | 'name' | 'ifVersion'>) {
    super(`${collection}/${name} is not at version ${ifVersion}`);
    this.document = name;
  }
}

/**
 * Durable documents with compare-and-swap as the only write. A write is on disk once it has resolved; writes to one
 * document are totally ordered.
 */
export interface DocumentStore {
  get(collection: string, name: string): Promise<StoredDocument | undefined>;
  /**
   * Writes when the present version is `ifVersion` (0: must not exist yet) and resolves to the new version.
   * Throws VersionConflict otherwise.
   */
  put(collection: string, name: string, value: JsonValue, ifVersion: number): Promise<number>;
  /**
   * Writes all or, where one is not at its `ifVersion`, none and throws VersionConflict. After a crash all of them are
   * there or none is. Throws RangeError where one document is named twice.
   */
  putAll(writes: readonly DocumentWrite[]): Promise<void>;
  /**
   * Takes away what is at `ifVersion`; what comes under its name later begins at version 1. Throws VersionConflict, and
   * RangeError for `resources`, of which every version is kept.
   */
  delete(collection: string, name: string, ifVersion: number): Promise<void>;
  /**
   * Every version of a document of `resources`, ascending, by whichever version of Carnet it was written; of those before
   * the first that kept them, the last alone. Of other collections nothing is kept.
   */
  history(collection: string, name: string): Promise<readonly StoredDocument[]>;
  /**
   * All documents of a collection by name, ascending, as they were at one moment. Those that are at the version which
   * `known` has for them may be left out; what was deleted does not show by it, so it is of use where nothing is.
   */
  list(collection: string, known?: KnownVersions): Promise<readonly StoredDocument[]>;
  /** Calls back after each later write to the collection, by whichever process. `onChange` must not throw. Returns the way to stop. */
  watch(collection: string, onChange: () => void): () => void;
  /**
   * Where the store is away and a start reads what was copied of it: the moment of the copy, milliseconds. Absent, or
   * undefined: what is read is what the store has.
   */
  asOf?(): number | undefined;
  /** Nothing is read of that copy any more. */
  started?(): void;
  close(): Promise<void>;
}
