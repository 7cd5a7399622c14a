import { type IdentityAttributes, identityAttributes } from '../audit/identity-attributes.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Clock } from '../core/clock.ts';
import type { Ask, Decision, Step } from '../core/decision.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import { type ErrorKey, OAuthError } from '../core/oauth-error.ts';
import type { Secret } from '../core/secret.ts';
import { TokenType } from '../core/token-types.ts';
import { DECIDER, decide } from '../policy/decide.ts';
import { MappingIndex } from '../policy/mapping-index.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { Verify } from '../verifiers/verify.ts';
import { type Actor, assertMay } from './actor.ts';
import { type StatedIdentity, statedIdentity } from './stated-identity.ts';

/** Each is decided anew. */
const MAX_CANDIDATES = 50;

/** Whom to explain: the bearer of a token, or somebody of stated attributes. */
export type Subject = { readonly token: Secret } | { readonly identity: StatedIdentity };

/** A mapping that matches the caller at the address, decided on as if there were no other. */
interface Candidate {
  readonly mapping: string;
  /** The one that decides. */
  readonly selected: boolean;
  /** The first gate that refuses, with its values; absent where none does. */
  readonly failing?: Step;
}

export interface Explanation {
  readonly revision: string;
  readonly decider: string;
  /** Absent where the token is refused: `decision` then says why. */
  readonly identity?: IdentityAttributes & { readonly issuer: string };
  readonly decision: Decision | { readonly outcome: 'refused'; readonly error: ErrorKey; readonly detail: string };
  readonly candidates: readonly Candidate[];
  /** Candidates that are not listed. */
  readonly more: number;
}

/** What would become of a request, and why. Issues and records nothing, and uses no token up. */
export type Explain = (actor: Actor, subject: Subject, ask: Ask) => Promise<Explanation>;

interface ExplainDeps {
  readonly catalog: Pick<Catalog, 'current'>;
  readonly verify: Verify;
  readonly clock: Clock;
}

/** Verifies and decides by the code that exchanges do. Throws AdminError, and OAuthError where something is down. */
export function createExplain({ catalog, verify, clock }: ExplainDeps): Explain {
  return async (actor, subject, ask) => {
    assertMay(actor, 'read');
    const snapshot = catalog.current();
    const common = { revision: snapshot.revision, decider: DECIDER };
    const identity = await identityOf(subject, snapshot, { verify, now: clock.now() });
    if (identity instanceof OAuthError) {
      const { key: error, message, detail = message } = identity;
      return { ...common, decision: { outcome: 'refused', error, detail }, candidates: [], more: 0 };
    }
    const now = clock.now();
    const decision = decide(snapshot, identity, ask, now);
    const { matching } = snapshot.mappings.candidates(identity, ask.address);
    const sorted = matching.toSorted((a, b) => (a.name < b.name ? -1 : 1)).slice(0, MAX_CANDIDATES);
    const candidates = sorted.map((one): Candidate => {
      // The same evaluator on a snapshot in which nothing else could be selected.
      const alone = { ...snapshot, mappings: new MappingIndex([one], snapshot.issuers) };
      const failing = decide(alone, identity, ask, now).steps.find(({ passed }) => !passed);
      return { mapping: one.name, selected: decision.mapping === one.name, ...(failing && { failing }) };
    });
    return {
      ...common,
      identity: { issuer: identity.issuer, ...identityAttributes(identity) },
      decision,
      candidates,
      more: matching.length - candidates.length,
    };
  };
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
