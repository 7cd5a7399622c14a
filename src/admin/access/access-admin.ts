import type { AccessRequests, StoredAccessRequest } from '../../catalog/access-requests.ts';
import type { Catalog } from '../../catalog/catalog.ts';
import type { Person } from '../../core/author.ts';
import type { Clock } from '../../core/clock.ts';
import {
  type AccessRequest,
  type AccessState,
  accessRequestName,
  accessStateAt,
} from '../../resources/access-request.ts';
import { VersionConflict } from '../../store/document-store.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { type Actor, assertMaySomewhere, personOf } from '../actor.ts';
import { AdminError } from '../admin-error.ts';
import { type Act, type AdminJournal, recorded } from '../admin-journal.ts';
import type { Wish } from '../resource-admin.ts';
import { assertMayApprove, assertMayBreakGlass, assertMayDeny, assertMayWithdraw } from './access-rules.ts';
import { accessInSight, assertHolds } from './access-sight.ts';
import { type AccessView, accessView } from './access-view.ts';
import { type AccessWish, askedAccess, windowOf } from './asked-access.ts';
import { JustInTimeMappings } from './just-in-time-mappings.ts';

export interface AccessQuery {
  readonly limit: number;
  /** Name after which to go on. */
  readonly after?: string | undefined;
  readonly state?: AccessState | undefined;
  readonly mapping?: string | undefined;
}

export interface AccessDecision {
  readonly decision: 'approve' | 'deny' | 'withdraw';
  readonly why?: string | undefined;
}

export interface AccessOutcome {
  readonly name: string;
  readonly view: AccessView;
  /** Absent after a dry run. */
  readonly etag?: string;
  readonly created: boolean;
}

interface AccessAdminDeps {
  readonly catalog: Pick<Catalog, 'current' | 'loaded'>;
  readonly access: AccessRequests;
  readonly journal: AdminJournal;
  /** The last two people who changed a mapping, through whichever door that knows them. Throws what the store throws. */
  readonly editors: (mapping: string) => Promise<readonly Person[]>;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, 'accessRequests'>;
  /** Told of each access that one person opened alone. Must not throw. */
  readonly onBreakGlass: (fact: { readonly request: string; readonly mapping: string; readonly by: Person }) => void;
}

/** Asking for just-in-time access and deciding on it. Throws AdminError, or OAuthError `audit_unavailable`. */
export class AccessAdmin {
  readonly #deps: AccessAdminDeps;
  readonly #mappings: JustInTimeMappings;

  constructor(deps: AccessAdminDeps) {
    this.#deps = deps;
    this.#mappings = new JustInTimeMappings(deps.catalog);
  }

