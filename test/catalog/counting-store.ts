import type { JsonValue } from '../../src/core/json.ts';
import { MemoryDocumentStore } from '../support/memory-document-store.ts';

/** Counts the writes that have succeeded, and fails while it is told to. */
export class CountingStore extends MemoryDocumentStore {
  writes = 0;
  failure: Error | undefined;

  override async put(collection: string, name: string, value: JsonValue, ifVersion: number): Promise<number> {
    if (this.failure !== undefined) throw this.failure;
    const version = await super.put(collection, name, value, ifVersion);
    this.writes += 1;
    return version;
  }
}
