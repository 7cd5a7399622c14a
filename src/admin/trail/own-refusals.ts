import type { AuditRecord, RecordType } from '../../audit/record.ts';
import type { Loaded } from '../../catalog/load-resources.ts';
import type { StoredResources } from '../../catalog/stored-resources.ts';
import type { VerifiedIdentity } from '../../core/identity.ts';
import type { Snapshot } from '../../policy/snapshot.ts';
import type { Actor } from '../actor.ts';
import { namesAt } from '../explanation.ts';
import { holdsForAll, type Scope, scopeOf } from '../scope.ts';
import { ownSince } from './own-since.ts';

/** Credentials that were given out are for those who read the log. */
const REFUSALS: readonly RecordType[] = ['refused', 'failed'];

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
      if (mapping === undefined || Date.parse(at) < (await ownSince(mapping, this.#scope, this.#stored))) return false;
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
}
