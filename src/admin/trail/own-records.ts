import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Coverage } from '../../audit/history.ts';
import type { AuditRecord } from '../../audit/record.ts';
import type { Loaded } from '../../catalog/load-resources.ts';
import type { StoredResources } from '../../catalog/stored-resources.ts';
import { type Actor, assertMaySomewhere, mayEverywhere, type Right } from '../actor.ts';
import { scopeOf } from '../scope.ts';
import { ownSince } from './own-since.ts';

/** Mappings whose versions are read at a stretch: a millisecond's work, and SQLite reads without a pause. */
const AT_ONCE = 20;

interface OwnRecordsDeps {
  readonly loaded: Loaded;
  readonly stored: Pick<StoredResources, 'history'>;
  /** By which he reads. */
  readonly right: Right;
}

/** What of the log belongs to somebody whose right is limited: records of mappings that are his, then and now. */
export class OwnRecords {
  /** Names of his mappings, and from when on, in milliseconds, each was his. */
  readonly #since: ReadonlyMap<string, number>;

  private constructor(since: ReadonlyMap<string, number>) {
    this.#since = since;
  }

  /** Undefined for whoever may read all of it. Throws AdminError `forbidden` or `unavailable`. */
  static async of(actor: Actor, { loaded, stored, right }: OwnRecordsDeps): Promise<OwnRecords | undefined> {
    assertMaySomewhere(actor, right);
    if (mayEverywhere(actor, right)) return undefined;
    const scope = scopeOf(actor, right, loaded.snapshot.grants);
    const mappings = loaded.documents.filter(({ kind }) => kind === 'FederationMapping');
    const since = new Map<string, number>();
    let seen = 0;
    for (const [name, documents] of Map.groupBy(mappings, (one) => one.name)) {
      if (documents.every(scope.admits)) since.set(name, await ownSince(name, scope, stored));
      seen += 1;
      if (seen % AT_ONCE === 0) await nextTurn();
    }
    return new OwnRecords(since);
  }

  /** Whether a mapping of this name is his today. */
  has(mapping: string | undefined): boolean {
    return mapping !== undefined && this.#since.has(mapping);
  }

  /** Whether a record is of a mapping, or of a change of one, that was his already. */
  holds({ mapping, admin, at }: AuditRecord): boolean {
    const changed = admin?.kind === 'FederationMapping' ? admin.name : undefined;
    const since = this.#since.get(mapping ?? changed ?? '');
    return since !== undefined && Date.parse(at) >= since;
  }

  /** The record without what mappings beside it would have done that are not his. */
  shown({ beside, ...record }: AuditRecord): AuditRecord {
    const own = beside?.filter(({ mapping }) => this.has(mapping));
    return own === undefined || own.length === 0 ? record : { ...record, beside: own };
  }

  /** Without a count of what may be others'. */
  covered(coverage: Coverage): Coverage {
    return { ...coverage, unreadable: 0 };
  }
}
