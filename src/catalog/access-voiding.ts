import type { AuditLog } from '../audit/audit-log.ts';
import type { Clock } from '../core/clock.ts';
import { type AccessRequest, accessStateAt, mappingVersionOf } from '../resources/access-request.ts';
import { VersionConflict } from '../store/document-store.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { AccessRequests } from './access-requests.ts';
import type { Loaded } from './load-resources.ts';

interface VoidingDeps {
  readonly access: Pick<AccessRequests, 'current' | 'get' | 'put'>;
  readonly audit: Pick<AuditLog, 'note'>;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, 'accessRequests'>;
}

type Resources = Pick<Loaded, 'documents' | 'compiled'>;

/** Others who decide on a request, or take its uses, at the same moment: the next look sees what they have written. */
const MAX_ATTEMPTS = 16;

/**
 * Ends what was asked and approved of mappings that say something else by now, or are gone, so that it does not come
 * back with a mapping that is changed back. A mapping that is faulty has not changed: its last good version stands.
 * What cannot be ended now is remembered and ended by a later run, also where the mapping is changed back by then.
 */
export class AccessVoiding {
  readonly #deps: VoidingDeps;
  /** What is over, by name, with the version of the mapping that it was for; as long as the store does not know. */
  readonly #owed = new Map<string, AccessRequest>();
  #turn: Promise<void> = Promise.resolve();

  constructor(deps: VoidingDeps) {
    this.#deps = deps;
  }

  /** Runs come one after the other. Throws what the store throws. */
  run(loaded: Resources): Promise<void> {
    this.#find(loaded);
    const turn = this.#turn.then(() => this.#endAll());
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  #find(loaded: Resources): void {
    const now = this.#deps.clock.now();
    const open = [...this.#deps.access.current()].filter(([, one]) => isOpen(one, now));
    if (open.length === 0) return;
    const versions = versionsOf(loaded, new Set(open.map(([, { mapping }]) => mapping)));
    for (const [name, request] of open) {
      const version = versions.get(request.mapping);
      if (version !== UNKNOWN && version !== request.mappingVersion) this.#owed.set(name, request);
    }
  }

  async #endAll(): Promise<void> {
    for (const [name, request] of this.#owed) {
      await this.#end(name, request);
      this.#owed.delete(name);
    }
  }

  async #end(name: string, { askedAt, mapping }: AccessRequest): Promise<void> {
    const { access, audit, clock, metrics } = this.#deps;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const now = clock.now();
      const { request, version } = await access.get(name);
      // Over, or asked anew of a mapping that was changed back.
      if (request?.askedAt !== askedAt || !isOpen(request, now)) return;
      try {
        await access.put(name, { ...request, state: 'expired', endedAt: now, why: 'the mapping has changed' }, version);
        metrics.accessRequests.inc({ outcome: 'void' });
        audit.note({ type: 'changed', outcome: 'access-void', detail: `${name}: mapping ${mapping} has changed` });
        return;
      } catch (cause) {
        if (!(cause instanceof VersionConflict)) throw cause;
      }
    }
    throw new Error(`${name} is written by others each time`);
  }
}

function isOpen(request: AccessRequest, now: number): boolean {
  return ['asked', 'approved'].includes(accessStateAt(request, now));
}

const UNKNOWN = '';

function versionsOf(
  { documents, compiled: { accepted } }: Resources,
  names: ReadonlySet<string>,
): ReadonlyMap<string, string> {
  const versions = new Map<string, string>();
  for (const { kind, name } of documents) {
    if (kind === 'FederationMapping' && names.has(name)) versions.set(name, UNKNOWN);
  }
  for (const one of accepted) {
    if (one.kind === 'FederationMapping' && names.has(one.name)) versions.set(one.name, mappingVersionOf(one.spec));
  }
  return versions;
}
