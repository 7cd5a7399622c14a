import type { JsonValue } from '../core/json.ts';
import type { AccessIndex } from '../policy/access.ts';
import { type AccessRequest, accessRequest } from '../resources/access-request.ts';
import type { DocumentStore } from '../store/document-store.ts';

/** Name of the collection in the store. */
const ACCESS_REQUESTS = 'access-requests';

export interface StoredAccessRequest {
  /** 0 when there has never been one. */
  readonly version: number;
  /** Absent: there is none, or none that this version understands. */
  readonly request?: AccessRequest;
}

type KnownRequest = Required<StoredAccessRequest>;
type Known = ReadonlyMap<string, KnownRequest>;

interface AccessRequestsDeps {
  readonly store: DocumentStore;
  /** Told when the store cannot be read: what was read last stays in force. Must not throw. */
  readonly onFailure: (cause: unknown) => void;
}

/**
 * AccessRequests in the store, and all of them in memory for requests that must not wait for it. What a replica writes
 * it sees at once, what others write within about a second.
 */
export class AccessRequests {
  readonly #deps: AccessRequestsDeps;
  #known: Known = new Map();
  #index: AccessIndex = new Map();
  #unwatch: (() => void) | undefined;
  #reading: Promise<void> | undefined;
  #again = false;
  /** What was written here since the reading under way began: it may not have seen that. */
  readonly #written = new Set<string>();

  constructor(deps: AccessRequestsDeps) {
    this.#deps = deps;
  }

  /** Throws what the store throws. */
  async start(): Promise<void> {
    this.#unwatch = this.#deps.store.watch(ACCESS_REQUESTS, () => void this.follow());
    await this.#read();
  }

  close(): void {
    this.#unwatch?.();
  }

  /** The same object until something changes. */
  current(): AccessIndex {
    return this.#index;
  }

  /** Reads anew; never rejects. Calls during one reading share the next. */
  follow(): Promise<void> {
    if (this.#reading !== undefined) {
      this.#again = true;
      return this.#reading;
    }
    this.#reading = this.#follow().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** As the store has it now. Throws what the store throws. */
  async get(name: string): Promise<StoredAccessRequest> {
    const stored = await this.#deps.store.get(ACCESS_REQUESTS, name);
    if (stored === undefined) return { version: 0 };
    const request = requestFrom(stored.value);
    return { version: stored.version, ...(request !== undefined && { request }) };
  }

  /** Resolves to the new version once it is on disk. Throws VersionConflict, and what the store throws. */
  async put(name: string, request: AccessRequest, ifVersion: number): Promise<number> {
    const version = await this.#deps.store.put(ACCESS_REQUESTS, name, storedValue(request), ifVersion);
    this.#written.add(name);
    if ((this.#known.get(name)?.version ?? 0) < version)
      this.#hold(new Map(this.#known).set(name, { version, request }));
    return version;
  }

  /** Resolves once it is gone. Throws VersionConflict, and what the store throws. */
  async delete(name: string, ifVersion: number): Promise<void> {
    await this.#deps.store.delete(ACCESS_REQUESTS, name, ifVersion);
    this.#written.add(name);
    const known = new Map(this.#known);
    known.delete(name);
    this.#hold(known);
  }

  async #follow(): Promise<void> {
    do {
      this.#again = false;
      await this.#read().catch(this.#deps.onFailure);
    } while (this.#again);
  }

  async #read(): Promise<void> {
    this.#written.clear();
    const documents = await this.#deps.store.list(ACCESS_REQUESTS);
    const known = new Map<string, KnownRequest>();
    for (const { name, version, value } of documents) {
      const request = requestFrom(value);
      if (request !== undefined) known.set(name, { version, request });
    }
    for (const name of this.#written) {
      const own = this.#known.get(name);
      if (own === undefined) known.delete(name);
      else if ((known.get(name)?.version ?? 0) < own.version) known.set(name, own);
    }
    this.#hold(known);
  }

  #hold(known: Known): void {
    this.#known = known;
    this.#index = new Map([...known].map(([name, { request }]) => [name, request]));
  }
}

function storedValue(request: AccessRequest): JsonValue {
  return JSON.parse(JSON.stringify(request));
}

function requestFrom(value: unknown): AccessRequest | undefined {
  const parsed = accessRequest.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}
