import type { AuditRecord, RecordType } from '../../audit/record.ts';
import type { Loaded } from '../../catalog/load-resources.ts';
import { readAlone } from '../../catalog/preview.ts';
import type { StoredResources } from '../../catalog/stored-resources.ts';
import type { VerifiedIdentity } from '../../core/identity.ts';
import type { Snapshot } from '../../policy/snapshot.ts';
import type { Actor } from '../actor.ts';
import { AdminError } from '../admin-error.ts';
import { namesAt } from '../explanation.ts';
import { holdsForAll, type Scope, scopeOf } from '../scope.ts';

/** Credentials that were given out are for those who read the log. */
const REFUSALS: readonly RecordType[] = ['refused', 'failed'];
/** Replicas read a change within seconds, and their clocks differ by some. */
const MARGIN_MS = 60_000;

/** What of the log belongs to somebody whose right to read is limited: refusals by mappings that are his, then and now. */
export class OwnRefusals {
  readonly #scope: Scope;
  readonly #loaded: Loaded;
  readonly #stored: Pick<StoredResources, 'history'>;

  /** Throws AdminError `forbidden`. */
  constructor(actor: Actor, loaded: Loaded, stored: Pick<StoredResources, 'history'>) {
    this.#scope = scopeOf(actor, 'read', loaded.snapshot.grants);
    this.#loaded = loaded;
    this.#stored = stored;
  }

  /** Whether a mapping refused that is his today. */
  holds({ type, mapping }: AuditRecord): boolean {
    return REFUSALS.includes(type) && mapping !== undefined && this.#isOwn(mapping);
  }

  /** Whether the mappings of these records were his at that time too: a name, or a label, may have been another's. */
  async wereOwn(records: readonly AuditRecord[]): Promise<boolean> {
    for (const { mapping, at } of records) {
      if (mapping === undefined || !(await this.#wasOwnSince(mapping, Date.parse(at) - MARGIN_MS))) return false;
    }
    return true;
  }

  /** The record without what mappings beside it would have done that are not his. */
  shown({ beside, ...record }: AuditRecord): AuditRecord {
    const own = beside?.filter(({ mapping }) => mapping !== undefined && this.#isOwn(mapping));
    return own === undefined || own.length === 0 ? record : { ...record, beside: own };
  }

  /** Whether no mapping but his has a say at the address. */
  decideAlone(snapshot: Snapshot, identity: VerifiedIdentity, address: string): boolean {
    const { documents } = this.#loaded;
    return holdsForAll(this.#scope, documents, namesAt(snapshot, identity, address));
  }

  #isOwn(mapping: string): boolean {
    return holdsForAll(this.#scope, this.#loaded.documents, [mapping]);
  }

  async #wasOwnSince(name: string, from: number): Promise<boolean> {
    const kind = 'FederationMapping';
    const versions = await this.#stored.history(kind, name).catch((cause) => {
      throw new AdminError('unavailable', { detail: 'the store cannot be read', cause });
    });
    const first = versions.findLastIndex(({ at = 0 }) => at <= from);
    return versions.slice(Math.max(0, first)).every(({ document }) => {
      const read = readAlone({ kind, name, document });
      return document === undefined || (read !== undefined && this.#scope.admits(read));
    });
  }
}
