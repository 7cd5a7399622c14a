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

  constructor(store: DocumentStore) {
    this.#store = store;
  }

  /** Throws AdminError `unavailable`. */
  async get(): Promise<Owner | undefined> {
    const stored = await this.#store.get(ADMIN, OWNER).catch((cause) => {
      throw new AdminError('unavailable', { detail: 'the store cannot be read', cause });
    });
    const { issuer, subject } = isJsonObject(stored?.value) ? stored.value : {};
    return typeof issuer === 'string' && typeof subject === 'string' ? { issuer, subject } : undefined;
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
