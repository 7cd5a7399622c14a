import type { Catalog } from '../catalog/catalog.ts';
import type { DeletedNames } from '../catalog/deleted-names.ts';
import type { StoredResource, StoredResources } from '../catalog/stored-resources.ts';
import type { JsonObject } from '../core/json.ts';
import type { Compiled } from '../policy/compile.ts';
import type { Document, Fault, Kind } from '../resources/document.ts';
import { VersionConflict } from '../store/document-store.ts';
import { type Actor, assertMay } from './actor.ts';
import { AdminError } from './admin-error.ts';
import { type Act, type AdminJournal, recorded } from './admin-journal.ts';
import { type Changes, changesBetween, faultsOf } from './changes.ts';
import { isStored, type ResourceView, viewsOf } from './resource-view.ts';
import { submittedDocument } from './submitted-document.ts';

/** Kinds that the API has. */
export type AdminKind = 'TrustedIssuer' | 'FederationMapping' | 'Guardrail';

/** Each compiles all resources: beyond this, waiting only makes all of them late. */
const MAX_WAITING = 8;

export interface Target {
  readonly kind: AdminKind;
  readonly name: string;
}

export interface Wish {
  readonly traceId: string;
  /** Tells what would change, and changes nothing. */
  readonly dryRun: boolean;
  /** The headers If-Match and If-None-Match as they came. */
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

export interface ListQuery {
  readonly limit: number;
  /** Name after which to go on. */
  readonly after?: string | undefined;
  /** A label and its value. */
  readonly label?: readonly [string, string] | undefined;
  readonly source?: 'file' | 'store' | undefined;
}

export interface Outcome {
  /** Absent after a dry run and a deletion. */
  readonly etag?: string;
  readonly created: boolean;
  /** False where this replica could not load the change yet. */
  readonly inForce: boolean;
  readonly changes: Changes;
}

interface ResourceAdminDeps {
  readonly catalog: Catalog;
  readonly stored: StoredResources;
  readonly deletedNames: DeletedNames;
  readonly journal: AdminJournal;
}

/** Reading and changing resources. Everything that throws, throws AdminError or OAuthError `audit_unavailable`. */
export class ResourceAdmin {
  readonly #deps: ResourceAdminDeps;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(deps: ResourceAdminDeps) {
    this.#deps = deps;
  }

