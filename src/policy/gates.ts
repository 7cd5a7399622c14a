import type { Ask, AwaitedAccess, Step } from '../core/decision.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import type { Reason } from '../core/oauth-error.ts';
import type { Access } from './access.ts';
import type { Terms } from './compiled-mapping.ts';
import type { Attributes } from './conditions/condition.ts';
import { shortfallText } from './coverage.ts';
import { type Ceiling, capDenial } from './guardrails.ts';
import { modeAt } from './mode.ts';
import { isPodBound } from './pod-binding.ts';
import { issuedTokenType } from './token-type.ts';

/** What a gate says; a refusal names the one word that the caller may learn. */
export interface Verdict {
  readonly step: Step['step'];
  readonly detail: string;
  readonly refusal?: Refusal;
  /** It would be a refusal, and the mapping only reports. */
  readonly reported?: Refusal;
}
interface Refusal {
  readonly error: 'target_denied' | 'scope_refused';
  readonly reason?: Reason;
  readonly awaiting?: AwaitedAccess;
}

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

/** Gates in the order of DESIGN section 6, up to the ttl. */
export const EARLY_GATES: readonly ((one: Case) => Verdict)[] = [
  tokenType,
  expiry,
  grant,
  podBinding,
  justInTime,
  guardrails,
  when,
];

export function tokenType({ terms, ask }: Case): Verdict {
  const type = issuedTokenType(terms, ask.requestedTokenType);
  if (type === undefined) return denied('token-type', 'token_type', `${ask.requestedTokenType} is not issued here`);
  return { step: 'token-type', detail: type };
}

function expiry({ terms, now }: Case): Verdict {
  if (terms.expiresAt === undefined) return { step: 'expiry', detail: 'never' };
  const detail = new Date(terms.expiresAt).toISOString();
  return now < terms.expiresAt ? { step: 'expiry', detail } : denied('expiry', 'mapping_expired', detail);
}

/** A cap that the target cannot honour denies, as that of a guardrail does. */
function grant({ terms }: Case): Verdict {
  const coverage = terms.grant;
  if (coverage === undefined) return { step: 'grant', detail: 'none is needed' };
  if (!coverage.ok) return denied('grant', 'not_granted', shortfallText(coverage));
  const denial = capDenial(coverage.maxTtlSeconds, terms);
  if (denial !== undefined) return denied('grant', 'not_granted', `${coverage.grant}: ${denial}`);
  const cap = coverage.maxTtlSeconds === undefined ? '' : `, capped at ${coverage.maxTtlSeconds} s`;
  return { step: 'grant', detail: `${coverage.grant}${cap}` };
}

function podBinding({ terms, identity }: Case): Verdict {
  if (identity.kind !== 'kubernetes') return { step: 'pod-binding', detail: 'not a Kubernetes identity' };
  const detail = `asked ${terms.binding}, bound to ${identity.binding}`;
  if (terms.binding === 'any' || isPodBound(identity)) return { step: 'pod-binding', detail };
  return denied('pod-binding', 'not_bound_to_pod', detail);
}

function justInTime({ access }: Case): Verdict {
  if (access.kind === 'standing') return { step: 'access', detail: 'standing' };
  if (access.kind === 'granted') return { step: 'access', detail: access.detail };
  const refusal = { error: 'target_denied', reason: 'awaiting_approval', awaiting: access.access } as const;
  return { step: 'access', detail: access.detail, refusal };
}

function guardrails({ ceiling: { denials, matched, maxTtlSeconds } }: Case): Verdict {
  if (denials.length > 0) return denied('guardrails', 'guardrail', denials.join('; '));
  const cap = Number.isFinite(maxTtlSeconds) ? `, capped at ${maxTtlSeconds} s` : '';
  return { step: 'guardrails', detail: matched.length === 0 ? 'none matches' : `${matched.join(', ')}${cap}` };
}

/** Only the mapping's own condition is let pass where the mapping reports: no ceiling ever is. */
function when({ terms, attributes, now }: Case): Verdict {
  if (terms.when === undefined) return { step: 'when', detail: 'none' };
  const answer = terms.when.ask(attributes());
  const error = answer.kind === 'error' ? ` (${answer.error})` : '';
  const detail = `${terms.when.text} is ${answer.kind}${error}: ${answer.values || 'reads nothing'}`;
  if (answer.kind === 'true') return { step: 'when', detail };
  const verdict = denied('when', 'condition_not_met', detail);
  if (modeAt(terms, now) !== 'report' || verdict.refusal === undefined) return verdict;
  return { step: 'when', detail: `${detail}; only reported`, reported: verdict.refusal };
}

export function denied(step: Step['step'], reason: Reason, detail: string): Verdict {
  return { step, detail, refusal: { error: 'target_denied', reason } };
}
