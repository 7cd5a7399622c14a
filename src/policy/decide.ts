import type { Ask, Decision, Step } from '../core/decision.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import type { Reason } from '../core/oauth-error.ts';
import type { Terms } from './compiled-mapping.ts';
import { grantOf } from './grant.ts';
import { type Ceiling, ceiling } from './guardrails.ts';
import { heldGrant } from './held.ts';
import { heldToIntents } from './hold-to-intents.ts';
import { isPodBound } from './pod-binding.ts';
import { scopeOf } from './scope.ts';
import { type Selection, selectMapping } from './select-mapping.ts';
import type { Snapshot } from './snapshot.ts';
import { issuedTokenType } from './token-type.ts';
import { ttlOf } from './ttl.ts';

/** Version of this code: with the snapshot's revision and the recorded attributes it makes a decision repeatable. */
export const DECIDER = 'policy/2';

/** What a gate says; a refusal names the one word that the caller may learn. */
interface Verdict {
  readonly step: Step['step'];
  readonly detail: string;
  readonly refusal?: Refusal;
}
interface Refusal {
  readonly error: 'target_denied' | 'scope_refused';
  readonly reason?: Reason;
}

/** Everything that the gates look at once a mapping has selected the caller. */
interface Case {
  readonly mapping: string;
  readonly terms: Terms;
  readonly identity: VerifiedIdentity;
  readonly ask: Ask;
  readonly now: number;
  readonly ceiling: Ceiling;
  readonly replay: 'once' | undefined;
}

/** Gates in the order of DESIGN section 6, up to the ttl. */
const EARLY_GATES: readonly ((one: Case) => Verdict)[] = [tokenType, expiry, podBinding, guardrails];

/**
 * Policy's answer, a pure function of its arguments; `now` in milliseconds. The single most specific mapping decides and
 * its refusal is final: nothing falls through to a wider one.
 */
export function decide(snapshot: Snapshot, identity: VerifiedIdentity, ask: Ask, now: number): Decision {
  const selection = selectMapping(snapshot.mappings, identity, ask.address);
  if (selection.kind !== 'one') return unselected(selection);
  const { mapping } = selection;
  const steps: Step[] = [
    passed('candidates', `matching: ${selection.matching.join(', ')}; examined ${selection.examined}`),
    passed('mapping', `${mapping.name} is the most specific`),
  ];
  if (mapping.state.kind === 'inactive') {
    return refuse(mapping.name, steps, denied('active', 'inactive', mapping.state.why));
  }
  steps.push(passed('active', 'uses only what is built'));
  const { terms } = mapping.state;
  const issuer = snapshot.issuers.byName.get(identity.issuer);
  const subjected = { identity, issuer, mapping: mapping.name, terms };
  const replay = terms.replay ?? issuer?.replay;
  const limits = { ceiling: ceiling(snapshot.guardrails, subjected), replay };
  const one = { mapping: mapping.name, terms, identity, ask, now, ...limits };
  for (const gate of EARLY_GATES) {
    const verdict = gate(one);
    if (verdict.refusal !== undefined) return refuse(mapping.name, steps, verdict);
    steps.push(passed(verdict.step, verdict.detail));
  }
  return settle(one, steps);
}

