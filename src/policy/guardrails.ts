import type { VerifiedIdentity } from '../core/identity.ts';
import type { DocumentOf } from '../resources/document.ts';
import { durationSeconds } from '../resources/duration.ts';
import type { GuardrailSpec } from '../resources/guardrail.ts';
import type { TrustedIssuer } from '../resources/issuers.ts';
import type { Mode, Terms } from './compiled-mapping.ts';
import type { Attributes, Condition, Conditions } from './conditions/condition.ts';
import { ALWAYS } from './conditions/conditions-for.ts';
import { isPodBound } from './pod-binding.ts';
import { ANY, carries } from './subject.ts';

/** A Guardrail ready to be asked. It can only deny or cap. */
export interface CompiledGuardrail {
  readonly name: string;
  readonly match: NonNullable<GuardrailSpec['match']>;
  /** Absent: it denies nobody by itself. */
  readonly deny?: Deny;
  readonly maxTtlSeconds?: number;
  readonly requirePodBound: boolean;
  readonly requireIntents: boolean;
  /** It lets break-glass access pass. */
  readonly breakGlass?: true;
  /** Modes that a mapping may have. */
  readonly modes?: readonly string[];
}

/** Whom of those that it matches it denies, and what it says of that for audit and explain. */
interface Deny {
  /** Absent: everybody. */
  readonly condition?: Condition;
  readonly message: string;
}

/** Whom and what a guardrail is asked about. */
export interface Subjected {
  readonly identity: VerifiedIdentity;
  /** Absent when nothing is known of the issuer, which leaves every label undecided. */
  readonly issuer: TrustedIssuer | undefined;
  readonly mapping: string;
  readonly terms: Terms;
  readonly mode: Mode['kind'];
  readonly attributes: () => Attributes;
  /** Access was opened by one person alone. */
  readonly breakGlass?: boolean;
}

export interface Ceiling {
  /** Why it is denied, one entry per guardrail that denies. */
  readonly denials: readonly string[];
  /** The lowest cap of all that match. */
  readonly maxTtlSeconds: number;
  /** Names of all that match. */
  readonly matched: readonly string[];
}

export function compileGuardrail({ name, spec }: DocumentOf<'Guardrail'>, conditions: Conditions): CompiledGuardrail {
  return {
    name,
    match: spec.match ?? {},
    ...(spec.deny !== undefined && { deny: denyOf(spec.deny, spec.message, conditions) }),
    ...(spec.maxTtl !== undefined && { maxTtlSeconds: durationSeconds(spec.maxTtl) }),
    requirePodBound: spec.requirePodBound ?? false,
    requireIntents: spec.requireIntents ?? false,
    ...(spec.breakGlass && { breakGlass: spec.breakGlass }),
    ...(spec.modes !== undefined && { modes: spec.modes }),
  };
}

/** What all guardrails that match say together. */
export function ceiling(guardrails: readonly CompiledGuardrail[], subjected: Subjected): Ceiling {
  const denied: string[] = [];
  const matched: string[] = [];
  let maxTtlSeconds = Number.POSITIVE_INFINITY;
  for (const guardrail of guardrails) {
    if (!matches(guardrail, subjected)) continue;
    const { name, maxTtlSeconds: cap = Number.POSITIVE_INFINITY } = guardrail;
    matched.push(name);
    maxTtlSeconds = Math.min(maxTtlSeconds, cap);
    for (const why of denials(guardrail, subjected)) denied.push(`${name}: ${why}`);
  }
  return { denials: denied, maxTtlSeconds, matched };
}

/** True unless some part of `match` is certainly not so: what cannot be decided matches. */
function matches({ match }: CompiledGuardrail, { identity, issuer, mapping, terms }: Subjected): boolean {
  return (
    allows(match.issuers, identity.issuer) &&
    (match.issuerLabels === undefined || issuer === undefined || carries(issuer, match.issuerLabels)) &&
    (match.notIssuerLabels === undefined || issuer === undefined || !carries(issuer, match.notIssuerLabels)) &&
    mayBe(match.namespace, identity.kind === 'kubernetes' ? identity.namespace : undefined) &&
    mayBe(match.serviceAccount, identity.kind === 'kubernetes' ? identity.serviceAccount : undefined) &&
    allows(match.targets, terms.target.kind) &&
    allows(match.mappings, mapping)
  );
}

function allows(names: readonly string[] | undefined, name: string): boolean {
  return names === undefined || names.includes(name);
}

/** An identity without the attribute leaves it undecided. */
function mayBe(wanted: string | undefined, actual: string | undefined): boolean {
  return wanted === undefined || wanted === ANY || actual === undefined || wanted === actual;
}

function denials(guardrail: CompiledGuardrail, subjected: Subjected): readonly string[] {
  const { identity, terms, mode, attributes, breakGlass } = subjected;
  if (breakGlass && guardrail.breakGlass) return [];
  const found: string[] = [];
  const denial = guardrail.deny && denialBy(guardrail.deny, attributes);
  if (denial !== undefined) found.push(denial);
  if (guardrail.requirePodBound && !isPodBound(identity))
    found.push('requirePodBound: the token is not bound to a pod');
  const loose = guardrail.requireIntents ? looseness(terms) : undefined;
  if (loose !== undefined) found.push(`requireIntents: ${loose}`);
  if (guardrail.modes !== undefined && !guardrail.modes.includes(mode)) found.push(`modes: ${mode} is not among them`);
  const cap = capDenial(guardrail.maxTtlSeconds, terms);
  if (cap !== undefined) found.push(cap);
  return found;
}

/** Why the mapping is not held to intents, also where its owner accepts that; undefined where it is. */
function looseness({ intents }: Terms): string | undefined {
  if (intents === undefined) return 'nothing is narrowed by intents';
  return intents.compiled.enforcedBy.includes('none') ? 'not every intent is enforced' : undefined;
}

/** A cap below what the target can give, or on a session whose length the caller chooses at the cloud, denies. */
export function capDenial(maxTtlSeconds: number | undefined, { target, deliver, ttl }: Terms): string | undefined {
  if (maxTtlSeconds === undefined) return undefined;
  if (deliver === 'assertion') return 'maxTtl: an assertion leaves the length of the session to the workload';
  const { minSeconds, targetChooses } = ttl.limits;
  const leastSeconds = Math.max(minSeconds, targetChooses?.usualSeconds ?? 0);
  return maxTtlSeconds < leastSeconds
    ? `maxTtl: ${maxTtlSeconds} s is below the ${leastSeconds} s that ${target.kind} ${targetChooses === undefined ? 'gives at least' : 'may give'}`
    : undefined;
}

/** A condition that does not compile denies everybody: it was good once, under other rules. */
function denyOf(text: string, message: string | undefined, conditions: Conditions): Deny {
  const shown = { message: message === undefined ? 'deny' : `deny: ${message}` };
  if (text === ALWAYS) return shown;
  const compiled = conditions.compile(text);
  return compiled.ok ? { ...shown, condition: compiled.condition } : { message: 'deny: the condition is faulty' };
}

/** Why it denies; an error is a denial (DESIGN section 5). */
function denialBy({ condition, message }: Deny, attributes: () => Attributes): string | undefined {
  if (condition === undefined) return message;
  const answer = condition.ask(attributes());
  if (answer.kind === 'error') return `${message} (error: ${answer.error}; ${answer.values || 'reads nothing'})`;
  return answer.kind === 'true' ? `${message} (${answer.values || 'reads nothing'})` : undefined;
}
