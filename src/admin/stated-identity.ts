import { toSeconds } from '../core/clock.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import type { JsonObject } from '../core/json.ts';
import type { TrustedIssuers } from '../resources/issuers.ts';
import { kubernetesIdentity } from '../verifiers/kubernetes.ts';
import { oidcIdentity } from '../verifiers/oidc.ts';
import { AdminError } from './admin-error.ts';

/** Attributes that somebody states in the place of a token. */
export interface StatedIdentity {
  /** Name of a TrustedIssuer. */
  readonly issuer: string;
  readonly namespace?: string | undefined;
  readonly serviceAccount?: string | undefined;
  /** Name of a pod that the token would be bound to; absent: bound to nothing. */
  readonly pod?: string | undefined;
  /** Of an OIDC token; `sub` among them. */
  readonly claims?: JsonObject | undefined;
}

/** How long a stated token has left. */
const LIVES_SECONDS = 3600;

/**
 * The identity of a token that would say this, by the very checks that a signed one passes after its signature. Throws
 * AdminError `invalid`, and the OAuthErrors of those checks.
 */
export function statedIdentity(stated: StatedIdentity, issuers: TrustedIssuers, now: number): VerifiedIdentity {
  const issuer = issuers.byName.get(stated.issuer);
  if (issuer === undefined) {
    throw new AdminError('invalid', { field: 'identity.issuer', detail: 'is no TrustedIssuer that is in force' });
  }
  const seconds = toSeconds(now);
  const times = { iat: seconds, nbf: seconds, exp: seconds + LIVES_SECONDS };
  const signed = { issuer, signingInput: 'stated', trustDomain: issuers.trustDomain, now };
  const { profile } = issuer;
  const common = { iss: issuer.issuer, aud: [issuer.audiences[0] ?? ''], ...times };
  if (profile.kind === 'oidc') {
    return oidcIdentity({ ...signed, claims: { sub: 'stated', ...stated.claims, ...common } }, profile);
  }
  const claims = { ...common, ...kubernetesClaims(stated) };
  return kubernetesIdentity({ ...signed, claims }, profile.cluster, profile.spiffePath);
}

function kubernetesClaims({ namespace, serviceAccount, pod }: StatedIdentity): JsonObject {
  if (namespace === undefined || serviceAccount === undefined) {
    const field = namespace === undefined ? 'identity.namespace' : 'identity.serviceAccount';
    throw new AdminError('invalid', { field, detail: 'is required for an issuer that is a cluster' });
  }
  return {
    sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
    'kubernetes.io': {
      namespace,
      serviceaccount: { name: serviceAccount, uid: 'stated' },
      ...(pod !== undefined && { pod: { name: pod, uid: 'stated' } }),
    },
  };
}
