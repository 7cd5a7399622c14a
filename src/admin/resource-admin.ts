import { readAlone } from '../catalog/preview.ts';
import type { StoredResource } from '../catalog/stored-resources.ts';
import type { JsonObject } from '../core/json.ts';
import { type Actor, assertMay, assertMaySomewhere, mayEverywhere } from './actor.ts';
import { AdminError } from './admin-error.ts';
import type { Act } from './admin-journal.ts';
import { type Changed, Changing, type ChangingDeps } from './change/changing.ts';
import { type AdminKind, type Edit, type Intent, rightOver, type Target } from './change/edit.ts';
import { type SetPlan, setPlan } from './change/set-plan.ts';
import { Turns } from './change/turns.ts';
import { assertVersion, etagOf, type Preconditions } from './change/versions.ts';
import type { EmergencyStop, Stopped } from './emergency-stop.ts';
import type { Proposal } from './proposals.ts';
import { type ListQuery, listed, type ResourceList } from './resource-list.ts';
import { isStored, type ResourceView, viewsOf } from './resource-view.ts';
import { scopeOf } from './scope.ts';
import { submittedDocument } from './submitted-document.ts';
import { submittedStream } from './submitted-stream.ts';

export interface Wish extends Preconditions, Pick<Intent, 'traceId' | 'dryRun' | 'why'> {}

export interface Outcome extends Changed {
  /** Absent after a dry run and a deletion. */
  readonly etag?: string;
  readonly created: boolean;
  /** Of an emergency stop: who keeps it. */
  readonly durable?: Stopped['durable'];
  readonly otherName?: string;
}

interface ResourceAdminDeps extends ChangingDeps {
  readonly emergencyStop?: EmergencyStop;
}

export interface SetWish extends Pick<Intent, 'traceId' | 'dryRun' | 'why'> {
  readonly set: string;
  /** Deletes what the set has in the store and the documents lack. */
  readonly prune: boolean;
}

/** What was changed of a set, or would be. */
export interface Applied extends Changed, Omit<SetPlan, 'edits'> {
  readonly added: readonly Target[];
  readonly changed: readonly Target[];
  readonly removed: readonly Target[];
}

export interface HistoryQuery {
  /** Only versions below it. */
  readonly before?: number | undefined;
}

export interface HistoryPage {
  readonly items: readonly StoredResource[];
  /** The version below which to go on. */
  readonly next?: number;
}

const HISTORY_PAGE = 100;

/** Reading and changing resources. Everything that throws, throws AdminError or OAuthError `audit_unavailable`. */
export class ResourceAdmin {
  readonly #deps: ResourceAdminDeps;
  readonly #changing: Changing;
  readonly #turns = new Turns();

  constructor(deps: ResourceAdminDeps) {
    this.#deps = deps;
    this.#changing = new Changing(deps);
  }

  list(actor: Actor, kind: AdminKind, query: ListQuery): ResourceList {
    const loaded = this.#deps.catalog.loaded();
    const { admits } = scopeOf(actor, 'read', loaded.snapshot.grants);
    return listed(loaded, kind, { ...query, admits });
  }

