import { isJsonObject, type JsonValue } from '../core/json.ts';
import { type DocumentStore, type StoredDocument, VersionConflict } from '../store/document-store.ts';
import { type KeyOwnership, memoryKeyOwnership, type Owned, type SharedKey } from './key-ownership.ts';

interface KeyOwnershipDeps {
  readonly store: DocumentStore;
  /** Told of each key that two issuers show. */
  readonly onSharedKey: (shared: SharedKey) => void;
  /** Told when the store begins to fail; what it should hold is written later. */
  readonly onFailure: (cause: unknown) => void;
}

export interface StoredKeyOwnership extends KeyOwnership {
  /** Resolves when nothing is left to write, or the store does not take it. Never rejects. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** What a key is to be in the store: somebody's, or no longer the former owner's. */
type Wish = { readonly claim: Owned } | { readonly givenUpBy: string };
type Rows = Map<string, Owned>;

const COLLECTION = 'key-owners';
const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 30_000;
const MAX_CONFLICTS = 16;

/**
 * Ownership that outlives the process and is one for all replicas (DESIGN section 5). Memory answers, so that nobody
 * waits for the store; what changes is written behind, by compare-and-swap. Where two replicas have let different issuers
 * have a key, the store's first writer keeps it and the other replica follows, with an alarm. While the store is down the
 * owners that are known stay, and new ones are written when it is back.
 *
 * Rejects when the store cannot be read: without the owners a twin could come first.
 */
export async function openKeyOwnership(deps: KeyOwnershipDeps): Promise<StoredKeyOwnership> {
  const ownership = new StoredOwnership(deps);
  await ownership.load();
  return ownership;
}

class StoredOwnership implements StoredKeyOwnership {
  readonly #deps: KeyOwnershipDeps;
  readonly #memory;
  readonly #wishes = new Map<string, Wish>();
  readonly #stopWatching: () => void;
  #configured: { has(name: string): boolean } | undefined;
  /** Reads and writes of the store, one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #writing = false;
  #reading = false;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: KeyOwnershipDeps) {
    this.#deps = deps;
    this.#memory = memoryKeyOwnership(deps.onSharedKey, (thumbprint, now, former) => {
      if (now !== undefined) this.#wish(thumbprint, { claim: now });
      else if (former !== undefined) this.#wish(thumbprint, { givenUpBy: former });
    });
    this.#stopWatching = deps.store.watch(COLLECTION, () => this.#readSoon());
  }

  async load(): Promise<void> {
    for (const document of await this.#deps.store.list(COLLECTION)) {
      for (const [thumbprint, owned] of rowsOf(document)) this.#memory.adopt(thumbprint, owned);
    }
  }

  show: KeyOwnership['show'] = (...shown) => this.#memory.show(...shown);
  claim: KeyOwnership['claim'] = (...claimed) => this.#memory.claim(...claimed);
  owner: KeyOwnership['owner'] = (thumbprint) => this.#memory.owner(thumbprint);
  release: KeyOwnership['release'] = (issuer) => this.#memory.release(issuer);

  follow(issuers: { has(name: string): boolean }): void {
    this.#configured = issuers;
    this.#memory.follow(issuers);
    // What a replica that knew an issuer earlier has written for it counts from now on.
    this.#readSoon();
  }

  flush(): Promise<void> {
    return this.#turn;
  }

  async close(): Promise<void> {
    this.#stopWatching();
    clearTimeout(this.#timer);
    this.#writeSoon();
    await this.#turn;
    clearTimeout(this.#timer);
  }

  #wish(thumbprint: string, wish: Wish): void {
    this.#wishes.set(thumbprint, wish);
    if (this.#failures === 0) this.#writeSoon();
  }

  #writeSoon(): void {
    if (this.#writing) return;
    this.#writing = true;
    this.#inTurn(async () => {
      this.#writing = false;
      await this.#writeAll();
    });
  }

  #readSoon(): void {
    if (this.#reading) return;
    this.#reading = true;
    this.#inTurn(async () => {
      this.#reading = false;
      for (const document of await this.#deps.store.list(COLLECTION)) this.#learn(rowsOf(document));
    });
  }

  #inTurn(work: () => Promise<void>): void {
    this.#turn = this.#turn.then(work).then(
      () => {
        this.#failures = 0;
      },
      (cause: unknown) => this.#failed(cause),
    );
  }

  #failed(cause: unknown): void {
    if (this.#failures === 0) this.#deps.onFailure(cause);
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(this.#failures, 10), MAX_PAUSE_MS);
    this.#failures += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#writeSoon();
      this.#readSoon();
    }, pauseMs).unref();
  }

  async #writeAll(): Promise<void> {
    const buckets = new Map<string, string[]>();
    for (const thumbprint of this.#wishes.keys()) {
      const bucket = bucketOf(thumbprint);
      buckets.set(bucket, [...(buckets.get(bucket) ?? []), thumbprint]);
    }
    for (const [bucket, thumbprints] of buckets) await this.#write(bucket, thumbprints);
  }

  async #write(bucket: string, thumbprints: readonly string[]): Promise<void> {
    for (let conflicts = 0; ; conflicts += 1) {
      const wishes = new Map(thumbprints.map((thumbprint) => [thumbprint, this.#wishes.get(thumbprint)]));
      const document = await this.#deps.store.get(COLLECTION, bucket);
      const rows = rowsOf(document);
      const before = JSON.stringify([...rows]);
      for (const [thumbprint, wish] of wishes) if (wish !== undefined) this.#apply(rows, thumbprint, wish);
      try {
        if (JSON.stringify([...rows]) !== before) {
          await this.#deps.store.put(COLLECTION, bucket, documentOf(rows), document?.version ?? 0);
        }
        this.#written(wishes, rows);
        return;
      } catch (error) {
        if (!(error instanceof VersionConflict) || conflicts === MAX_CONFLICTS) throw error;
      }
    }
  }

  /** Leaves the row as it is where the key is another's already. */
  #apply(rows: Rows, thumbprint: string, wish: Wish): void {
    const stored = rows.get(thumbprint);
    if ('givenUpBy' in wish) {
      if (stored?.owner === wish.givenUpBy) rows.delete(thumbprint);
      return;
    }
    const { owner, holding } = wish.claim;
    const free = stored === undefined || stored.owner === owner || !this.#counts(stored.owner);
    if (free || (holding === 'static' && stored.holding === 'fetched')) rows.set(thumbprint, wish.claim);
  }

