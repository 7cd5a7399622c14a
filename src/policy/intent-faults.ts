import type { DocumentOf, Fault } from '../resources/document.ts';
import { intentText } from '../resources/intents.ts';
import { MAX_POLICY_LENGTH } from '../resources/targets/aws-intents.ts';
import { compileIntents, intentFault } from '../resources/targets/compile-intents.ts';
import { TARGETS, type TargetSpec, ttlLimitsOf } from '../resources/targets/target.ts';
import { errorAt, warningAt } from './fault.ts';

interface Examined {
  readonly document: DocumentOf<'FederationMapping'>;
  readonly target: TargetSpec;
}

/** What of a mapping's narrowing its target cannot be told. */
export function intentFaults(examined: Examined): readonly Fault[] {
  return listFaults(examined).concat(managedPolicyFaults(examined), assertionFaults(examined));
}

/** What the target does not enforce and nobody has accepted: the mapping is in force and refuses. */
export function residueWarnings({ document, target }: Examined): readonly Fault[] {
  const { intents, residual, deliver } = document.spec;
  const path = ['spec', 'residual', 'accept'];
  const accepted = residual?.accept ?? [];
  const warnings: Fault[] = [];
  const list = Array.isArray(intents) ? intents : [];
  const { enforcedBy } = compileIntents(target, deliver, list);
  const loose = list.filter((_, at) => enforcedBy[at] === 'none');
  if (loose.length > 0 && !accepted.includes('intents')) {
    const message = `does not hold intents, and nothing enforces ${loose.map(intentText).join(', ')}: the mapping refuses`;
    const hint =
      'accept it with a reason, or say enforcedBy: identity-selection where the target names an identity that may do nothing else';
    warnings.push(warningAt(document, path, { message, hint }));
  }
  if (ttlLimitsOf(target).targetChooses?.usualSeconds !== undefined && !accepted.includes('ttl')) {
    const message = `does not hold ttl, and here ${target.kind} alone chooses the lifetime: the mapping refuses`;
    warnings.push(warningAt(document, path, { message, hint: 'accept it with a reason' }));
  }
  return warnings;
}

function listFaults({ document, target }: Examined): readonly Fault[] {
  const { intents, deliver } = document.spec;
  if (!Array.isArray(intents)) return [];
  const path = ['spec', 'intents'];
  if (!TARGETS[target.kind].cloud) {
    return [errorAt(document, path, { message: 'are for cloud targets: an SVID says who the workload is' })];
  }
  const faults = intents.flatMap((_, at) => {
    const fault = intentFault(target, intents, at);
    return fault === undefined ? [] : [errorAt(document, [...path, at], fault)];
  });
  if (faults.length > 0) return faults;
  const { oversize } = compileIntents(target, deliver, intents);
  const hint = 'name fewer or shorter resources, or make two mappings of it';
  return oversize === undefined ? [] : [errorAt(document, path, { message: oversize, hint })];
}

/** AWS unites session policies: what one of them allows the session may do, whatever the others say. */
function managedPolicyFaults({ document, target }: Examined): readonly Fault[] {
  if (target.kind !== 'aws' || target.spec.policyArns === undefined) return [];
  const path = ['spec', 'target', 'aws', 'policyArns'];
  if (Array.isArray(document.spec.intents)) {
    const message =
      'must not stand beside a list of intents: AWS unites both, so they would widen what the intents allow';
    return [errorAt(document, path, { message, hint: 'write intents: unrestricted, or leave out policyArns' })];
  }
  const length = target.spec.policyArns.join('').length;
  if (length <= MAX_POLICY_LENGTH) return [];
  return [
    errorAt(document, path, { message: `has ${length} characters together, and AWS takes ${MAX_POLICY_LENGTH}` }),
  ];
}

/** Whoever is handed an assertion makes the call himself, with these or without. */
function assertionFaults({ document, target }: Examined): readonly Fault[] {
  if (target.kind !== 'aws' || document.spec.deliver !== 'assertion') return [];
  return (['policyArns', 'secondHop'] as const)
    .filter((field) => target.spec[field] !== undefined)
    .map((field) => {
      const message = 'must not stand beside deliver: assertion, for the workload may leave it out';
      return errorAt(document, ['spec', 'target', 'aws', field], { message });
    });
}
