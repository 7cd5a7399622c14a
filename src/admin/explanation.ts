import { type IdentityAttributes, identityAttributes } from '../audit/identity-attributes.ts';
import type { Ask, Explained, Step } from '../core/decision.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import type { ErrorKey } from '../core/oauth-error.ts';
import { DECIDER, decideAloud } from '../policy/decide.ts';
import { MappingIndex } from '../policy/mapping-index.ts';
import type { Snapshot } from '../policy/snapshot.ts';

/** Each is decided anew. */
const MAX_CANDIDATES = 50;

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
  readonly decision: Explained | { readonly outcome: 'refused'; readonly error: ErrorKey; readonly detail: string };
  readonly candidates: readonly Candidate[];
  /** Candidates that are not listed. */
  readonly more: number;
}

/** What a snapshot makes of a request, and why, by the evaluator of exchanges; `now` in milliseconds. Pure. */
export function explained(snapshot: Snapshot, identity: VerifiedIdentity, ask: Ask, now: number): Explanation {
  const decision = decideAloud(snapshot, identity, ask, now);
  const { matching } = snapshot.mappings.candidates(identity, ask.address);
  const sorted = matching.toSorted((a, b) => (a.name < b.name ? -1 : 1)).slice(0, MAX_CANDIDATES);
  const candidates = sorted.map((one): Candidate => {
    // The same evaluator on a snapshot in which nothing else could be selected.
    const alone = { ...snapshot, mappings: new MappingIndex([one], snapshot.issuers) };
    const failing = decideAloud(alone, identity, ask, now).steps.find(({ passed }) => !passed);
    return { mapping: one.name, selected: decision.mapping === one.name, ...(failing && { failing }) };
  });
  return {
    revision: snapshot.revision,
    decider: DECIDER,
    identity: { issuer: identity.issuer, ...identityAttributes(identity) },
    decision,
    candidates,
    more: matching.length - candidates.length,
  };
}

/** Mappings that have a say on a request, those that only stand beside too. */
export function namesAt(
  { mappings, shadows }: Snapshot,
  identity: VerifiedIdentity,
  address: string,
): readonly string[] {
  return [mappings, shadows].flatMap((index) => index.candidates(identity, address).matching.map(({ name }) => name));
}
