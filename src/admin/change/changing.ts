import type { Catalog } from '../../catalog/catalog.ts';
import type { DeletedNames } from '../../catalog/deleted-names.ts';
import { readAlone } from '../../catalog/preview.ts';
import type { StoredResources } from '../../catalog/stored-resources.ts';
import { type Author, accountOf } from '../../core/author.ts';
import type { Clock } from '../../core/clock.ts';
import { inTurns } from '../../core/in-turns.ts';
import type { Document } from '../../resources/document.ts';
import { VersionConflict } from '../../store/document-store.ts';
import { type Actor, authorOf, mayEverywhere } from '../actor.ts';
import { AdminError } from '../admin-error.ts';
import { type Act, type AdminJournal, recorded } from '../admin-journal.ts';
import { toldOf } from '../changes.ts';
import type { Proposal } from '../proposals.ts';
import { isStored } from '../resource-view.ts';
import { scopeOf, writer } from '../scope.ts';
import type { SecondPerson } from '../second-person.ts';
import { type Edit, type Intent, rightOver } from './edit.ts';
import { type Judged, judged } from './judging.ts';

/** Records that are made durable together: few enough to leave the log to exchanges. */
const RECORDS_AT_ONCE = 64;

const NONE: Judged = {
  changes: { added: [], removed: [], changed: [], newFaults: [], goneFaults: [] },
  widening: { widens: false, reasons: [], more: 0 },
};

export interface ChangingDeps {
  readonly catalog: Catalog;
  readonly stored: StoredResources;
  readonly deletedNames: DeletedNames;
  readonly journal: AdminJournal;
  readonly clock: Clock;
  readonly secondPerson: SecondPerson;
}

/** What has come of a change. */
export interface Changed extends Judged {
  /** False after a dry run, and where this replica could not load the change yet. */
  readonly inForce: boolean;
  /** Nothing has changed: it waits for a second person. */
  readonly proposal?: Proposal;
}

/** The one way to change resources: all edits or none. Throws AdminError and OAuthError `audit_unavailable`. */
export class Changing {
  readonly #deps: ChangingDeps;

  constructor(deps: ChangingDeps) {
    this.#deps = deps;
  }

  /** Judges, and unless it is a dry run records and then writes. */
  async change(intent: Intent, edits: readonly Edit[]): Promise<Changed> {
    const { catalog, stored, journal, secondPerson } = this.#deps;
    if (edits.length === 0) return { inForce: !intent.dryRun, ...NONE };
    for (const edit of edits) this.#assertFresh(intent.actor, edit);
    const at = this.#deps.clock.now();
    const { why } = intent;
    const writes = await inTurns(edits, ({ kind, name, document, before, set }) => ({
      ...{ kind, name, document, ifVersion: before.version, at },
      author: this.#authorOf(intent.actor, { kind, name, before, document }),
      ...(why !== undefined && { why }),
      ...(set !== undefined && { set }),
    }));
    if (secondPerson.isAsked && !intent.dryRun) await this.#catchUp(edits);
    const judgement = this.#told(intent.actor, await judged(catalog, writes));
    if (intent.dryRun) return { inForce: false, ...judgement };
    const passage = await secondPerson.ask({
      actor: intent.actor,
      widening: judgement.widening,
      writes: edits.map(({ kind, name, document, before, set }) => ({
        ...{ kind, name, document, version: before.version },
        ...(set !== undefined && { set }),
      })),
      record: (proposal) => this.#record(edits, (edit) => journal.proposing({ ...actOf(intent, edit), proposal })),
    });
    if (passage.kind === 'proposed') return { inForce: false, ...judgement, proposal: passage.proposal };
    const { confirms } = passage;
    const confirmed = confirms && { proposal: confirms.id, by: accountOf(confirms.by) };
    await this.#record(edits, (edit) => journal.changing({ ...actOf(intent, edit), confirms: confirmed }));
    const confirmedWrites = writes.map((write) => ({ ...write, ...(confirms && { proposedBy: confirms.by }) }));
    await stored.putAll(confirmedWrites).catch((cause) => {
      if (!(cause instanceof VersionConflict)) {
        throw new AdminError('unavailable', { detail: 'the store cannot be written', cause });
      }
      throw new AdminError('precondition_failed', { detail: `somebody else has changed ${cause.document}`, cause });
    });
    if (confirms !== undefined) await secondPerson.over(confirms);
    const inForce = (await catalog.reload()) !== 'failed' && !stored.stale;
    return { inForce, ...judgement };
  }

