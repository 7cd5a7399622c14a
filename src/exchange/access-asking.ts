import { LRUCache } from 'lru-cache';
import type { AuditLog } from '../audit/audit-log.ts';
import type { AccessRequests } from '../catalog/access-requests.ts';
import type { Clock } from '../core/clock.ts';
import type { AwaitedAccess } from '../core/decision.ts';
import { lazily } from '../core/lazily.ts';
import { lengthPrefixedHash } from '../core/length-prefixed-hash.ts';
import { type Rate, TokenBucket } from '../core/token-bucket.ts';
import { type AccessRequest, accessStateAt, type Beneficiary, mayBeAskedAgain } from '../resources/access-request.ts';
import { VersionConflict } from '../store/document-store.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** New requests of one identity. */
const RATE: Rate = { perSecond: 1 / 60, burst: 10 };
const MAX_IDENTITIES = 10_000;
/** Undecided requests that there may be: more than people look through. */
const MAX_OPEN_OF_MAPPING = 100;
const MAX_OPEN = 1_000;
/** All that there have ever been: the store keeps each, and every replica reads them. */
const MAX_KEPT = 10_000;
/** Requests that wait to be written. */
const MAX_WAITING = 256;

interface AccessAskingDeps {
  readonly access: Pick<AccessRequests, 'current' | 'get' | 'put'>;
  readonly audit: Pick<AuditLog, 'note'>;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, 'accessRequests'>;
  /** Told when one could not be written: the next repetition of the workload tries again. Must not throw. */
  readonly onFailure: (cause: unknown) => void;
}

interface Asked {
  readonly identity: Beneficiary;
  readonly awaited: AwaitedAccess;
  readonly traceId: string;
}

/**
 * Opens AccessRequests for workloads that were refused for want of one. However often a workload repeats itself one
 * request is open, and no exchange waits for the store: what is new goes to one writer behind a bounded line.
 */
export class AccessAsking {
  readonly #deps: AccessAskingDeps;
  readonly #rates = lazily(() => new LRUCache<string, TokenBucket>({ max: MAX_IDENTITIES }));
  readonly #waiting = new Map<string, Asked>();
  #writing: Promise<void> | undefined;

  constructor(deps: AccessAskingDeps) {
    this.#deps = deps;
  }

  ask(asked: Asked): void {
    const { request } = asked.awaited;
    const now = this.#deps.clock.now();
    const known = this.#deps.access.current().get(request);
    if ((known !== undefined && !mayBeAskedAgain(known, now)) || this.#waiting.has(request)) return;
    if (this.#waiting.size >= MAX_WAITING || !this.#rateOf(asked.identity, now).take(now)) this.#count('dropped');
    else {
      this.#waiting.set(request, asked);
      this.#writing ??= this.#writeAll().finally(() => {
        this.#writing = undefined;
      });
    }
  }

  /** Resolves when nothing waits to be written. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  #rateOf({ issuer, subject }: Beneficiary, now: number): TokenBucket {
    const key = lengthPrefixedHash(issuer, subject);
    const known = this.#rates().get(key);
    if (known !== undefined) return known;
    const fresh = new TokenBucket(RATE, now);
    this.#rates().set(key, fresh);
    return fresh;
  }

  async #writeAll(): Promise<void> {
    for (const [name, asked] of this.#waiting) {
      await this.#write(asked).catch((cause) => {
        this.#count('failed');
        this.#deps.onFailure(cause);
      });
      this.#waiting.delete(name);
    }
  }

  async #write({ identity, awaited, traceId }: Asked): Promise<void> {
    const { access, audit, clock } = this.#deps;
    const now = clock.now();
    const { request: name, mapping } = awaited;
    const { version, request } = await access.get(name);
    if (request !== undefined && !mayBeAskedAgain(request, now)) return;
    if (!this.#hasRoom({ mapping, now, isNew: version === 0 })) return this.#count('dropped');
    try {
      await access.put(name, openedRequest({ identity, awaited, now }), version);
    } catch (cause) {
      // Another replica has asked the same.
      if (cause instanceof VersionConflict) return;
      throw cause;
    }
    this.#count('asked');
    const { issuer, subject } = identity;
    const detail = `${name}: mapping ${mapping} for ${subject} of ${issuer}`;
    audit.note({ type: 'changed', outcome: 'access-asked', traceId, detail });
  }

  #hasRoom({
    mapping,
    now,
    isNew,
  }: {
    readonly mapping: string;
    readonly now: number;
    readonly isNew: boolean;
  }): boolean {
    const requests = [...this.#deps.access.current().values()];
    if (isNew && requests.length >= MAX_KEPT) return false;
    const open = requests.filter((request) => accessStateAt(request, now) === 'asked');
    return open.length < MAX_OPEN && open.filter((one) => one.mapping === mapping).length < MAX_OPEN_OF_MAPPING;
  }

  #count(outcome: string): void {
    this.#deps.metrics.accessRequests.inc({ outcome });
  }
}

interface Opening {
  readonly identity: Beneficiary;
  readonly awaited: AwaitedAccess;
  readonly now: number;
}

function openedRequest({ identity: { issuer, subject }, awaited, now }: Opening): AccessRequest {
  const { mapping, mappingVersion, needed, durationSeconds, maxUses } = awaited;
  return {
    mapping,
    identity: { issuer, subject },
    durationSeconds,
    state: 'asked',
    mappingVersion,
    askedAt: now,
    needed,
    approvals: [],
    ...(maxUses !== undefined && { maxUses }),
    uses: 0,
  };
}
