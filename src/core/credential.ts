import type { Grant } from './decision.ts';
import type { VerifiedIdentity } from './identity.ts';
import type { Secret } from './secret.ts';
import type { Soon } from './soon.ts';
import type { TokenType } from './token-types.ts';

/** What a caller gets: the success members of RFC 8693 section 2.2.1 before rendering. */
export interface Credential {
  readonly issuedTokenType: TokenType;
  readonly tokenType: 'N_A' | 'Bearer';
  /** A JWS, a cloud's token, or the text of a `credential_process` document. */
  readonly accessToken: Secret;
  /** When it ends, seconds since the epoch, whole, never later than the target itself says. */
  readonly expiresAt: number;
  /** What the audit record names it by: a `jti` or an access key id. Not secret. */
  readonly id: string;
  /** The target's own id of the call that issued it, for reconciling with the cloud's log. */
  readonly upstreamRequestId?: string;
  /** Of an access token that has scopes of its own: those it has, parted by spaces. */
  readonly scope?: string;
  /** How much of what AWS allows a session's policies and tags this one fills, whole percent. */
  readonly packedPolicyPercent?: number;
  /** Of AWS credentials: what AWS says of the session beside its keys. */
  readonly roleSession?: RoleSession;
}

/** The facts of a role session that are no secret, as AWS answered them. */
export interface RoleSession {
  /** `arn:aws:sts::<account>:assumed-role/<role>/<session name>` */
  readonly assumedRoleArn: string;
  readonly assumedRoleId?: string;
  /** Of Carnet's assertion. */
  readonly subject?: string;
  readonly audience?: string;
  readonly provider?: string;
  readonly sourceIdentity?: string;
}

/** The frame of one issuance, fixed before "allowed" is recorded. */
export interface Issuance {
  /** The `jti` of whatever Carnet signs for this request. */
  readonly id: string;
  /** Seconds. */
  readonly issuedAt: number;
  readonly traceId: string;
}

/** The effect half of a target: turns a grant into a credential, which comes at once where no cloud is asked. */
export interface Target<G extends Grant = Grant, Issued extends Soon<Credential> = Promise<Credential>> {
  readonly kind: G['kind'];
  /**
   * Throws OAuthError: `target_denied` with `cloud_trust_missing` when the target refuses, `target_unavailable` when it
   * is down or throttles. Runs to its own deadline, whatever the client does.
   */
  issue(grant: G, identity: VerifiedIdentity, issuance: Issuance): Issued;
}
