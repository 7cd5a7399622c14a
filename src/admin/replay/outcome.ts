import type { Ask, Grant } from '../../core/decision.ts';
import type { VerifiedIdentity } from '../../core/identity.ts';
import { decide } from '../../policy/decide.ts';
import type { Snapshot } from '../../policy/snapshot.ts';

/** What became, or would become, of a request, as far as a replay compares it. */
export interface Outcome {
  readonly outcome: 'allowed' | 'refused';
  readonly mapping?: string | undefined;
  /** Of a refusal: the word that its caller learns, else a key of docs/errors.md. */
  readonly reason?: string | undefined;
  readonly grant?: Grant | undefined;
}

/** In what two credentials differ. */
export type Part = 'mapping' | 'target' | 'ttl shorter' | 'ttl longer' | 'narrowing' | 'terms';

/** What policy says. Nobody can ask whose issuer is not there: his token is not accepted. */
export function outcomeOf(snapshot: Snapshot, identity: VerifiedIdentity, ask: Ask, now: number): Outcome {
  if (!snapshot.issuers.byName.has(identity.issuer)) return { outcome: 'refused', reason: 'issuer_unknown' };
  const decision = decide(snapshot, identity, ask, now);
  const { outcome, mapping } = decision;
  if (decision.outcome === 'allowed') return { outcome, mapping, grant: decision.grant };
  return { outcome, mapping, reason: decision.reason ?? decision.error };
}

/** Empty where both are the same, also where one of them is a refusal. */
export function differingParts(before: Outcome, after: Outcome): readonly Part[] {
  if (before.grant === undefined || after.grant === undefined) return [];
  const [old, now] = [partsOf(before.grant), partsOf(after.grant)];
  const found: Part[] = [];
  if (before.mapping !== after.mapping) found.push('mapping');
  if (old.target !== now.target) found.push('target');
  if (now.ttl < old.ttl) found.push('ttl shorter');
  if (now.ttl > old.ttl) found.push('ttl longer');
  if (old.narrowing !== now.narrowing) found.push('narrowing');
  // Another mapping's session carries another mapping's name.
  if (before.mapping === after.mapping && old.terms !== now.terms) found.push('terms');
  return found;
}

/** Whether two outcomes are the same to a caller. */
export function isSame(before: Outcome, after: Outcome): boolean {
  return isNamedAlike(before, after) && differingParts(before, after).length === 0;
}

/** The same, however long the credentials live. */
export function isSameButTtl(one: Outcome, other: Outcome): boolean {
  return isNamedAlike(one, other) && differingParts(one, other).every((part) => part.startsWith('ttl '));
}

function isNamedAlike(one: Outcome, other: Outcome): boolean {
  return one.outcome === other.outcome && one.mapping === other.mapping && one.reason === other.reason;
}

function partsOf({ mapping: _, kind, targetId, ttlSeconds, ttlCeilingSeconds: __, enforcedBy, ...rest }: Grant) {
  const { policy, policyArns, accessBoundary, scope, scopes, registry, ...terms }: Readonly<Record<string, unknown>> =
    rest;
  return {
    target: `${kind} ${targetId}`,
    ttl: ttlSeconds,
    narrowing: JSON.stringify([enforcedBy, policy, policyArns, accessBoundary, scope, scopes, registry]),
    terms: JSON.stringify(terms),
  };
}
