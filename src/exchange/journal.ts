import type { AuditLog } from '../audit/audit-log.ts';
import type { ExchangeEvent } from '../audit/events.ts';
import type { RecordedCase } from '../audit/recorded-case.ts';
import type { Credential, Issuance } from '../core/credential.ts';
import type { Allowed, Ask, Grant, JwtSvidGrant, Refused } from '../core/decision.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import { OAuthError } from '../core/oauth-error.ts';

/** One exchange after verification. */
export interface Case {
  /** Of the one snapshot that this request sees. */
  readonly revision: string;
  readonly ask: Ask;
  readonly identity: VerifiedIdentity;
  readonly issuance: Issuance;
  /** What all its records have in common. */
  readonly about: RecordedCase;
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

  /** Resolves once "allowed" is durable: from here on a credential may exist. Throws `audit_unavailable`. */
  allowed({ about, issuance }: Case, { mapping, beside, grant }: Allowed): Promise<void> {
    const credential = signedHere(grant)
      ? { id: issuance.id, expiresAt: issuance.issuedAt + grant.ttlSeconds }
      : undefined;
    return this.#audit.record({ type: 'allowed', about, mapping, beside, grant, credential });
  }

  /** Records what Carnet itself has signed, without waiting: "allowed" has named it. */
  signed({ about }: Case, grant: Grant, credential: Credential): void {
    this.#audit.note(issuedEvent(about, grant, credential));
  }

  /** Resolves when a cloud's credential may be answered: its name is durable then. Throws `audit_unavailable`. */
  opened({ about }: Case, grant: Grant, credential: Credential): Promise<void> {
    return this.#audit.record(issuedEvent(about, grant, credential));
  }

  /**
   * Resolves when a credential that was issued, and recorded, for another request may be answered to this one as well.
   * Throws `audit_unavailable`.
   */
  reused({ about }: Case, grant: Grant, { id, expiresAt, upstreamRequestId }: Credential): Promise<void> {
    const { mapping } = grant;
    const credential = { id, expiresAt };
    return this.#audit.record({ type: 'reused', about, mapping, grant, credential, upstreamRequestId });
  }

  /** Records that nothing was released although it had been allowed, a session that a cloud has opened included. */
  failed({ about }: Case, grant: Grant, thrown: unknown): void {
    const { key, reason, detail } = OAuthError.from(thrown);
    this.#audit.note({ type: 'failed', about, mapping: grant.mapping, grant, error: key, reason, detail });
  }

  /** Records, without waiting, that a limit rather than policy refused a verified identity. */
  limited({ about }: Case, error: OAuthError, mapping?: string): void {
    const { key, reason, detail } = error;
    this.#audit.note({ type: 'refused', about, mapping, error: key, reason, detail });
  }

  /** Records a refusal by policy, without waiting, and gives what the caller learns of it. */
  refused({ about }: Case, { error, mapping, reason, detail, awaiting, beside }: Refused): OAuthError {
    this.#audit.note({ type: 'refused', about, mapping, error, reason, detail, beside });
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

function issuedEvent(about: RecordedCase, grant: Grant, credential: Credential): ExchangeEvent {
  const { id, expiresAt, upstreamRequestId, packedPolicyPercent } = credential;
  const { mapping } = grant;
  return {
    type: 'issued',
    about,
    mapping,
    grant,
    credential: { id, expiresAt },
    upstreamRequestId,
    packedPolicyPercent,
  };
}
