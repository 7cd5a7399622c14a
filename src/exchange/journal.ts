import type { AuditLog } from '../audit/audit-log.ts';
import type { Credential, Issuance } from '../core/credential.ts';
import type { Allowed, Decision, Grant, JwtSvidGrant, Refused } from '../core/decision.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import { OAuthError } from '../core/oauth-error.ts';
import type { ExchangeRequest } from './exchange-request.ts';

/** One exchange after verification: everything that its records have in common. */
export interface Case {
  readonly traceId: string;
  /** Of the one snapshot that this request sees. */
  readonly revision: string;
  readonly decider: string;
  readonly request: ExchangeRequest;
  readonly identity: VerifiedIdentity;
  readonly issuance: Issuance;
}

/** What an exchange leaves behind in the audit log, and when it has to wait for it (DESIGN section 4). */
export class Journal {
  readonly #audit: AuditLog;

  constructor(audit: AuditLog) {
    this.#audit = audit;
  }

  /** Counts a request that is not worth a record: whoever proved nothing, or asks far too often, cannot fill the disk. */
  counted(error: OAuthError, { verified }: { readonly verified: boolean }): void {
    this.#audit.countRefused(error.issuer, error.key, verified);
  }

  /**
   * Resolves to the decision once "allowed" is durable: from here on a credential may exist. Throws the refusal, recorded
   * without waiting, or `audit_unavailable`.
   */
  async allowed(subject: Case, decision: Decision): Promise<Allowed> {
    if (decision.outcome === 'refused') throw this.#refused(subject, decision);
    await this.#audit.record({
      ...common(subject),
      type: 'allowed',
      mapping: decision.mapping,
      beside: decision.beside,
      grant: decision.grant,
      credential: signedHere(decision.grant)
        ? { id: subject.issuance.id, expiresAt: subject.issuance.issuedAt + decision.grant.ttlSeconds }
        : undefined,
    });
    return decision;
  }

  /**
   * Resolves when the credential may be answered. What Carnet signs itself was named in "allowed", so its record
   * follows without waiting; a cloud's credential waits until its name is durable. Throws `audit_unavailable`.
   */
  async issued(subject: Case, grant: Grant, credential: Credential): Promise<void> {
    const event = {
      ...common(subject),
      type: 'issued' as const,
      mapping: grant.mapping,
      grant,
      credential: { id: credential.id, expiresAt: credential.expiresAt },
      upstreamRequestId: credential.upstreamRequestId,
      packedPolicyPercent: credential.packedPolicyPercent,
    };
    if (signedHere(grant)) this.#audit.note(event);
    else await this.#audit.record(event);
  }

  /**
   * Resolves when a credential that was issued, and recorded, for another request may be answered to this one as well.
   * Throws `audit_unavailable`.
   */
  async reused(subject: Case, grant: Grant, { id, expiresAt, upstreamRequestId }: Credential): Promise<void> {
    const credential = { id, expiresAt };
    const event = { ...common(subject), type: 'reused' as const, mapping: grant.mapping, grant, credential };
    await this.#audit.record({ ...event, upstreamRequestId });
  }

  /** Records that nothing was released although it had been allowed, a session that a cloud has opened included. */
  failed(subject: Case, grant: Grant, thrown: unknown): void {
    const { key, reason, detail } = OAuthError.from(thrown);
    this.#audit.note({ ...common(subject), type: 'failed', mapping: grant.mapping, grant, error: key, reason, detail });
  }

  /** Records, without waiting, that a limit rather than policy refused a verified identity. */
  limited(subject: Case, error: OAuthError, mapping?: string): void {
    const { key, reason, detail } = error;
    this.#audit.note({ ...common(subject), type: 'refused', mapping, error: key, reason, detail });
  }

  #refused(subject: Case, { error, mapping, reason, detail, awaiting, beside }: Refused): OAuthError {
    this.#audit.note({ ...common(subject), type: 'refused', mapping, error, reason, detail, beside });
    const accessRequest = awaiting && {
      name: awaiting.request,
      state: awaiting.state === 'none' ? 'asked' : awaiting.state,
    };
    return new OAuthError(error, { ...(reason === undefined ? {} : { reason }), detail, accessRequest });
  }
}

/** True for what Carnet signs itself: its `jti` is known before it exists. */
export function signedHere(grant: Grant): grant is JwtSvidGrant | (Grant & { readonly deliver: 'assertion' }) {
  return grant.kind === 'jwtSvid' || grant.deliver === 'assertion';
}

function common({ traceId, revision, decider, identity, request: { ask } }: Case) {
  return {
    traceId,
    revision,
    decider,
    identity,
    request: {
      addresses: [ask.address],
      type: ask.requestedTokenType,
      scope: ask.scopes.length > 0 ? ask.scopes.join(' ') : undefined,
      ttl: ask.ttlSeconds,
    },
  };
}
