import type { Ask, AwaitedAccess, Step } from '../core/decision.ts';
import type { KubernetesIdentity, VerifiedIdentity } from '../core/identity.ts';
import type { Reason } from '../core/oauth-error.ts';
import type { Access } from './access.ts';
import type { Terms } from './compiled-mapping.ts';
import type { Attributes } from './conditions/condition.ts';
import { shortfallText } from './coverage.ts';
import { type Ceiling, capDenial } from './guardrails.ts';
import { modeAt } from './mode.ts';
import { isPodBound } from './pod-binding.ts';
import { issuedTokenType } from './token-type.ts';

/** What a gate has against a case; `reason` is the one word that the caller may learn. */
export interface Denial {
  readonly step: Step['step'];
  /** The truth, for audit and explain. */
  readonly detail: string;
  readonly error: 'target_denied' | 'scope_refused';
  readonly reason?: Reason;
  readonly awaiting?: AwaitedAccess;
  /** The mapping only reports: it lets pass. */
  readonly reported?: true;
}

/** Hears what each gate says. Absent where nobody asked why: then what lets pass is never put into words. */
export type Tell = ((step: Step) => void) | undefined;

/** Everything that the gates look at once a mapping has selected the caller. */
export interface Case {
  readonly mapping: string;
  readonly terms: Terms;
  readonly identity: VerifiedIdentity;
  readonly ask: Ask;
  readonly now: number;
  readonly access: Access;
  readonly ceiling: Ceiling;
  readonly attributes: () => Attributes;
  readonly replay: 'once' | undefined;
}

/** What it has against the case, undefined for nothing, of which it tells. */
type Gate = (one: Case, tell: Tell) => Denial | undefined;

/** Gates in the order of DESIGN section 6, up to the ttl. */
export const EARLY_GATES: readonly Gate[] = [tokenType, expiry, grant, podBinding, justInTime, guardrails, when];

function tokenType({ terms, ask }: Case, tell: Tell): Denial | undefined {
  const type = issuedTokenType(terms, ask.requestedTokenType);
  if (type === undefined) return tokenTypeDenial(ask);
  tell?.(passed('token-type', type));
  return undefined;
}

export function tokenTypeDenial({ requestedTokenType }: Ask): Denial {
  return denied('token-type', 'token_type', `${requestedTokenType} is not issued here`);
}

function expiry({ terms: { expiresAt }, now }: Case, tell: Tell): Denial | undefined {
  if (expiresAt !== undefined && !(now < expiresAt)) return denied('expiry', 'mapping_expired', timeText(expiresAt));
  tell?.(passed('expiry', expiresAt === undefined ? 'never' : timeText(expiresAt)));
  return undefined;
}

function timeText(instant: number): string {
  return new Date(instant).toISOString();
}

/** A cap that the target cannot honour denies, as that of a guardrail does. */
function grant({ terms }: Case, tell: Tell): Denial | undefined {
  const coverage = terms.grant;
  if (coverage === undefined) {
    tell?.(passed('grant', 'none is needed'));
    return undefined;
  }
  if (!coverage.ok) return denied('grant', 'not_granted', shortfallText(coverage));
  const denial = capDenial(coverage.maxTtlSeconds, terms);
  if (denial !== undefined) return denied('grant', 'not_granted', `${coverage.grant}: ${denial}`);
  const cap = coverage.maxTtlSeconds === undefined ? '' : `, capped at ${coverage.maxTtlSeconds} s`;
  tell?.(passed('grant', `${coverage.grant}${cap}`));
  return undefined;
}

function podBinding({ terms, identity }: Case, tell: Tell): Denial | undefined {
  if (identity.kind !== 'kubernetes') {
    tell?.(passed('pod-binding', 'not a Kubernetes identity'));
    return undefined;
  }
  if (terms.binding !== 'any' && !isPodBound(identity)) {
    return denied('pod-binding', 'not_bound_to_pod', bindingText(terms, identity));
  }
  tell?.(passed('pod-binding', bindingText(terms, identity)));
  return undefined;
}

function bindingText({ binding }: Terms, identity: KubernetesIdentity): string {
  return `asked ${binding}, bound to ${identity.binding}`;
}

function justInTime({ access }: Case, tell: Tell): Denial | undefined {
  if (access.kind === 'awaiting') {
    return { ...denied('access', 'awaiting_approval', access.detail), awaiting: access.access };
  }
  tell?.(passed('access', access.kind === 'standing' ? 'standing' : access.detail));
  return undefined;
}

function guardrails({ ceiling }: Case, tell: Tell): Denial | undefined {
  if (ceiling.denials.length > 0) return denied('guardrails', 'guardrail', ceiling.denials.join('; '));
  tell?.(passed('guardrails', ceilingText(ceiling)));
  return undefined;
}

function ceilingText({ matched, maxTtlSeconds }: Ceiling): string {
  if (matched.length === 0) return 'none matches';
  const cap = Number.isFinite(maxTtlSeconds) ? `, capped at ${maxTtlSeconds} s` : '';
  return `${matched.join(', ')}${cap}`;
}

/** Only the mapping's own condition is let pass where the mapping reports: no ceiling ever is. */
function when({ terms, attributes, now }: Case, tell: Tell): Denial | undefined {
  if (terms.when === undefined) {
    tell?.(passed('when', 'none'));
    return undefined;
  }
  const answer = terms.when.ask(attributes());
  const error = answer.kind === 'error' ? ` (${answer.error})` : '';
  const detail = `${terms.when.text} is ${answer.kind}${error}: ${answer.values || 'reads nothing'}`;
  if (answer.kind !== 'true' && modeAt(terms, now) !== 'report') return denied('when', 'condition_not_met', detail);
  const told = answer.kind === 'true' ? detail : `${detail}; only reported`;
  tell?.(passed('when', told));
  return answer.kind === 'true' ? undefined : { ...denied('when', 'condition_not_met', told), reported: true };
}

export function denied(step: Step['step'], reason: Reason, detail: string): Denial {
  return { step, detail, error: 'target_denied', reason };
}

export function passed(step: Step['step'], detail: string): Step {
  return { step, passed: true, detail };
}
