import type { Conditions } from './conditions/condition.ts';
import type { Snapshot } from './snapshot.ts';
import { guardrailsWiden } from './widening/guardrails.ts';
import { issuersWiden } from './widening/issuers.ts';
import { mappingsWiden } from './widening/mappings.ts';
import type { WideningReason } from './widening/reason.ts';

/** More than anybody reads of one change. */
const MAX_REASONS = 50;

export interface Widening {
  readonly widens: boolean;
  /** At most 50. */
  readonly reasons: readonly WideningReason[];
  /** Reasons that are not listed. */
  readonly more: number;
}

/**
 * Whether other resources let anybody get what nobody could get before. It looks at what is in force, so that it sees
 * also what a change does to the mappings beside it. Everything that is not provably narrower counts as widening; what
 * only time or a workload's own request decides does not count.
 */
export function wideningBetween(before: Snapshot, after: Snapshot, conditions: Conditions): Widening {
  const reasons = [
    ...issuersWiden(before.issuers, after.issuers),
    ...mappingsWiden(before, after, conditions),
    ...guardrailsWiden(before.guardrails, after.guardrails, conditions),
  ];
  return {
    widens: reasons.length > 0,
    reasons: reasons.slice(0, MAX_REASONS),
    more: Math.max(0, reasons.length - MAX_REASONS),
  };
}