  /**
   * Of what somebody may not write he learns no version, no set and no content by trying. Throws AdminError `forbidden`.
   */
  assertWithin(actor: Actor, { kind, name, before }: Pick<Edit, 'kind' | 'name' | 'before'>): void {
    if (before.document === undefined || mayEverywhere(actor, rightOver(kind))) return;
    this.#authorOf(actor, { kind, name, before, document: undefined });
  }

  /** What a file has is changed there; whoever may not read it is not told where. Throws AdminError `from_file`. */
  assertNotInFiles(actor: Actor, documents: readonly Pick<Edit, 'kind' | 'name' | 'before'>[]): void {
    const absent = documents.filter((one) => one.before.document === undefined);
    const [keys, names] = [new Set(absent.map(keyOf)), new Set(absent.map(({ name }) => name))];
    const { documents: loaded, snapshot } = this.#deps.catalog.loaded();
    const found = loaded.find((one) => names.has(one.name) && keys.has(keyOf(one)) && !isStored(one));
    if (found === undefined) return;
    const isSeen = scopeOf(actor, 'read', snapshot.grants).admits(found);
    throw new AdminError('from_file', { detail: `${keyOf(found)} is in ${isSeen ? found.source.id : 'a file'}` });
  }

  /** Both what was and what is to be have to be where the actor may write. */
  #authorOf(actor: Actor, { kind, name, before, document }: Edit): Author {
    const right = rightOver(kind);
    if (right === 'change mappings') {
      const [was, is] = [before.document, document].map((one) => readAlone({ kind, name, document: one }));
      return writer(actor, { before: was, after: is }, this.#deps.catalog.current().grants);
    }
    return authorOf(actor, right);
  }

  #told(actor: Actor, { changes, widening }: Judged): Judged {
    const { documents, snapshot } = this.#deps.catalog.loaded();
    const { everywhere, admits } = scopeOf(actor, 'read', snapshot.grants);
    return { changes: everywhere ? changes : toldOf(changes, documents, admits), widening };
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

  /**
   * What another replica has narrowed and this one has not read yet could be widened again unseen. Guardrails that are
   * new narrow whatever is in force, so that a stop waits for nothing.
   */
  async #catchUp(edits: readonly Edit[]): Promise<void> {
    if (edits.every(({ kind, before }) => kind === 'Guardrail' && before.document === undefined)) return;
    const { catalog, stored } = this.#deps;
    if ((await catalog.reload()) !== 'failed' && !stored.stale) return;
    const detail = 'what is in force cannot be read, so nobody can tell what it widens';
    throw new AdminError('unavailable', { detail });
  }

  async #record(edits: readonly Edit[], record: (edit: Edit) => Promise<void>): Promise<void> {
    for (let from = 0; from < edits.length; from += RECORDS_AT_ONCE) {
      await Promise.all(edits.slice(from, from + RECORDS_AT_ONCE).map(record));
    }
  }
}

function actOf({ actor, traceId, action, why }: Intent, { kind, name, before, document, set }: Edit): Act {
  return {
    ...{ actor, traceId, kind, name, why, set },
    action: document === undefined ? 'delete' : action,
    before: before.document && recorded(before.document, before.version, { whole: true }),
    after: document && recorded(document, before.version + 1, { whole: true }),
  };
}

function keyOf({ kind, name }: Pick<Document, 'kind' | 'name'>): string {
  return `${kind} ${name}`;
}
