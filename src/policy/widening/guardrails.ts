import type { Conditions } from '../conditions/condition.ts';
import type { CompiledGuardrail } from '../guardrails.ts';
import { ANY, carries } from '../subject.ts';
import { isJoined } from './condition.ts';
import { beyond, type Found, found, type WideningReason } from './reason.ts';

/** By which guardrails somebody may be refused, or capped, less. A new one, as a stop is, can only deny or cap. */
export function guardrailsWiden(
  before: readonly CompiledGuardrail[],
  after: readonly CompiledGuardrail[],
  conditions: Conditions,
): readonly WideningReason[] {
  const now = new Map(after.map((one) => [one.name, one]));
  return before.flatMap((old) => {
    const one = now.get(old.name);
    const reasons = one === undefined ? [{ field: '', why: 'is no ceiling any more' }] : changed(old, one, conditions);
    return reasons.map((reason) => ({ kind: 'Guardrail' as const, name: old.name, ...reason }));
  });
}

function changed(before: CompiledGuardrail, after: CompiledGuardrail, conditions: Conditions): readonly Found[] {
  const cap = after.maxTtlSeconds ?? Number.POSITIVE_INFINITY;
  return [
    ...Object.entries(MATCHES)
      .filter(([, isKept]) => !isKept(before.match, after.match))
      .map(([field]) => ({ field: `spec.match.${field}`, why: 'is not certainly for all whom it was for' })),
    ...found([
      ['spec.deny', !deniesAsMuch(before.deny, after.deny, conditions) && 'does not certainly deny all that it denied'],
      [
        'spec.maxTtl',
        before.maxTtlSeconds !== undefined && cap > before.maxTtlSeconds && `is up from ${before.maxTtlSeconds} s`,
      ],
      ['spec.requirePodBound', before.requirePodBound && !after.requirePodBound && 'is off'],
      ['spec.breakGlass', before.breakGlass === undefined && after.breakGlass === true && 'lets break-glass pass'],
      ['spec.requireIntents', before.requireIntents && !after.requireIntents && 'is off'],
      [
        'spec.modes',
        before.modes !== undefined &&
          (after.modes === undefined || beyond(before.modes, after.modes).length > 0) &&
          'lets more modes pass',
      ],
    ]),
  ];
}

type Match = CompiledGuardrail['match'];

/** For each part of `match` whether it is still for all whom it was for. */
const MATCHES: { readonly [K in keyof Match]-?: (before: Match, after: Match) => boolean } = {
  issuers: (before, after) => holds(after.issuers, before.issuers),
  issuerLabels: (before, after) =>
    after.issuerLabels === undefined ||
    (before.issuerLabels !== undefined && carries({ labels: before.issuerLabels }, after.issuerLabels)),
  notIssuerLabels: (before, after) =>
    after.notIssuerLabels === undefined ||
    (before.notIssuerLabels !== undefined && carries({ labels: after.notIssuerLabels }, before.notIssuerLabels)),
  namespace: (before, after) => isOpen(after.namespace) || after.namespace === before.namespace,
  serviceAccount: (before, after) => isOpen(after.serviceAccount) || after.serviceAccount === before.serviceAccount,
  targets: (before, after) => holds(after.targets, before.targets),
  mappings: (before, after) => holds(after.mappings, before.mappings),
};

function isOpen(wanted: string | undefined): boolean {
  return wanted === undefined || wanted === ANY;
}

function holds<T>(names: readonly T[] | undefined, former: readonly T[] | undefined): boolean {
  return names === undefined || (former !== undefined && beyond(names, former).length === 0);
}

type Deny = CompiledGuardrail['deny'];

/** Without a condition it denies everybody. */
function deniesAsMuch(before: Deny, after: Deny, conditions: Conditions): boolean {
  if (before === undefined) return true;
  if (after === undefined) return false;
  if (after.condition === undefined) return true;
  if (before.condition === undefined) return false;
  return (
    before.condition.whole === after.condition.whole || isJoined(before.condition, '||', after.condition, conditions)
  );
}
