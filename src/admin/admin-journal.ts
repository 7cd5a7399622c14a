import { hash } from 'node:crypto';
import type { AuditLog } from '../audit/audit-log.ts';
import type { RecordedAdminAct, RecordedDocument } from '../audit/record.ts';
import type { Clock } from '../core/clock.ts';
import type { JsonObject } from '../core/json.ts';
import { type Rate, TokenBucket } from '../core/token-bucket.ts';
import type { Actor } from './actor.ts';
import type { AdminError } from './admin-error.ts';

/** Two of them and all else fit into one record. */
const MAX_RECORDED_BYTES = 8 * 1024;
/** Refusals that get a record of their own: whoever may only read must not fill the disk. */
const REFUSALS: Rate = { perSecond: 5, burst: 100 };

export interface Act extends Omit<RecordedAdminAct, 'by'> {
  readonly actor: Actor;
  readonly traceId: string;
}

/** A document as a record holds it: the text too where the change was made, a refused one only by its hash. */
export function recorded(document: JsonObject, version: number, { whole }: { whole: boolean }): RecordedDocument {
  const text = JSON.stringify(document);
  const fits = whole && Buffer.byteLength(text) <= MAX_RECORDED_BYTES;
  return { version, sha256: hash('sha256', text, 'hex'), ...(fits && { document }) };
}

/** What the admin API leaves behind in the audit log. */
export class AdminJournal {
  readonly #audit: AuditLog;
  readonly #clock: Clock;
  readonly #refusals: TokenBucket;
  readonly #told = new WeakSet<AdminError>();

  constructor(audit: AuditLog, clock: Clock) {
    this.#audit = audit;
    this.#clock = clock;
    this.#refusals = new TokenBucket(REFUSALS, clock.now());
  }

  /** Resolves once the record is durable, before anything changes. Throws OAuthError `audit_unavailable`. */
  changing(act: Act): Promise<void> {
    const outcome = act.action === 'break-glass' ? 'break-glass' : 'admin';
    return this.#audit.record({ type: 'changed', outcome, ...parts(act) });
  }

  /** Resolves once the record of a proposal, for which a second person is wanted, is durable. Throws the same. */
  proposing(act: Act): Promise<void> {
    return this.#audit.record({ type: 'changed', outcome: 'admin-proposed', ...parts(act) });
  }

  /** Resolves once it is durable that the first person takes a proposal back. Throws the same. */
  withdrawing(act: Act): Promise<void> {
    return this.#audit.record({ type: 'changed', outcome: 'admin-withdrawn', ...parts(act) });
  }

  /** Records without waiting that an attempt, or a change that was recorded already, came to nothing. */
  refused(act: Act, error: AdminError): void {
    this.#told.add(error);
    const { key: detail } = error;
    if (this.#refusals.take(this.#clock.now())) {
      this.#audit.note({ type: 'changed', outcome: 'admin-refused', detail, ...parts(act) });
    } else this.#audit.countRefused(undefined, 'admin_refused', true);
  }

  /** The same of a request that was refused before it came to what it wanted, for its form for one. */
  unread(actor: Actor, traceId: string, error: AdminError): void {
    if (!this.#told.has(error)) this.refused({ actor, traceId, action: 'unread' }, error);
  }

  /** Counts a method that a path has not: nobody is asked who he is before that. */
  otherMethod(): void {
    this.#audit.countRefused(undefined, 'admin_method');
  }

  /** Counts a token that is not accepted: whoever proved nothing gets no record. */
  notSignedIn(reason: string): void {
    this.#audit.countRefused(undefined, `admin_${reason}`);
  }
}

function parts({ actor: { issuer, subject }, traceId, ...act }: Act) {
  return { traceId, admin: { by: { issuer, subject }, ...act } };
}
