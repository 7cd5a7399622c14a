import type { AuditRecord, RecordedGrant } from '../../audit/record.ts';
import { toSeconds } from '../../core/clock.ts';
import { type AuditFilter, matches } from './audit-filter.ts';
import { type CutOff, cutOff } from './cut-off.ts';

/** Whose credentials are meant; without a member, everybody's. */
export type OutstandingMatch = Pick<AuditFilter, 'issuer' | 'namespace' | 'serviceAccount' | 'mapping'>;

/** A credential that was issued and has not ended. */
export interface Outstanding {
  /** A jti, serial or access key id. */
  readonly id: string;
  readonly kind: string;
  /** The target's own name for what was granted. */
  readonly target: string;
  readonly deliver: string;
  /** What the cloud's own log calls the session. */
  readonly session?: string | undefined;
  readonly mapping?: string | undefined;
  readonly issuer?: string | undefined;
  readonly subject?: string | undefined;
  readonly namespace?: string | undefined;
  readonly serviceAccount?: string | undefined;
  readonly traceId?: string | undefined;
  /** RFC 3339. */
  readonly expiresAt: string;
  readonly secondsLeft: number;
  readonly cutOff: CutOff;
}

interface Held {
  readonly record: AuditRecord;
  readonly grant: RecordedGrant;
  readonly credential: NonNullable<AuditRecord['credential']>;
}

const MAX_LISTED = 1_000;
const MAX_KEPT = 50_000;

/**
 * What of a log is still out, record by record, newest first. A credential that several were given counts once, for whoever
 * matched last. What Carnet signs itself counts from "allowed" on, for its "issued" may be missing after a crash.
 */
export class OutstandingCredentials {
  readonly #match: OutstandingMatch;
  readonly #now: number;
  readonly #found = new Map<string, Held>();
  #beyond = 0;

  /** `now` in milliseconds. */
  constructor(match: OutstandingMatch, now: number) {
    this.#match = match;
    this.#now = now;
  }

  add(record: AuditRecord): void {
    const { type, grant, credential } = record;
    if (grant === undefined || credential === undefined || credential.expiresAt <= toSeconds(this.#now)) return;
    if (type === 'failed' || this.#found.has(credential.id) || !matches(record, this.#match)) return;
    if (this.#found.size >= MAX_KEPT) this.#beyond += 1;
    else this.#found.set(credential.id, { record, grant, credential });
  }

  /** First those that live longest; at most 1,000, `more` counts the rest. */
  list(): { readonly outstanding: readonly Outstanding[]; readonly more: number } {
    const sorted = [...this.#found.values()].sort((a, b) => b.credential.expiresAt - a.credential.expiresAt);
    const outstanding = sorted
      .slice(0, MAX_LISTED)
      .map(({ record: { mapping, issuer, identity, traceId }, grant, credential }) => ({
        id: credential.id,
        kind: grant.kind,
        target: grant.target,
        deliver: grant.deliver,
        session: grant.session,
        mapping,
        issuer,
        subject: identity?.subject,
        namespace: identity?.namespace,
        serviceAccount: identity?.serviceAccount,
        traceId,
        expiresAt: new Date(credential.expiresAt * 1000).toISOString(),
        secondsLeft: credential.expiresAt - toSeconds(this.#now),
        cutOff: cutOff(grant, this.#now),
      }));
    return { outstanding, more: sorted.length - outstanding.length + this.#beyond };
  }
}