  /** By name, ascending; `next` is there where more follow. */
  list(actor: Actor, { limit, after, state, mapping }: AccessQuery) {
    const isSeen = accessInSight(actor, this.#known());
    const now = this.#deps.clock.now();
    const found = [...this.#deps.access.current()]
      .filter(
        ([name, request]) =>
          (after === undefined || name > after) &&
          (state === undefined || accessStateAt(request, now) === state) &&
          (mapping === undefined || request.mapping === mapping) &&
          isSeen(request.mapping),
      )
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const page = found.slice(0, limit);
    const last = page.at(-1)?.[0];
    return {
      items: page.map(([name, request]) => this.#view(name, request)),
      ...(last !== undefined && found.length > page.length && { next: last }),
    };
  }

  async get(actor: Actor, name: string): Promise<AccessOutcome> {
    assertMaySomewhere(actor, 'read');
    const { version, request } = await this.#seen(actor, name);
    return { name, view: this.#view(name, request), etag: etagOf(version, request), created: false };
  }

  /** Opens a request, or changes what is asked by one that is open and takes back what was approved of it. */
  ask(actor: Actor, wish: AccessWish, how: Wish): Promise<AccessOutcome> {
    const action = wish.breakGlass ? 'break-glass' : 'ask';
    const act: Act = { actor, traceId: how.traceId, action, kind: 'AccessRequest' };
    return this.#attempt({ act, how }, async () => {
      assertMaySomewhere(actor, 'ask for access');
      const { grants, issuers } = this.#deps.catalog.current();
      const mapping = this.#mappings.get(wish.mapping);
      if (mapping === undefined || !accessInSight(actor, this.#known())(mapping.name)) {
        throw invalid('mapping', 'is no mapping with just-in-time access that is in force');
      }
      assertHolds(actor, 'ask for access', { mapping, grants });
      if (wish.breakGlass) assertMayBreakGlass(actor, mapping);
      const request = askedAccess(wish, { actor, mapping, issuers, now: this.#deps.clock.now() });
      const name = accessRequestName(mapping.name, mapping.version, request.identity);
      const before = await this.#stored(name);
      const former = before.request && accessStateAt(before.request, request.askedAt);
      if (former === 'approved' && !wish.breakGlass) {
        throw new AdminError('not_open', { detail: `${name} is approved already` });
      }
      const written = await this.#write({ act: { ...act, name }, how, name, before, request });
      if (wish.breakGlass && !how.dryRun) {
        const { issuer, subject } = actor;
        this.#deps.onBreakGlass({ request: name, mapping: mapping.name, by: { issuer, subject } });
      }
      return { ...written, created: former !== 'asked' };
    });
  }

  /** Approves, denies or withdraws what If-Match names. */
  decide(actor: Actor, name: string, { decision, why }: AccessDecision, how: Wish): Promise<AccessOutcome> {
    const act: Act = { actor, traceId: how.traceId, action: decision, kind: 'AccessRequest', name };
    return this.#attempt({ act, how }, async () => {
      const right = decision === 'withdraw' ? 'ask for access' : 'decide on access';
      assertMaySomewhere(actor, right);
      const before = await this.#seen(actor, name);
      const { request: asked } = before;
      const mapping = this.#mappings.get(asked.mapping);
      assertHolds(actor, right, { mapping, grants: this.#deps.catalog.current().grants });
      assertVersion(before, how);
      const state = accessStateAt(asked, this.#deps.clock.now());
      if (state !== 'asked' && !(state === 'approved' && decision === 'withdraw')) {
        throw new AdminError('not_open', { detail: `it is ${state}` });
      }
      const request =
        decision === 'approve' ? await this.#approved(actor, asked, why) : this.#ended(actor, asked, { decision, why });
      return this.#write({ act, how, name, before, request });
    });
  }

  async #approved(actor: Actor, request: AccessRequest, why: string | undefined): Promise<AccessRequest> {
    const mapping = this.#mappings.get(request.mapping);
    if (mapping?.version !== request.mappingVersion) {
      throw new AdminError('not_open', {
        detail: 'the mapping has changed since, or is gone: it has to be asked again',
      });
    }
    const identityIssuer = this.#deps.catalog.current().issuers.byName.get(request.identity.issuer)?.issuer;
    const editors = await this.#deps.editors(mapping.name).catch((cause) => {
      throw new AdminError('unavailable', { detail: 'who changed the mapping last cannot be read', cause });
    });
    assertMayApprove(actor, { request, mapping, identityIssuer, editors });
    if (mapping.access.reason === 'required' && why === undefined) throw invalid('why', 'is required by the mapping');
    const now = this.#deps.clock.now();
    const approvals = [...request.approvals, { by: personOf(actor), at: now, ...(why !== undefined && { why }) }];
    if (approvals.length < mapping.access.approvals) return { ...request, approvals };
    return { ...request, approvals, ...windowOf(now, request.durationSeconds) };
  }

  #ended(actor: Actor, request: AccessRequest, { decision, why }: AccessDecision): AccessRequest {
    const mapping = this.#mappings.get(request.mapping);
    if (decision === 'deny') assertMayDeny(actor, mapping);
    else assertMayWithdraw(actor, { request, mapping });
    const endedAt = this.#deps.clock.now();
    const state = decision === 'deny' ? 'denied' : 'withdrawn';
    return { ...request, state, endedAt, ...(why !== undefined && { why }) };
  }

  async #write({ act, how, name, before, request }: Write): Promise<AccessOutcome> {
    const view = this.#view(name, request);
    if (how.dryRun) return { name, view, created: false };
    const { journal, access, metrics } = this.#deps;
    const shown = (value: AccessRequest, version: number) =>
      recorded(JSON.parse(JSON.stringify(value)), version, { whole: true });
    await journal.changing({
      ...act,
      before: before.request && shown(before.request, before.version),
      after: shown(request, before.version + 1),
    });
    const version = await access.put(name, request, before.version).catch((cause) => {
      if (cause instanceof VersionConflict) throw new AdminError('precondition_failed');
      throw new AdminError('unavailable', { detail: 'the store cannot be written', cause });
    });
    metrics.accessRequests.inc({ outcome: outcomeOf(act, request) });
    return { name, view, etag: etagOf(version, request), created: false };
  }

  async #attempt({ act, how }: Pick<Write, 'act' | 'how'>, run: () => Promise<AccessOutcome>): Promise<AccessOutcome> {
    try {
      return await run();
    } catch (error) {
      if (error instanceof AdminError && !how.dryRun) this.#deps.journal.refused(act, error);
      throw error;
    }
  }

  /** What somebody does not see is not there for him. Throws AdminError `not_found`. */
  async #seen(actor: Actor, name: string): Promise<Required<StoredAccessRequest>> {
    const { version, request } = await this.#stored(name);
    if (request === undefined || !accessInSight(actor, this.#known())(request.mapping)) {
      throw new AdminError('not_found');
    }
    return { version, request };
  }

  #known() {
    return { mappings: this.#mappings, grants: this.#deps.catalog.current().grants };
  }

  #stored(name: string): Promise<StoredAccessRequest> {
    return this.#deps.access.get(name).catch((cause) => {
      throw new AdminError('unavailable', { detail: 'the store cannot be read', cause });
    });
  }

  #view(name: string, request: AccessRequest): AccessView {
    return accessView({ name, request, mapping: this.#mappings.get(request.mapping), now: this.#deps.clock.now() });
  }
}

interface Write {
  readonly act: Act;
  readonly how: Wish;
  readonly name: string;
  readonly before: StoredAccessRequest;
  readonly request: AccessRequest;
}

function outcomeOf({ action }: Act, { state }: AccessRequest): string {
  if (action === 'break-glass') return 'break_glass';
  return state;
}

/** RFC 9110 section 13: nobody decides on what he has not read. */
function assertVersion({ version, request }: Required<StoredAccessRequest>, { ifMatch }: Wish): void {
  if (ifMatch === undefined) throw new AdminError('precondition_required', { field: 'If-Match' });
  if (ifMatch !== etagOf(version, request)) throw new AdminError('precondition_failed', { field: 'If-Match' });
}

/** Versions begin anew where a request is asked again long after it had ended; the moment of asking does not come back. */
function etagOf(version: number, { askedAt }: AccessRequest): string {
  return `"${version}.${askedAt}"`;
}

function invalid(field: string, detail: string): AdminError {
  return new AdminError('invalid', { field, detail });
}
