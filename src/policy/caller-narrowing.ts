import type { CallerNarrowing } from '../core/decision.ts';
import { isJsonObject } from '../core/json.ts';
import { awsPolicyArn } from '../resources/targets/aws.ts';
import { MAX_POLICY_LENGTH } from '../resources/targets/aws-intents.ts';
import { MAX_BOUNDARY_LENGTH } from '../resources/targets/gcp-intents.ts';
import type { Terms } from './compiled-mapping.ts';
import type { Held } from './hold-to-intents.ts';

const MAX_POLICY_ARNS = 10;
const MAX_RULES = 10;
/** AssumeRoleWithWebIdentity's characters of `Policy` (clouds.md 2.1). */
const POLICY_TEXT = /^[\t\n\r\x20-\xff]+$/;

/**
 * What an SDK asks for in its cloud's own words, for a mapping without intents. It is passed on whole or refused: what is
 * left out of a narrowing would give more than was asked.
 */
export function callerNarrowing(terms: Terms, asked: CallerNarrowing | undefined): Held {
  const { target, deliver } = terms;
  if (asked === undefined)
    return { ok: true, enforcedBy: [], detail: target.kind === 'jwtSvid' ? 'the target has none' : 'unrestricted' };
  if (target.kind !== asked.kind || deliver === 'assertion')
    return refused(`${target.kind} takes no narrowing of the caller’s here`);
  if (asked.kind === 'gcp') {
    return target.kind === 'gcp' && target.spec.idToken === undefined
      ? boundary(asked)
      : refused('an ID token has no boundary');
  }
  // AWS unites session policies: one more of them would widen what the mapping's own leave.
  if (target.kind === 'aws' && target.spec.policyArns !== undefined)
    return refused('the mapping has managed policies of its own');
  return sessionPolicies(asked);
}

function sessionPolicies({ policy, policyArns }: Extract<CallerNarrowing, { kind: 'aws' }>): Held {
  const length = [policy ?? '', ...policyArns].reduce((sum, text) => sum + text.length, 0);
  if (length === 0) return refused('the narrowing is empty');
  if (length > MAX_POLICY_LENGTH)
    return refused(`Policy and PolicyArns have ${length} characters, and AWS takes ${MAX_POLICY_LENGTH}`);
  if (policy !== undefined && !(POLICY_TEXT.test(policy) && isJsonObject(parsed(policy))))
    return refused('Policy is not a JSON object');
  const arnsAreLegal =
    policyArns.length <= MAX_POLICY_ARNS && policyArns.every((arn) => awsPolicyArn.safeParse(arn).success);
  if (!arnsAreLegal) return refused(`PolicyArns are not at most ${MAX_POLICY_ARNS} ARNs of managed policies`);
  const narrowing = {
    kind: 'aws',
    ...(policy !== undefined && { policy }),
    ...(policyArns.length > 0 && { policyArns }),
  } as const;
  return { ok: true, enforcedBy: [], narrowing, detail: 'unrestricted, narrowed by the caller’s session policies' };
}

function boundary({ accessBoundary }: Extract<CallerNarrowing, { kind: 'gcp' }>): Held {
  const options = accessBoundary.length <= MAX_BOUNDARY_LENGTH ? parsed(accessBoundary) : undefined;
  if (!isJsonObject(options) || Object.keys(options).join() !== 'accessBoundary')
    return refused('it is not one access boundary');
  const inner = options['accessBoundary'];
  const rules =
    isJsonObject(inner) && Object.keys(inner).join() === 'accessBoundaryRules'
      ? inner['accessBoundaryRules']
      : undefined;
  if (!Array.isArray(rules) || rules.length === 0 || rules.length > MAX_RULES || !rules.every(isJsonObject)) {
    return refused(`the access boundary has not 1 to ${MAX_RULES} rules`);
  }
  const narrowing = { kind: 'gcp', accessBoundary: JSON.stringify(options) } as const;
  return { ok: true, enforcedBy: [], narrowing, detail: 'unrestricted, narrowed by the caller’s access boundary' };
}

function refused(detail: string): Held {
  return { ok: false, detail };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
