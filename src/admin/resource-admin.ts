import { readAlone } from '../catalog/preview.ts';
import type { StoredResource } from '../catalog/stored-resources.ts';
import type { JsonObject } from '../core/json.ts';
import { type Actor, assertMay, assertMaySomewhere, mayEverywhere } from './actor.ts';
import { AdminError } from './admin-error.ts';
import type { Act } from './admin-journal.ts';
import { type Changed, Changing, type ChangingDeps } from './change/changing.ts';
import { type AdminKind, type Intent, rightOver, type Target } from './change/edit.ts';
import { Turns } from './change/turns.ts';
import { assertVersion, etagOf, type Preconditions } from './change/versions.ts';
import type { EmergencyStop, Stopped } from './emergency-stop.ts';
import type { Proposal } from './proposals.ts';
import { type ListQuery, listed, type ResourceList } from './resource-list.ts';
import { isStored, type ResourceView, viewsOf } from './resource-view.ts';
import { scopeOf } from './scope.ts';
import { submittedDocument } from './submitted-document.ts';

export interface Wish extends Preconditions, Pick<Intent, 'traceId' | 'dryRun' | 'why'> {}

export interface Outcome extends Changed {
  /** Absent after a dry run and a deletion. */
  readonly etag?: string;
  readonly created: boolean;
  /** Of an emergency stop: who keeps it. */
  readonly durable?: Stopped['durable'];
}

interface ResourceAdminDeps extends ChangingDeps {
  readonly emergencyStop?: EmergencyStop;
}

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
    const { document, version, ...provenance } = await this.#stored({ kind, name });
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
  async withdraw(actor: Actor, target: Target, traceId: string): Promise<readonly Proposal[]> {
    assertMayChange(actor, target.kind);
    return this.#deps.secondPerson.withdraw({ actor, traceId, action: 'delete', ...target });
  }

  /** `wanted`: what is to be there, once it is clear that the caller knows what is. */
  async #attempt(
    { actor, action, target, wish, stop }: Attempt,
    wanted: (before: StoredResource) => Promise<JsonObject | undefined>,
  ): Promise<Outcome> {
    const { traceId, why, dryRun } = wish;
    const act: Act = { actor, traceId, action, ...target, why };
    try {
      // Before it takes a place in the line: whoever may not change anything keeps nobody waiting.
      assertMayChange(actor, target.kind);
      const stopped = await stop?.(act);
      if (stopped !== undefined) return stopped;
      return await this.#turns.take(async () => {
        const before = await this.#stored(target);
        this.#changing.assertNotInFiles([{ ...target, before }]);
        const document = await wanted(before);
        const intent: Intent = { actor, traceId, action: action === 'delete' ? 'put' : action, why, dryRun };
        const changed = await this.#changing.change(intent, [{ ...target, before, document, set: before.set }]);
        const created = document !== undefined && before.document === undefined;
        const isWritten = document !== undefined && !dryRun && changed.proposal === undefined;
        return { ...changed, created, ...(isWritten && { etag: etagOf(before.version + 1) }) };
      });
    } catch (error) {
      if (error instanceof AdminError && !dryRun) this.#deps.journal.refused(act, error.key);
      throw error;
    }
  }

  async #stored({ kind, name }: Target): Promise<StoredResource> {
    return this.#deps.stored.get(kind, name).catch((cause) => {
      throw new AdminError('unavailable', { detail: 'the store cannot be read', cause });
    });
  }
}

/** Which documents of a kind somebody may change shows when they are known. */
function assertMayChange(actor: Actor, kind: AdminKind): void {
  const right = rightOver(kind);
  if (right === 'change mappings') assertMaySomewhere(actor, right);
  else assertMay(actor, right);
}

interface Attempt {
  readonly actor: Actor;
  readonly action: 'put' | 'delete';
  readonly target: Target;
  readonly wish: Wish;
  /** Comes before everything that may wait. */
  readonly stop?: (act: Act) => Promise<Outcome | undefined>;
}
