import type { Catalog } from '../../catalog/catalog.ts';
import type { DeletedNames } from '../../catalog/deleted-names.ts';
import type { StoredResources } from '../../catalog/stored-resources.ts';
import type { Clock } from '../../core/clock.ts';
import type { Document } from '../../resources/document.ts';
import { VersionConflict } from '../../store/document-store.ts';
import { type Actor, authorOf } from '../actor.ts';
import { AdminError } from '../admin-error.ts';
import { type AdminJournal, recorded } from '../admin-journal.ts';
import type { Changes } from '../changes.ts';
import { isStored } from '../resource-view.ts';
import type { Edit, Intent } from './edit.ts';
import { judged } from './judging.ts';

/** Records that are made durable together: few enough to leave the log to exchanges. */
const RECORDS_AT_ONCE = 64;

export interface ChangingDeps {
  readonly catalog: Catalog;
  readonly stored: StoredResources;
  readonly deletedNames: DeletedNames;
  readonly journal: AdminJournal;
  readonly clock: Clock;
}

/** What has come of a change. */
export interface Changed {
  /** False after a dry run, and where this replica could not load the change yet. */
  readonly inForce: boolean;
  readonly changes: Changes;
}

/** The one way to change resources: all edits or none. Throws AdminError and OAuthError `audit_unavailable`. */
export class Changing {
  readonly #deps: ChangingDeps;

  constructor(deps: ChangingDeps) {
    this.#deps = deps;
  }

  /** Judges, and unless it is a dry run records and then writes. */
  async change(intent: Intent, edits: readonly Edit[]): Promise<Changed> {
    const { catalog, stored } = this.#deps;
    for (const edit of edits) this.#assertFresh(intent.actor, edit);
    const at = this.#deps.clock.now();
    const { why } = intent;
    const writes = edits.map(({ kind, name, document, before, set }) => ({
      ...{ kind, name, document, ifVersion: before.version, author: authorOf(intent.actor), at },
      ...(why !== undefined && { why }),
      ...(set !== undefined && { set }),
    }));
    const changes = await judged(catalog, writes);
    if (intent.dryRun) return { inForce: false, changes };
    await this.#record(intent, edits);
    await stored.putAll(writes).catch((cause) => {
      if (!(cause instanceof VersionConflict)) {
        throw new AdminError('unavailable', { detail: 'the store cannot be written', cause });
      }
      throw new AdminError('precondition_failed', { detail: `somebody else has changed ${cause.document}`, cause });
    });
    const inForce = (await catalog.reload()) !== 'failed' && !stored.stale;
    return { inForce, changes };
  }

  /** What a file has is changed there. Throws AdminError `from_file`. */
  assertNotInFiles(documents: readonly Pick<Edit, 'kind' | 'name' | 'before'>[]): void {
    const absent = new Set(documents.flatMap((one) => (one.before.document === undefined ? [keyOf(one)] : [])));
    const loaded = this.#deps.catalog.loaded().documents;
    const found = loaded.find((one) => absent.has(keyOf(one)) && !isStored(one));
    if (found === undefined) return;
    throw new AdminError('from_file', { detail: `${keyOf(found)} is in ${found.source.id}` });
  }

  /** Clouds trust the name: who takes over that of a deleted mapping gets what the old one was trusted with. */
  #assertFresh(actor: Actor, { kind, name, before, document }: Edit): void {
    if (document === undefined || before.document !== undefined) return;
    // What another replica deleted shows in the store before this one has heard of it.
    const isDeleted = before.version > 0 || this.#deps.deletedNames.isDeleted(name);
    if (kind !== 'FederationMapping' || actor.roles.includes('owner') || !isDeleted) return;
    throw new AdminError('forbidden', {
      field: 'metadata.name',
      detail: `the name ${name} is that of a deleted mapping, which only an owner may use again`,
    });
  }

  async #record({ actor, traceId, action, why }: Intent, edits: readonly Edit[]): Promise<void> {
    for (let from = 0; from < edits.length; from += RECORDS_AT_ONCE) {
      const records = edits.slice(from, from + RECORDS_AT_ONCE).map(({ kind, name, before, document, set }) =>
        this.#deps.journal.changing({
          ...{ actor, traceId, kind, name, why, set },
          action: document === undefined ? 'delete' : action,
          before: before.document && recorded(before.document, before.version, { whole: true }),
          after: document && recorded(document, before.version + 1, { whole: true }),
        }),
      );
      await Promise.all(records);
    }
  }
}

function keyOf({ kind, name }: Pick<Document, 'kind' | 'name'>): string {
  return `${kind} ${name}`;
}
