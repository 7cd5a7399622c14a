import type { Catalog } from '../catalog/catalog.ts';
import type { Clock } from '../core/clock.ts';
import type { Ask } from '../core/decision.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import { OAuthError } from '../core/oauth-error.ts';
import type { Secret } from '../core/secret.ts';
import { TokenType } from '../core/token-types.ts';
import { DECIDER } from '../policy/decide.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { Document } from '../resources/document.ts';
import type { Verify } from '../verifiers/verify.ts';
import type { Actor } from './actor.ts';
import { AdminError } from './admin-error.ts';
import { type Explanation, explained, namesAt } from './explanation.ts';
import { holdsForAll, type Scope, scopeOf } from './scope.ts';
import { type StatedIdentity, statedIdentity } from './stated-identity.ts';

/** Whom to explain: the bearer of a token, or somebody of stated attributes. */
export type Subject = { readonly token: Secret } | { readonly identity: StatedIdentity };

/** What would become of a request, and why. Issues and records nothing, and uses no token up. */
export type Explain = (actor: Actor, subject: Subject, ask: Ask) => Promise<Explanation>;

interface ExplainDeps {
  readonly catalog: Pick<Catalog, 'current' | 'loaded'>;
  readonly verify: Verify;
  readonly clock: Clock;
}

/** Verifies and decides by the code that exchanges do. Throws AdminError, and OAuthError where something is down. */
export function createExplain({ catalog, verify, clock }: ExplainDeps): Explain {
  return async (actor, subject, ask) => {
    // With the access that people have approved, which the last reading has not.
    const snapshot = catalog.current();
    const { documents } = catalog.loaded();
    const scope = scopeOf(actor, 'read', snapshot.grants);
    const identity = await identityOf(subject, snapshot, { verify, now: clock.now() });
    if (!(identity instanceof OAuthError)) {
      assertInSight(namesAt(snapshot, identity, ask.address), documents, scope);
      return explained(snapshot, identity, ask, clock.now());
    }
    // What an issuer asks of claims is for who may read it; of his own token nobody limited is told more than by an exchange.
    if (!scope.everywhere && 'identity' in subject) throw notInSight();
    const { key: error, message, detail = message } = identity;
    const decision = { outcome: 'refused' as const, error, detail: scope.everywhere ? detail : message };
    return { revision: snapshot.revision, decider: DECIDER, decision, candidates: [], more: 0 };
  };
}

/** Whoever sees some mappings only learns nothing where another has a say, nor whether one has. */
function assertInSight(names: readonly string[], documents: readonly Document[], scope: Scope): void {
  if (scope.everywhere || holdsForAll(scope, documents, names)) return;
  throw notInSight();
}

function notInSight(): AdminError {
  return new AdminError('not_found', {
    detail: 'no mapping that this identity may read decides alone at this address',
  });
}

/** A refused token is an answer; that something cannot be had right now is none. */
async function identityOf(
  subject: Subject,
  { issuers }: Snapshot,
  { verify, now }: { readonly verify: Verify; readonly now: number },
): Promise<VerifiedIdentity | OAuthError> {
  try {
    if ('identity' in subject) return statedIdentity(subject.identity, issuers, now);
    return await verify(subject.token, TokenType.jwt, issuers);
  } catch (error) {
    if (error instanceof OAuthError && error.status < 429) return error;
    throw error;
  }
}
