import type { Ask, Beside, Decision, Explained, Step } from '../core/decision.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import { accessOf } from './access.ts';
import { attributesOnce } from './attributes.ts';
import { type Case, type Denial, denied, EARLY_GATES, passed, type Tell, tokenTypeDenial } from './gates.ts';
import { grantOf } from './grant.ts';
import { ceiling } from './guardrails.ts';
import { heldGrant } from './held.ts';
import { heldToIntents } from './hold-to-intents.ts';
import type { MappingIndex } from './mapping-index.ts';
import { modeAt } from './mode.ts';
import { scopeOf } from './scope.ts';
import { namesOf, type Selection, selectMapping } from './select-mapping.ts';
import type { Snapshot } from './snapshot.ts';
import { issuedTokenType } from './token-type.ts';
import { ttlOf, ttlText } from './ttl.ts';

/** Version of this code: with the snapshot's revision and the recorded attributes it makes a decision repeatable. */
export const DECIDER = 'policy/4';

/**
 * Policy's answer, a pure function of its arguments; `now` in milliseconds. The single most specific mapping decides and
 * its refusal is final: nothing falls through to a wider one.
 */
export function decide(snapshot: Snapshot, identity: VerifiedIdentity, ask: Ask, now: number): Decision {
  return decideAndTell(snapshot, { identity, ask, now }, undefined);
}

/** The same answer by the same code, with what each gate says on the way to it. */
export function decideAloud(snapshot: Snapshot, identity: VerifiedIdentity, ask: Ask, now: number): Explained {
  const steps: Step[] = [];
  const decision = decideAndTell(snapshot, { identity, ask, now }, (step) => steps.push(step));
  return { ...decision, steps };
}

function decideAndTell(snapshot: Snapshot, question: Question, tell: Tell): Decision {
  const decision = decideIn(snapshot.mappings, snapshot, question, tell);
  const shadow = shadowOf(snapshot, question);
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
  const decision = decideIn(snapshot.shadows, snapshot, question, undefined);
  if (decision.outcome === 'allowed') return { mode: 'shadow', outcome: 'allowed', mapping: decision.mapping };
  const { error, mapping, reason, detail } = decision;
  if (error === 'target_refused') return undefined;
  const named = { ...(mapping !== undefined && { mapping }), ...(reason !== undefined && { reason }) };
  return { mode: 'shadow', outcome: 'refused', ...named, detail };
}

function decideIn(index: MappingIndex, snapshot: Snapshot, { identity, ask, now }: Question, tell: Tell): Decision {
  const selection = selectMapping(index, identity, ask.address);
  if (selection.kind !== 'one') return unselected(selection, tell);
  const { mapping } = selection;
  tell?.(passed('candidates', candidatesText(selection)));
  tell?.(passed('mapping', `${mapping.name} is the most specific`));
  if (mapping.state.kind === 'inactive') {
    return refuse(mapping.name, denied('active', 'inactive', mapping.state.why), tell);
  }
  tell?.(passed('active', 'uses only what is built'));
  const { terms } = mapping.state;
  const issuer = snapshot.issuers.byName.get(identity.issuer);
  const attributes = attributesOnce({ identity, issuer, terms, ask, now });
  const mode = modeAt(terms, now);
  const access = accessOf(snapshot.access, { mapping: mapping.name, terms, identity, now });
  const breakGlass = access.kind === 'granted' && access.access.breakGlass === true;
  const subjected = { identity, issuer, mapping: mapping.name, terms, mode, attributes, breakGlass };
  const one: Case = {
    mapping: mapping.name,
    terms,
    identity,
    ask,
    now,
    attributes,
    access,
    ceiling: ceiling(snapshot.guardrails, subjected),
    replay: terms.replay ?? issuer?.replay,
  };
  let reported: Denial | undefined;
  for (const gate of EARLY_GATES) {
    const denial = gate(one, tell);
    if (denial === undefined) continue;
    if (denial.reported === undefined) return refuse(mapping.name, denial, tell);
    reported = denial;
  }
  const decision = settle(one, tell);
  return mode === 'report' ? { ...decision, beside: [reportOf(mapping.name, decision, reported)] } : decision;
}

/** What enforcing would have come to. */
function reportOf(mapping: string, decision: Decision, reported: Denial | undefined): Beside {
  const common = { mode: 'report' as const, mapping };
  const refusal = reported ?? (decision.outcome === 'refused' ? decision : undefined);
  if (refusal === undefined) return { ...common, outcome: 'allowed' };
  const { reason, detail } = refusal;
  return { ...common, outcome: 'refused', ...(reason !== undefined && { reason }), detail };
}

/** The last gates, which find values: ttl, scope, identity, intents. */
function settle(one: Case, tell: Tell): Decision {
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
  if (!ttl.ok) return refuse(mapping, denied('ttl', 'ttl_below_target_minimum', ttlText(ttl)), tell);
  tell?.(passed('ttl', ttlText(ttl)));
  const scope = scopeOf(terms, ask.scopes);
  if (!scope.ok) return refuse(mapping, { step: 'scope', detail: scope.detail, error: 'scope_refused' }, tell);
  tell?.(passed('scope', scope.detail));
  const type = issuedTokenType(terms, ask.requestedTokenType);
  if (type === undefined) return refuse(mapping, tokenTypeDenial(ask), tell);
  const { address } = ask;
  const { ttlSeconds, ttlCeilingSeconds } = ttl;
  const settled = { mapping, terms, identity, address, ttlSeconds, ttlCeilingSeconds, issuedTokenType: type, access };
  const result = grantOf(settled);
  if (!result.ok) return refuse(mapping, denied('identity', result.reason, result.detail), tell);
  tell?.(passed('identity', result.detail));
  const held = heldToIntents(terms, scope.narrowed, ask);
  if (!held.ok) return refuse(mapping, denied('intents', 'intents_not_enforceable', held.detail), tell);
  tell?.(passed('intents', held.detail));
  const allowed = { outcome: 'allowed', mapping, grant: heldGrant(result.grant, held) } as const;
  return one.replay === undefined ? allowed : { ...allowed, replay: one.replay };
}

/** One and the same refusal whether the address exists or not; the truth is in `detail` and what is told. */
function unselected(selection: Exclude<Selection, { kind: 'one' }>, tell: Tell): Decision {
  if (selection.kind === 'none') {
    const detail = 'no mapping at this address matches the identity';
    tell?.(failed('candidates', `${detail}; examined ${selection.examined}`));
    return { outcome: 'refused', error: 'target_refused', detail };
  }
  const detail = `none of ${namesOf(selection.matching)} is the most specific`;
  tell?.(passed('candidates', candidatesText(selection)));
  tell?.(failed('mapping', detail));
  return { outcome: 'refused', error: 'target_denied', reason: 'ambiguous_mapping', detail };
}

function candidatesText({ matching, examined }: Exclude<Selection, { kind: 'none' }>): string {
  return `matching: ${namesOf(matching)}; examined ${examined}`;
}

function refuse(mapping: string, { step, detail, error, reason, awaiting }: Denial, tell: Tell): Decision {
  tell?.(failed(step, detail));
  return {
    outcome: 'refused',
    error,
    mapping,
    detail,
    ...(reason !== undefined && { reason }),
    ...(awaiting !== undefined && { awaiting }),
  };
}

function failed(step: Step['step'], detail: string): Step {
  return { step, passed: false, detail };
}