  /** By name, ascending; `next` is there where more follow. */
  list(actor: Actor, kind: AdminKind, query: ListQuery): { items: readonly ResourceView[]; next?: string } {
    assertMay(actor, 'read');
    const loaded = this.#deps.catalog.loaded();
    const found = loaded.documents
      .filter((one) => one.kind === kind && fits(one, query))
      .sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)) || Number(isStored(a)) - Number(isStored(b)));
    const page = found.slice(0, query.limit);
    const last = page.at(-1)?.name;
    // Twins of one name stay on one page.
    const whole = found.filter((one, index) => index < query.limit || one.name === last);
    return {
      items: whole.map(viewsOf(loaded)),
      ...(last !== undefined && whole.length < found.length && { next: last }),
    };
  }

  /** The store's document where it has one, else that of a file. */
  async get(actor: Actor, { kind, name }: Target): Promise<ResourceView & { readonly etag?: string }> {
    assertMay(actor, 'read');
    const stored = await this.#stored({ kind, name });
    const loaded = this.#deps.catalog.loaded();
    const named = loaded.documents.filter((one) => one.kind === kind && one.name === name);
    const found = named.find((one) => isStored(one) === (stored.document !== undefined));
    if (found === undefined) throw new AdminError('not_found');
    const view = viewsOf(loaded)(found);
    if (stored.document === undefined) return view;
    return { ...view, document: stored.document, etag: etagOf(stored.version) };
  }

  put(actor: Actor, target: Target, text: string, wish: Wish): Promise<Outcome> {
    const act: Act = { actor, traceId: wish.traceId, action: 'put', ...target };
    return this.#attempt({ act, target, wish }, async () => {
      const document = submittedDocument(text, target.kind, target.name);
      const before = await this.#changeable(target, wish);
      if (before.document === undefined) this.#assertFresh(actor, target, before);
      return this.#change({ act, target, wish, before, document });
    });
  }

  delete(actor: Actor, target: Target, wish: Wish): Promise<Outcome> {
    const act: Act = { actor, traceId: wish.traceId, action: 'delete', ...target };
    return this.#attempt({ act, target, wish }, async () => {
      const before = await this.#changeable(target, wish);
      if (before.document === undefined) throw new AdminError('not_found');
      return this.#change({ act, target, wish, before, document: undefined });
    });
  }

  async #attempt({ act, target, wish }: Attempt, run: () => Promise<Outcome>): Promise<Outcome> {
    try {
      // Before it takes a place in the line: whoever may not change anything keeps nobody waiting.
      assertMay(act.actor, rightOver(target.kind));
      return await this.#inTurn(run);
    } catch (error) {
      if (error instanceof AdminError && !wish.dryRun) this.#deps.journal.refused(act, error.key);
      throw error;
    }
  }

  /** One after the other, so that each sees what the one before has done. */
  #inTurn(run: () => Promise<Outcome>): Promise<Outcome> {
    if (this.#waiting >= MAX_WAITING) throw new AdminError('too_many');
    this.#waiting += 1;
    const turn = this.#tail.then(run).finally(() => {
      this.#waiting -= 1;
    });
    this.#tail = turn.catch(() => undefined);
    return turn;
  }

  async #stored({ kind, name }: Target): Promise<StoredResource> {
    return this.#deps.stored.get(kind, name).catch((cause) => {
      throw new AdminError('unavailable', { detail: 'the store cannot be read', cause });
    });
  }

  /** What the store holds, once it is clear that it may be changed and that the caller knows this version. */
  async #changeable(target: Target, wish: Wish): Promise<StoredResource> {
    const stored = await this.#stored(target);
    if (stored.document === undefined) {
      const { documents } = this.#deps.catalog.loaded();
      const inFile = documents.some((one) => one.kind === target.kind && one.name === target.name && !isStored(one));
      if (inFile) throw new AdminError('from_file');
    }
    assertVersion(stored, wish);
    return stored;
  }

  /** Clouds trust the name: who takes over that of a deleted mapping gets what the old one was trusted with. */
  #assertFresh(actor: Actor, { kind, name }: Target, { version }: StoredResource): void {
    // What another replica deleted shows in the store before this one has heard of it.
    const isDeleted = version > 0 || this.#deps.deletedNames.isDeleted(name);
    if (kind !== 'FederationMapping' || actor.roles.includes('owner') || !isDeleted) return;
    throw new AdminError('forbidden', {
      field: 'metadata.name',
      detail: 'the name is that of a deleted mapping, which only an owner may use again',
    });
  }

  async #change(change: Change): Promise<Outcome> {
    const { act, target, wish, before, document } = change;
    const { catalog, journal, stored } = this.#deps;
    const changes = await this.#judged(target, document);
    const created = document !== undefined && before.document === undefined;
    if (wish.dryRun) return { created, inForce: false, changes };
    await journal.changing({
      ...act,
      before: before.document && recorded(before.document, before.version, { whole: true }),
      after: document && recorded(document, before.version + 1, { whole: true }),
    });
    const version = await stored.put(target.kind, target.name, document, before.version).catch((cause) => {
      if (cause instanceof VersionConflict) throw new AdminError('precondition_failed');
      throw new AdminError('unavailable', { detail: 'the store cannot be written', cause });
    });
    const inForce = (await catalog.reload()) !== 'failed' && !stored.stale;
    return { created, inForce, changes, ...(document !== undefined && { etag: etagOf(version) }) };
  }

  /** What would change. Throws AdminError `invalid` for a document that is wrong by itself or beside the others. */
  async #judged(target: Target, document: JsonObject | undefined): Promise<Changes> {
    const { catalog } = this.#deps;
    const preview = await catalog.preview({ ...target, document });
    const own = preview.document?.source.id;
    const beside = faultsOf(preview.compiled).filter(
      ({ kind, name, source }) => kind === target.kind && name === target.name && source === own,
    );
    // What is wrong within it has compiled to nothing, and says so once more.
    const found = preview.ownFaults.length > 0 ? preview.ownFaults : beside;
    const errors = found.filter(({ severity }) => severity === 'error');
    if (errors.length > 0) throw new AdminError('invalid', { faults: errors.map(ofRequest) });
    const { compiled } = catalog.loaded();
    const changes = changesBetween(compiled, preview.compiled);
    if (document !== undefined) assertHarmless(target, compiled, changes);
    return changes;
  }
}

interface Attempt {
  readonly act: Act;
  readonly target: Target;
  readonly wish: Wish;
}

interface Change extends Attempt {
  readonly before: StoredResource;
  readonly document: JsonObject | undefined;
}

function rightOver(kind: Kind): 'change mappings' | 'change issuers and guardrails' {
  return kind === 'FederationMapping' ? 'change mappings' : 'change issuers and guardrails';
}

/**
 * A mapping that takes a name, an audience or an address of others would put them out of force or leave them less, those
 * of files too. Throws AdminError `invalid` with what would be wrong with them.
 */
function assertHarmless({ kind, name }: Target, { accepted }: Compiled, { newFaults }: Changes): void {
  if (kind !== 'FederationMapping') return;
  const others = new Set(accepted.flatMap((one) => (one.kind === kind && one.name !== name ? [one.name] : [])));
  const faults = newFaults.filter((one) => one.kind === kind && one.name !== undefined && others.has(one.name));
  if (faults.length > 0) throw new AdminError('invalid', { detail: 'it would take from other mappings', faults });
}

/** RFC 9110 section 13: nobody writes over what he has not read. */
function assertVersion({ version, document }: StoredResource, { ifMatch, ifNoneMatch }: Wish): void {
  if (document === undefined) {
    if (ifMatch !== undefined) throw new AdminError('precondition_failed', { field: 'If-Match' });
    return;
  }
  if (ifNoneMatch === '*') throw new AdminError('precondition_failed', { field: 'If-None-Match' });
  if (ifMatch === undefined) throw new AdminError('precondition_required', { field: 'If-Match' });
  if (ifMatch !== etagOf(version)) throw new AdminError('precondition_failed', { field: 'If-Match' });
}

/** The lines are those of the store's own text. */
function ofRequest({ line: _, ...fault }: Fault): Fault {
  return { ...fault, source: 'request body' };
}

function etagOf(version: number): string {
  return `"${version}"`;
}

function fits(one: Document, { after, label, source }: ListQuery): boolean {
  if (after !== undefined && one.name <= after) return false;
  if (source !== undefined && isStored(one) !== (source === 'store')) return false;
  return label === undefined || (Object.hasOwn(one.labels, label[0]) && one.labels[label[0]] === label[1]);
}
