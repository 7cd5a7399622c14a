import type { JsonObject } from './json.ts';

/** What every verified subject token proves, whatever platform wrote it. */
interface IdentityBase {
  /** Name of the TrustedIssuer that vouched; never the bare `iss`. */
  readonly issuer: string;
  /** The token's `sub`. */
  readonly subject: string;
  /** The SPIFFE ID this identity has here; absent where its issuer gives none. */
  readonly spiffeId?: string;
  /** `iat`, seconds. */
  readonly issuedAt: number;
  /** When the subject token ends, seconds: `exp`, or `warnafter` when that is earlier (K22). */
  readonly expiresAt: number;
  /** Lower-case hex SHA-256 of `jti`, or of the signing input where the token has none (K26). */
  readonly jtiSha256: string;
  /** Absent when the token has no `jti`: then nothing tells it from its copies, and it cannot be for single use (R2). */
  readonly hasJti?: true;
}

/** Whether the token's own API server has confirmed that it still counts (K32 to K35). */
export type Liveness = 'reviewed' | 'unreachable' | 'not_asked';

export interface KubernetesIdentity extends IdentityBase {
  readonly kind: 'kubernetes';
  /** Name of the cluster as configured; two TrustedIssuers may share it. */
  readonly cluster: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly serviceAccountUid: string;
  /** Present when the token is bound to a pod. */
  readonly pod?: { readonly name: string; readonly uid: string };
  /** Present from Kubernetes 1.30 on; the API server does not check it when the token is used. */
  readonly node?: { readonly name: string; readonly uid?: string };
  /** What the token is bound to (K25). */
  readonly binding: 'pod' | 'node' | 'secret' | 'none';
  readonly liveness: Liveness;
}

export interface OidcIdentity extends IdentityBase {
  readonly kind: 'oidc';
  /** All claims as signed. They never set Kubernetes fields. */
  readonly claims: JsonObject;
}

/** What a verified subject token proves. */
export type VerifiedIdentity = KubernetesIdentity | OidcIdentity;
