import type { Ask, Beside, Decision, Step } from '../core/decision.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import { accessOf } from './access.ts';
import { attributesOnce } from './attributes.ts';
import { type Case, denied, EARLY_GATES, tokenType, type Verdict } from './gates.ts';
import { grantOf } from './grant.ts';
import { ceiling } from './guardrails.ts';
import { heldGrant } from './held.ts';
import { heldToIntents } from './hold-to-intents.ts';
import type { MappingIndex } from './mapping-index.ts';
import { modeAt } from './mode.ts';
import { scopeOf } from './scope.ts';
import { type Selection, selectMapping } from './select-mapping.ts';
import type { Snapshot } from './snapshot.ts';
import { issuedTokenType } from './token-type.ts';
import { ttlOf } from './ttl.ts';

/** Version of this code: with the snapshot's revision and the recorded attributes it makes a decision repeatable. */
export const DECIDER = 'policy/4';

/**
 * Policy's answer, a pure function of its arguments; `now` in milliseconds. The single most specific mapping decides and
 * its refusal is final: nothing falls through to a wider one.
 */
export function decide(snapshot: Snapshot, identity: VerifiedIdentity, ask: Ask, now: number): Decision {
  const decision = decideIn(snapshot.mappings, snapshot, { identity, ask, now });
  const shadow = shadowOf(snapshot, { identity, ask, now });
  return shadow === undefined ? decision : { ...decision, beside: [...(decision.beside ?? []), shadow] };
}

interface Question {
  readonly identity: VerifiedIdentity;
  readonly ask: Ask;
  readonly now: number;
}

/** What the most specific shadow would have said. It never changes the answer. */
function shadowOf(snapshot: Snapshot, question: Question): Beside | undefined {
  if (snapshot.shadows.size === 0) return undefined;
  const decision = decideIn(snapshot.shadows, snapshot, question);
  if (decision.outcome === 'allowed') return { mode: 'shadow', outcome: 'allowed', mapping: decision.mapping };
  const { error, mapping, reason, detail } = decision;
  if (error === 'target_refused') return undefined;
  const named = { ...(mapping !== undefined && { mapping }), ...(reason !== undefined && { reason }) };
  return { mode: 'shadow', outcome: 'refused', ...named, detail };
}

function decideIn(index: MappingIndex, snapshot: Snapshot, { identity, ask, now }: Question): Decision {
  const selection = selectMapping(index, identity, ask.address);
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
  const attributes = attributesOnce({ identity, issuer, terms, ask, now });
  const mode = modeAt(terms, now);
  const access = accessOf(snapshot.access, { mapping: mapping.name, terms, identity, now });
  const breakGlass = access.kind === 'granted' && access.access.breakGlass === true;
  const subjected = { identity, issuer, mapping: mapping.name, terms, mode, attributes, breakGlass };
  const limits = { ceiling: ceiling(snapshot.guardrails, subjected), replay: terms.replay ?? issuer?.replay };
  const one = { mapping: mapping.name, terms, identity, ask, now, attributes, access, ...limits };
  let reported: Verdict | undefined;
  for (const gate of EARLY_GATES) {
    const verdict = gate(one);
    if (verdict.refusal !== undefined) return refuse(mapping.name, steps, verdict);
    steps.push(passed(verdict.step, verdict.detail));
    if (verdict.reported !== undefined) reported = verdict;
  }
  const decision = settle(one, steps);
  return mode === 'report' ? { ...decision, beside: [reportOf(mapping.name, decision, reported)] } : decision;
}

/** What enforcing would have come to. */
function reportOf(mapping: string, decision: Decision, reported: Verdict | undefined): Beside {
  const common = { mode: 'report' as const, mapping };
  if (reported?.reported !== undefined) {
    const { reason } = reported.reported;
    return { ...common, outcome: 'refused', ...(reason !== undefined && { reason }), detail: reported.detail };
  }
  if (decision.outcome === 'allowed') return { ...common, outcome: 'allowed' };
  const { reason, detail } = decision;
  return { ...common, outcome: 'refused', ...(reason !== undefined && { reason }), detail };
}

/** The last gates, which find values: ttl, scope, identity, intents. */
function settle(one: Case, steps: Step[]): Decision {
  const { mapping, terms, identity, ask } = one;
  const access = one.access.kind === 'granted' ? one.access.access : undefined;
  const ttl = ttlOf({
    terms,
    askedSeconds: ask.ttlSeconds,
    guardrailSeconds: one.ceiling.maxTtlSeconds,
    grantSeconds: (terms.grant?.ok && terms.grant.maxTtlSeconds) || Number.POSITIVE_INFINITY,
    remainingSeconds: Math.floor((identity.expiresAt * 1000 - one.now) / 1000),
    projected: identity.kind === 'kubernetes',
    accessSeconds: access && Math.floor((access.until - one.now) / 1000),
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
  const settled = { mapping, terms, identity, address, ttlSeconds, ttlCeilingSeconds, issuedTokenType: type, access };
  const result = grantOf(settled);
  if (!result.ok) return refuse(mapping, steps, denied('identity', result.reason, result.detail));
  steps.push(passed('identity', result.detail));
  const held = heldToIntents(terms, scope.narrowed, ask);
  if (!held.ok) return refuse(mapping, steps, denied('intents', 'intents_not_enforceable', held.detail));
  steps.push(passed('intents', held.detail));
  return {
    outcome: 'allowed',
    mapping,
    grant: heldGrant(result.grant, held),
    steps,
    ...(one.replay !== undefined && { replay: one.replay }),
  };
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
    detail,
    steps: [...steps, failed(step, detail)],
    ...(refusal?.reason !== undefined && { reason: refusal.reason }),
    ...(refusal?.awaiting !== undefined && { awaiting: refusal.awaiting }),
  };
}

function passed(step: Step['step'], detail: string): Step {
  return { step, passed: true, detail };
}

function failed(step: Step['step'], detail: string): Step {
  return { step, passed: false, detail };
}