/** The last gates, which find values: ttl, scope, identity, intents. */
function settle(one: Case, steps: Step[]): Decision {
  const { mapping, terms, identity, ask } = one;
  const ttl = ttlOf({
    terms,
    askedSeconds: ask.ttlSeconds,
    guardrailSeconds: one.ceiling.maxTtlSeconds,
    remainingSeconds: Math.floor((identity.expiresAt * 1000 - one.now) / 1000),
    projected: identity.kind === 'kubernetes',
  });
  if (!ttl.ok) return refuse(mapping, steps, denied('ttl', 'ttl_below_target_minimum', ttl.detail));
  steps.push(passed('ttl', ttl.detail));
  const scope = scopeOf(terms, ask.scopes);
  if (!scope.ok) {
    return refuse(mapping, steps, { step: 'scope', detail: scope.detail, refusal: { error: 'scope_refused' } });
  }
  steps.push(passed('scope', scope.detail));
  const type = issuedTokenType(terms, ask.requestedTokenType);
  if (type === undefined) return refuse(mapping, steps, tokenType(one));
  const { address } = ask;
  const { ttlSeconds, ttlCeilingSeconds } = ttl;
  const result = grantOf({ mapping, terms, identity, address, ttlSeconds, ttlCeilingSeconds, issuedTokenType: type });
  if (!result.ok) return refuse(mapping, steps, denied('identity', result.reason, result.detail));
  steps.push(passed('identity', result.detail));
  const held = heldToIntents(terms, scope.narrowed, ask);
  if (!held.ok) return refuse(mapping, steps, denied('intents', 'intents_not_enforceable', held.detail));
  steps.push(passed('intents', held.detail));
  return {
    outcome: 'allowed',
    mapping,
    grant: heldGrant(result.grant, held),
    ...(one.replay !== undefined && { replay: one.replay }),
    steps,
  };
}

function tokenType({ terms, ask }: Case): Verdict {
  const type = issuedTokenType(terms, ask.requestedTokenType);
  if (type === undefined) return denied('token-type', 'token_type', `${ask.requestedTokenType} is not issued here`);
  return { step: 'token-type', detail: type };
}

function expiry({ terms, now }: Case): Verdict {
  if (terms.expiresAt === undefined) return { step: 'expiry', detail: 'never' };
  const detail = new Date(terms.expiresAt).toISOString();
  return now < terms.expiresAt ? { step: 'expiry', detail } : denied('expiry', 'mapping_expired', detail);
}

function podBinding({ terms, identity }: Case): Verdict {
  if (identity.kind !== 'kubernetes') return { step: 'pod-binding', detail: 'not a Kubernetes identity' };
  const detail = `asked ${terms.binding}, bound to ${identity.binding}`;
  if (terms.binding === 'any' || isPodBound(identity)) return { step: 'pod-binding', detail };
  return denied('pod-binding', 'not_bound_to_pod', detail);
}

function guardrails({ ceiling: { denials, matched, maxTtlSeconds } }: Case): Verdict {
  if (denials.length > 0) return denied('guardrails', 'guardrail', denials.join('; '));
  const cap = Number.isFinite(maxTtlSeconds) ? `, capped at ${maxTtlSeconds} s` : '';
  return { step: 'guardrails', detail: matched.length === 0 ? 'none matches' : `${matched.join(', ')}${cap}` };
}

/** One and the same refusal whether the address exists or not; the truth is in `detail` and steps. */
function unselected(selection: Exclude<Selection, { kind: 'one' }>): Decision {
  if (selection.kind === 'none') {
    const detail = 'no mapping at this address matches the identity';
    const steps = [failed('candidates', `${detail}; examined ${selection.examined}`)];
    return { outcome: 'refused', error: 'target_refused', detail, steps };
  }
  const detail = `none of ${selection.matching.join(', ')} is the most specific`;
  const steps = [
    passed('candidates', `matching: ${selection.matching.join(', ')}; examined ${selection.examined}`),
    failed('mapping', detail),
  ];
  return { outcome: 'refused', error: 'target_denied', reason: 'ambiguous_mapping', detail, steps };
}

function refuse(mapping: string, steps: readonly Step[], { step, detail, refusal }: Verdict): Decision {
  return {
    outcome: 'refused',
    error: refusal?.error ?? 'target_denied',
    mapping,
    ...(refusal?.reason !== undefined && { reason: refusal.reason }),
    detail,
    steps: [...steps, failed(step, detail)],
  };
}

function denied(step: Step['step'], reason: Reason, detail: string): Verdict {
  return { step, detail, refusal: { error: 'target_denied', reason } };
}

function passed(step: Step['step'], detail: string): Step {
  return { step, passed: true, detail };
}

function failed(step: Step['step'], detail: string): Step {
  return { step, passed: false, detail };
}
