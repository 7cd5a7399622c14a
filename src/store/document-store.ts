import type { JsonValue } from '../core/json.ts';

export interface StoredDocument {
  readonly collection: string;
  readonly name: string;
  /** 1 for the first version, one more at each put. */
  readonly version: number;
  readonly value: JsonValue;
}

/** Thrown by `put` when somebody else wrote in between: read again, decide again. */
export class VersionConflict extends Error {
  override readonly name = 'VersionConflict';
}

/**
 * Durable documents with compare-and-swap as the only write. A write is on disk once `put` has resolved; writes to one
 * document are totally ordered.
 */
export interface DocumentStore {
  get(collection: string, name: string): Promise<StoredDocument | undefined>;
  /**
   * Writes when the present version is `ifVersion` (0: must not exist yet) and resolves to the new version.
   * Throws VersionConflict otherwise.
   */
  put(collection: string, name: string, value: JsonValue, ifVersion: number): Promise<number>;
  /** All documents of a collection by name, ascending. */
  list(collection: string): Promise<readonly StoredDocument[]>;
  /** Calls back after each later write to the collection, by whichever process. `onChange` must not throw. Returns the way to stop. */
  watch(collection: string, onChange: () => void): () => void;
  close(): Promise<void>;
}
