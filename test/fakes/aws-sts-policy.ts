import { isJsonObject, type JsonObject, type JsonValue } from '../../src/core/json.ts';
import { StsRefusal } from './aws-sts-wire.ts';

const MAX_PLAINTEXT = 2048;
const MAX_POLICY_ARNS = 10;
const MANAGED_POLICY = /^arn:aws[a-z-]*:iam::(\d{12}|aws):policy\/[\w+=,.@/-]{1,512}$/;
const STATEMENT_MEMBERS = ['Sid', 'Effect', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition'];
/** Measured for a short subject without policy or tags, and 34 % for a subject of 300 characters (clouds.md 2.1). */
const WEB_IDENTITY_PERCENT = 24;
const SHORT_SUBJECT = 20;
const CHARACTERS_PER_PERCENT = 28;

/** What narrows a session: the inline document and the ARNs of managed ones. */
export interface SessionPolicies {
  readonly text: string;
  readonly statements: readonly JsonObject[] | undefined;
  readonly arns: readonly string[];
}

/** Reads `Policy` and `PolicyArns` of a form. Throws StsRefusal. */
export function readPolicies(form: URLSearchParams): SessionPolicies {
  const text = form.get('Policy') ?? '';
  const arns = [...form].filter(([name]) => name.startsWith('PolicyArns.')).map(memberArn);
  if (arns.length > MAX_POLICY_ARNS) throw tooMuch('policyArns');
  if (form.has('Policy') && !/^[\t\n\r\x20-\xff]{1,2048}$/.test(text)) throw tooMuch('policy');
  if (text.length + arns.join('').length > MAX_PLAINTEXT) throw tooMuch('policy and policyArns together');
  return { text, arns, statements: form.has('Policy') ? statementsOf(text) : undefined };
}

function memberArn([name, arn]: [string, string], index: number): string {
  const expected = name === `PolicyArns.member.${index + 1}.arn`;
  if (expected && MANAGED_POLICY.test(arn)) return arn;
  throw new StsRefusal('ValidationError', `1 validation error detected: ${name} is not valid`);
}

function statementsOf(text: string): readonly JsonObject[] {
  const document = parsed(text);
  const { Version: version = '2008-10-17', Statement: statement } = document;
  const statements = Array.isArray(statement) ? statement : [statement];
  const legalMembers = Object.keys(document).every((name) => ['Version', 'Id', 'Statement'].includes(name));
  if (!legalMembers || (version !== '2012-10-17' && version !== '2008-10-17'))
    throw malformed('Syntax errors in policy.');
  return statements.map(readStatement);
}

function parsed(text: string): JsonObject {
  try {
    const document: unknown = JSON.parse(text);
    if (isJsonObject(document) && 'Statement' in document) return document;
  } catch {
    // Falls through: text that is no JSON is refused like a document without statements.
  }
  throw malformed('The policy is not in the valid JSON format.');
}

function readStatement(statement: JsonValue | undefined): JsonObject {
  if (!isJsonObject(statement)) throw malformed('Syntax errors in policy.');
  if ('Principal' in statement) throw malformed('Policy document should not specify a principal.');
  const { Effect: effect } = statement;
  const whole =
    (effect === 'Allow' || effect === 'Deny') &&
    ('Action' in statement || 'NotAction' in statement) &&
    ('Resource' in statement || 'NotResource' in statement) &&
    Object.keys(statement).every((name) => STATEMENT_MEMBERS.includes(name));
  if (!whole) throw malformed('Syntax errors in policy.');
  return statement;
}

/** Whether a session with these policies may do this, where its role may; actions and resources are read exactly. */
export function permits({ statements }: SessionPolicies, action: string, resource: string): boolean {
  if (statements === undefined) return true;
  const names = (value: JsonValue | undefined, text: string) => [value].flat().includes(text);
  return statements.some(
    ({ Effect: effect, Action: actions, Resource: resources }) =>
      effect === 'Allow' && names(actions, action) && names(resources, resource),
  );
}

/**
 * PackedPolicySize in percent. AWS's packing is not published: this is a straight line through what has been measured,
 * over everything that shares the allowance. Throws StsRefusal over 100.
 */
export function packedSize(
  policies: SessionPolicies,
  { subject, tags }: { readonly subject?: string; readonly tags: ReadonlyMap<string, string> },
): number {
  const base = subject === undefined ? 0 : WEB_IDENTITY_PERCENT;
  const characters =
    Math.max(0, (subject ?? '').length - SHORT_SUBJECT) +
    policies.text.length +
    policies.arns.join('').length +
    [...tags].flat().join('').length;
  const percent = base + Math.ceil(characters / CHARACTERS_PER_PERCENT);
  if (percent <= 100) return percent;
  const text = `Packed policy consumes ${percent}% of allotted space, please use smaller policy.`;
  throw new StsRefusal('PackedPolicyTooLarge', text);
}

function tooMuch(what: string): StsRefusal {
  return new StsRefusal('ValidationError', `1 validation error detected: ${what} is out of range`);
}

function malformed(message: string): StsRefusal {
  return new StsRefusal('MalformedPolicyDocument', message);
}
