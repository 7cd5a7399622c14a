import type { CallerNarrowing } from '../core/decision.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { type AwsTarget, awsPolicyArn } from '../resources/targets/aws.ts';
import { MAX_POLICY_LENGTH } from '../resources/targets/aws-intents.ts';
import type { GcpTarget } from '../resources/targets/gcp.ts';
import { MAX_BOUNDARY_LENGTH } from '../resources/targets/gcp-intents.ts';
import type { Terms } from './compiled-mapping.ts';
import type { Held } from './held.ts';

type Asked<K extends CallerNarrowing['kind']> = Extract<CallerNarrowing, { kind: K }>;

const MAX_POLICY_ARNS = 10;
const MAX_RULES = 10;
/** AssumeRoleWithWebIdentity's characters of `Policy` (clouds.md 2.1). */
const POLICY_TEXT = /^[\t\n\r\x20-\xff]+$/;

/**
 * What an SDK asks for in its cloud's own words, of a mapping without intents (DESIGN section 9). It is passed on whole or
 * refused: what is left out of a narrowing would give more than was asked.
 */
export function callerNarrowing({ target, deliver }: Terms, asked: CallerNarrowing): Held {
  if (deliver === 'assertion') return refused('an assertion cannot be narrowed');
  if (asked.kind === 'aws' && target.kind === 'aws') return sessionPolicies(target.spec, asked);
  if (asked.kind === 'gcp' && target.kind === 'gcp') return boundary(target.spec, asked);
  return refused(`a narrowing for ${asked.kind} means nothing to ${target.kind}`);
}

function sessionPolicies(target: AwsTarget, { policy, policyArns }: Asked<'aws'>): Held {
  // AWS unites session policies: one more of them would widen what the mapping's own leave.
  if (target.policyArns !== undefined) return refused('the mapping has managed policies of its own');
  const length = (policy ?? '').length + policyArns.join('').length;
  if (length > MAX_POLICY_LENGTH) return refused(`it has ${length} characters, and AWS takes ${MAX_POLICY_LENGTH}`);
  if (policy === undefined && policyArns.length === 0) return refused('it is empty');
  if (policy !== undefined && !(POLICY_TEXT.test(policy) && objectIn(policy)))
    return refused('Policy is no JSON object');
  if (policyArns.length > MAX_POLICY_ARNS || !policyArns.every((arn) => awsPolicyArn.safeParse(arn).success)) {
    return refused(`PolicyArns are not at most ${MAX_POLICY_ARNS} ARNs of managed policies`);
  }
  const texts = { ...(policy !== undefined && { policy }), ...(policyArns.length > 0 && { policyArns }) };
  return passedOn({ kind: 'aws', ...texts });
}

function boundary(target: GcpTarget, { accessBoundary: text }: Asked<'gcp'>): Held {
  if (target.idToken !== undefined) return refused('an ID token has no access boundary');
  if (text.length > MAX_BOUNDARY_LENGTH) return refused(`it has more than ${MAX_BOUNDARY_LENGTH} characters`);
  const options = objectIn(text);
  const rules = onlyMember(onlyMember(options, 'accessBoundary'), 'accessBoundaryRules');
  const isBoundary = Array.isArray(rules) && rules.length > 0 && rules.length <= MAX_RULES && rules.every(isJsonObject);
  if (!isBoundary) return refused(`it is not an access boundary of 1 to ${MAX_RULES} rules`);
  return passedOn({ kind: 'gcp', accessBoundary: JSON.stringify(options) });
}

function passedOn(narrowing: Extract<Held, { ok: true }>['narrowing'] & object): Held {
  return { ok: true, enforcedBy: [], narrowing, detail: 'unrestricted, narrowed by the caller' };
}

function refused(why: string): Held {
  return { ok: false, detail: `the caller's own narrowing: ${why}` };
}

/** The member of an object that has this one and no other. */
function onlyMember(value: unknown, name: string): unknown {
  return isJsonObject(value) && Object.keys(value).length === 1 ? value[name] : undefined;
}

function objectIn(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
