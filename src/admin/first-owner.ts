import { isJsonObject } from '../core/json.ts';
import { type DocumentStore, VersionConflict } from '../store/document-store.ts';
import { AdminError } from './admin-error.ts';

/** Name of the collection in the store. */
export const ADMIN = 'admin';
const OWNER = 'first-owner';

export interface Owner {
  /** Exact `iss`. */
  readonly issuer: string;
  /** Exact `sub`. */
  readonly subject: string;
}

/** The one owner that is named by the bootstrap token and not by a claim. Named once, for good. */
export class FirstOwner {
  readonly #store: DocumentStore;
  /** Named once, for good: who has been read need not be read again. */
  #known: Owner | undefined;

  constructor(store: DocumentStore) {
    this.#store = store;
  }

  /** Once it is known no outage of the store hides it. Throws AdminError `unavailable`. */
  async get(): Promise<Owner | undefined> {
    if (this.#known !== undefined) return this.#known;
    const stored = await this.#store.get(ADMIN, OWNER).catch((cause) => {
      throw new AdminError('unavailable', { detail: 'the store cannot be read', cause });
    });
    const { issuer, subject } = isJsonObject(stored?.value) ? stored.value : {};
    if (typeof issuer === 'string' && typeof subject === 'string') this.#known = { issuer, subject };
    return this.#known;
  }

  /** Of those who name one at the same time one succeeds. Throws AdminError `owner_named` or `unavailable`. */
  async name({ issuer, subject }: Owner): Promise<void> {
    try {
      await this.#store.put(ADMIN, OWNER, { issuer, subject }, 0);
    } catch (cause) {
      if (cause instanceof VersionConflict) throw new AdminError('owner_named');
      throw new AdminError('unavailable', { detail: 'the store cannot be written', cause });
    }
  }
}