  #written(wishes: ReadonlyMap<string, Wish | undefined>, rows: Rows): void {
    for (const [thumbprint, wish] of wishes) {
      // Another wish may have come up while this one was on its way.
      if (wish === undefined || this.#wishes.get(thumbprint) !== wish) continue;
      this.#wishes.delete(thumbprint);
      const stored = rows.get(thumbprint);
      if ('claim' in wish && stored !== undefined) this.#settle(thumbprint, stored);
    }
  }

  #learn(rows: Rows): void {
    for (const [thumbprint, stored] of rows) {
      if (!this.#wishes.has(thumbprint) && this.#counts(stored.owner)) this.#settle(thumbprint, stored);
    }
  }

  #settle(thumbprint: string, stored: Owned): void {
    const known = this.#memory.owner(thumbprint);
    if (known === stored.owner) return;
    this.#memory.adopt(thumbprint, stored);
    if (known !== undefined) this.#deps.onSharedKey({ thumbprint, owner: stored.owner, other: known });
  }

  #counts(owner: string): boolean {
    return this.#configured?.has(owner) ?? true;
  }
}

/** Keys are spread over 256 documents, so that a claim rewrites little and two claims of one key meet in one document. */
function bucketOf(thumbprint: string): string {
  return Buffer.from(thumbprint, 'base64url').subarray(0, 1).toString('hex');
}

function documentOf(rows: Rows): JsonValue {
  return { keys: [...rows].map(([thumbprint, { owner, holding }]) => ({ thumbprint, owner, holding })) };
}

/** What is not understood is left out: a key that nobody is known to own is its first shower's. */
function rowsOf(document: StoredDocument | undefined): Rows {
  const rows: Rows = new Map();
  const keys = isJsonObject(document?.value) ? document.value['keys'] : undefined;
  for (const row of Array.isArray(keys) ? keys : []) {
    if (!isJsonObject(row)) continue;
    const { thumbprint, owner, holding } = row;
    if (typeof thumbprint !== 'string' || typeof owner !== 'string') continue;
    rows.set(thumbprint, { owner, holding: holding === 'static' ? 'static' : 'fetched' });
  }
  return rows;
}
