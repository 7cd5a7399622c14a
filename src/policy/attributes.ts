import type { Ask } from '../core/decision.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import type { TrustedIssuer } from '../resources/issuers.ts';
import type { Terms } from './compiled-mapping.ts';
import type { Attributes } from './conditions/condition.ts';
import { targetIdOf } from './target-id.ts';
import { wishedSeconds } from './ttl.ts';

interface Asked {
  readonly identity: VerifiedIdentity;
  /** Absent when nothing is known of the issuer: it has no labels then. */
  readonly issuer: TrustedIssuer | undefined;
  readonly terms: Terms;
  readonly ask: Ask;
  /** Milliseconds. */
  readonly now: number;
}

/** What conditions of one decision see, made when the first of them asks. */
export function attributesOnce(asked: Asked): () => Attributes {
  let made: Attributes | undefined;
  return () => {
    made ??= attributesOf(asked);
    return made;
  };
}

function attributesOf({ identity, issuer, terms, ask, now }: Asked): Attributes {
  return {
    identity: identityOf(identity),
    issuer: { name: identity.issuer, labels: issuer?.labels ?? {} },
    request: { time: now, ttl: wishedSeconds(terms, ask.ttlSeconds), scope: ask.scopes.join(' ') },
    target: { kind: terms.target.kind, id: targetIdOf(terms.target, ask.address) ?? '' },
  };
}

function identityOf(identity: VerifiedIdentity): Attributes['identity'] {
  const { issuer, kind, spiffeId = '' } = identity;
  if (identity.kind === 'oidc') return { ...NOTHING, issuer, kind, spiffeId, claims: identity.claims };
  const { cluster, namespace, serviceAccount, serviceAccountUid: uid, liveness } = identity;
  const { pod, node } = identity;
  const names = { pod: pod?.name ?? '', node: node?.name ?? '' };
  return { issuer, kind, cluster, namespace, serviceAccount, ...names, uid, spiffeId, claims: {}, liveness };
}

const NOTHING = { cluster: '', namespace: '', serviceAccount: '', pod: '', node: '', uid: '', liveness: '' };