  /** The store's document where it has one, else that of a file. */
  async get(actor: Actor, { kind, name }: Target): Promise<ResourceView & { readonly etag?: string }> {
    assertMaySomewhere(actor, 'read');
    const { document, version, ...provenance } = await readable(this.#deps.stored.get(kind, name));
    const loaded = this.#deps.catalog.loaded();
    const named = loaded.documents.filter((one) => one.kind === kind && one.name === name);
    const found = named.find((one) => isStored(one) === (document !== undefined));
    const { admits } = scopeOf(actor, 'read', loaded.snapshot.grants);
    // The store may be ahead of what was loaded: neither may be out of sight.
    const newest = readAlone({ kind, name, document }) ?? found;
    if (found === undefined || newest === undefined || !admits(found) || !admits(newest)) {
      throw new AdminError('not_found');
    }
    const view = viewsOf(loaded)(found);
    if (document === undefined) return view;
    return { ...view, document, source: { type: 'store', ...provenance }, etag: etagOf(version) };
  }

  put(actor: Actor, target: Target, text: string, wish: Wish): Promise<Outcome> {
    const stop = async (act: Act) => {
      const { kind, name } = target;
      const plain = wish.dryRun || wish.ifMatch !== undefined || kind !== 'Guardrail';
      return plain
        ? undefined
        : await this.#deps.emergencyStop?.({ ...act, name }, submittedDocument(text, kind, name));
    };
    return this.#attempt({ actor, action: 'put', target, wish, stop }, async (before) => {
      const document = submittedDocument(text, target.kind, target.name);
      assertVersion(before, wish);
      return document;
    });
  }

  delete(actor: Actor, target: Target, wish: Wish): Promise<Outcome> {
    return this.#attempt({ actor, action: 'delete', target, wish }, async (before) => {
      assertVersion(before, wish);
      if (before.document === undefined) throw new AdminError('not_found');
      return undefined;
    });
  }

  /** Open proposals about a resource, or about all of a kind; where the right to read is limited, the actor's own. */
  async proposals(actor: Actor, kind: AdminKind, name?: string): Promise<readonly Proposal[]> {
    assertMaySomewhere(actor, 'read');
    const about = await this.#deps.secondPerson.about(kind, name);
    if (mayEverywhere(actor, 'read')) return about;
    return about.filter(({ by }) => by.issuer === actor.issuer && by.subject === actor.subject);
  }

  /** Takes back what the actor proposed about a resource. */
  withdraw(actor: Actor, target: Target, traceId: string): Promise<readonly Proposal[]> {
    const act = { actor, traceId, action: 'delete', ...target } as const;
    return this.#recorded(act, false, async () => {
      assertMayChange(actor, target.kind);
      return await this.#deps.secondPerson.withdraw(act);
    });
  }

  /** A document as it was at a version, by an ordinary put: the same checks and the same preconditions. */
  rollback(actor: Actor, target: Target, version: number, wish: Wish): Promise<Outcome> {
    return this.#attempt({ actor, action: 'rollback', target, wish }, async (before) => {
      const versions = await this.#versions(actor, target);
      const former = versions.find((one) => one.version === version);
      if (former === undefined) throw new AdminError('not_found', { detail: `there is no version ${version}` });
      if (former.document === undefined) {
        throw new AdminError('invalid', { detail: `at version ${version} it was deleted`, mend: 'delete it' });
      }
      assertVersion(before, wish);
      return former.document;
    });
  }

  /** The newest first; `next` where older ones follow. Of before the first version that kept them only the last is known. */
  async history(actor: Actor, target: Target, query: HistoryQuery): Promise<HistoryPage> {
    const versions = await this.#versions(actor, target);
    // Whoever may see no document of it learns nothing of it.
    if (versions.every(({ document }) => document === undefined)) {
      const detail = 'the store keeps no version of it; documents of files have their history where the files have it';
      throw new AdminError('not_found', { detail });
    }
    const { before = Number.POSITIVE_INFINITY } = query;
    const older = versions.filter(({ version }) => version < before).toReversed();
    const items = older.slice(0, HISTORY_PAGE);
    const last = items.at(-1)?.version;
    return { items, ...(last !== undefined && items.length < older.length && { next: last }) };
  }

  /** Makes a set of the store what the documents of a text say: all of it or, where anything is wrong, nothing. */
  apply(actor: Actor, text: string, { set, prune, ...wish }: SetWish): Promise<Applied> {
    const act: Act = { actor, traceId: wish.traceId, action: 'put', set, why: wish.why };
    return this.#recorded(act, wish.dryRun, async () => {
      assertMayChange(actor, 'FederationMapping');
      const submitted = await submittedStream(text);
      for (const kind of new Set(submitted.map((one) => one.kind))) assertMayChange(actor, kind);
      return await this.#turns.take(async () => {
        const stored = await readable(this.#deps.stored.all());
        const beforeOf = ({ kind, name }: Target) => stored.get(kind, name);
        for (const { kind, name } of submitted) {
          this.#changing.assertWithin(actor, { kind, name, before: beforeOf({ kind, name }) });
        }
        const holdsFor = (right: 'read' | 'change mappings') => {
          const { everywhere, admits } = scopeOf(actor, right, this.#deps.catalog.current().grants);
          return ({ kind, name }: Target) => {
            if (everywhere) return true;
            const read = readAlone({ kind, name, document: beforeOf({ kind, name }).document });
            return read !== undefined && admits(read);
          };
        };
        const [seen, own] = [holdsFor('read'), holdsFor('change mappings')];
        // A set is joined by its name: what others put into it neither goes nor stands in the way.
        const everything = mayEverywhere(actor, 'change mappings');
        const prunes = (one: Target) => prune && (everything || (one.kind === 'FederationMapping' && own(one)));
        const { edits, unchanged, left } = setPlan(submitted, stored, { set, prunes });
        for (const kind of new Set(edits.map((one) => one.kind))) assertMayChange(actor, kind);
        this.#changing.assertNotInFiles(actor, edits);
        const changed = await this.#changing.change({ ...wish, actor, action: 'put' }, edits);
        const of = (wanted: (edit: Edit) => boolean) => edits.filter(wanted).map(({ kind, name }) => ({ kind, name }));
        return {
          ...changed,
          unchanged,
          left: left.filter(seen),
          added: of(({ before }) => before.document === undefined),
          changed: of(({ before, document }) => before.document !== undefined && document !== undefined),
          removed: of(({ document }) => document === undefined),
        };
      });
    });
  }

  /** `wanted`: what is to be there, once it is clear that the caller knows what is. */
  #attempt(
    { actor, action, target, wish, stop }: Attempt,
    wanted: (before: StoredResource) => Promise<JsonObject | undefined>,
  ): Promise<Outcome> {
    const { traceId, why, dryRun } = wish;
    const act: Act = { actor, traceId, action, ...target, why };
    return this.#recorded(act, dryRun, async () => {
      // Before it takes a place in the line: whoever may not change anything keeps nobody waiting.
      assertMayChange(actor, target.kind);
      const stopped = await stop?.(act);
      if (stopped !== undefined) return stopped;
      return await this.#turns.take(async () => {
        const before = await readable(this.#deps.stored.get(target.kind, target.name));
        this.#changing.assertNotInFiles(actor, [{ ...target, before }]);
        this.#changing.assertWithin(actor, { ...target, before });
        const document = await wanted(before);
        const intent: Intent = { actor, traceId, action: action === 'rollback' ? action : 'put', why, dryRun };
        const changed = await this.#changing.change(intent, [{ ...target, before, document, set: before.set }]);
        const created = document !== undefined && before.document === undefined;
        const isWritten = document !== undefined && !dryRun && changed.proposal === undefined;
        return { ...changed, created, ...(isWritten && { etag: etagOf(before.version + 1) }) };
      });
    });
  }

  async #recorded<T>(act: Act, dryRun: boolean, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      if (error instanceof AdminError && !dryRun) this.#deps.journal.refused(act, error);
      throw error;
    }
  }

  /** Those within sight, ascending; a deletion is where what it deleted is. */
  async #versions(actor: Actor, { kind, name }: Target): Promise<readonly StoredResource[]> {
    const { everywhere, admits } = scopeOf(actor, 'read', this.#deps.catalog.current().grants);
    const versions = await readable(this.#deps.stored.history(kind, name));
    if (everywhere) return versions;
    let seen = false;
    return versions.filter(({ document }) => {
      const read = readAlone({ kind, name, document });
      if (document !== undefined) seen = read !== undefined && admits(read);
      return seen;
    });
  }
}

/** Which documents of a kind somebody may change shows when they are known. */
function assertMayChange(actor: Actor, kind: AdminKind): void {
  const right = rightOver(kind);
  if (right === 'change mappings') assertMaySomewhere(actor, right);
  else assertMay(actor, right);
}

function readable<T>(reading: Promise<T>): Promise<T> {
  return reading.catch((cause) => {
    throw new AdminError('unavailable', { detail: 'the store cannot be read', cause });
  });
}

interface Attempt {
  readonly actor: Actor;
  readonly action: 'put' | 'delete' | 'rollback';
  readonly target: Target;
  readonly wish: Wish;
  /** Comes before everything that may wait. */
  readonly stop?: (act: Act) => Promise<Outcome | undefined>;
}
