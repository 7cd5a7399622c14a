import type { VerifiedIdentity } from '../core/identity.ts';

/** True for a Kubernetes token that names the pod it is bound to (kubernetes.md K25). */
export function isPodBound(identity: VerifiedIdentity): boolean {
  return identity.kind === 'kubernetes' && identity.binding === 'pod' && identity.pod !== undefined;
}
