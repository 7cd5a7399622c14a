import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { AWS_AUDIENCE } from '../../resources/targets/aws.ts';
import { fixedValues } from './fixed-values.ts';
import { canonical, type Difference, differences } from './part.ts';
import { subjectOf, type Trusting } from './trusting.ts';

/** What a session may bring along: Carnet sets tags and a source identity on each. */
const LUGGAGE = ['sts:TagSession', 'sts:SetSourceIdentity'];

/** The statement by which a role trusts one mapping: exact `sub` and `aud`, and an assertion that names this role (DESIGN section 12). */
export function trustStatement(mapping: Trusting<'aws'>, provider: { arn: string; host: string }): JsonObject {
  const { sourceIdentity, tags } = fixedValues(mapping);
  return {
    Effect: 'Allow',
    Principal: { Federated: provider.arn },
    Action: ['sts:AssumeRoleWithWebIdentity', ...LUGGAGE],
    Condition: {
      StringEquals: {
        [`${provider.host}:aud`]: AWS_AUDIENCE,
        [`${provider.host}:sub`]: subjectOf(mapping),
        ...(sourceIdentity !== undefined && { 'sts:SourceIdentity': sourceIdentity }),
        ...prefixed('aws:RequestTag/', Object.entries(tags)),
      },
      Bool: { 'sts:RoleAuthorizedByIdp': 'true' },
    },
  };
}

/** The statement by which a second role trusts the first one, in sessions of this mapping alone. */
export function secondHopStatement(mapping: Trusting<'aws'>, externalId: string | undefined): JsonObject {
  const { sourceIdentity, tags, transitive } = fixedValues(mapping);
  const inherited = Object.entries(tags).filter(([key]) => transitive.includes(key));
  return {
    Effect: 'Allow',
    Principal: { AWS: mapping.target.roleArn },
    Action: ['sts:AssumeRole', ...LUGGAGE],
    Condition: {
      StringEquals: {
        ...(externalId !== undefined && { 'sts:ExternalId': externalId }),
        ...(sourceIdentity !== undefined && { 'sts:SourceIdentity': sourceIdentity }),
        ...prefixed('aws:PrincipalTag/', inherited),
      },
    },
  };
}

/** What lets the first role assume the others. */
export function hopPermissions(roleArns: readonly string[]): JsonObject {
  return policyOf([{ Effect: 'Allow', Action: ['sts:AssumeRole', ...LUGGAGE], Resource: [...roleArns] }]);
}

export function policyOf(statements: readonly JsonObject[]): JsonObject {
  return { Version: '2012-10-17', Statement: [...statements] };
}

/**
 * How a live policy is not the desired one. Statements are told apart by principal and `sub`, so that the order and
 * `Sid` do not matter. A live statement that allows what no desired one does is a difference: it trusts more.
 */
export function comparePolicies(desired: JsonObject, live: JsonValue | undefined): readonly Difference[] {
  const left = statementsOf(live).map(flat);
  const take = (fits: (statement: Record<string, string>) => boolean) => {
    const index = left.findIndex(fits);
    return index === -1 ? undefined : left.splice(index, 1)[0];
  };
  const missing = statementsOf(desired)
    .map(flat)
    .filter((expected) => take((one) => differences(expected, one).length === 0) === undefined);
  const found = missing.flatMap((expected) => {
    const field = nameOf(expected);
    const about = take((one) => isAbout(one, expected));
    if (about === undefined) return [{ field, expected: grants(expected), found: 'no such statement' }];
    return differences(expected, about).map((one) => ({ ...one, field: `${field}: ${one.field}` }));
  });
  const more = left.filter((statement) => statement['Effect'] !== 'Deny');
  return [...found, ...more.map((one) => ({ field: nameOf(one), expected: 'no such statement', found: grants(one) }))];
}

function statementsOf(policy: JsonValue | undefined): readonly JsonObject[] {
  const statement = isJsonObject(policy) ? policy['Statement'] : undefined;
  const list = Array.isArray(statement) ? statement : [statement];
  return list.filter((one) => isJsonObject(one));
}

/** Every member of a statement by its path, with one text for each value; `Sid` is a name and says nothing. */
function flat(statement: JsonObject): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [member, value] of Object.entries(statement)) {
    if (member === 'Sid') continue;
    if (member !== 'Condition' || !isJsonObject(value)) {
      for (const [path, text] of leaves(member, value)) fields[path] = text;
      continue;
    }
    for (const [operator, keys] of Object.entries(value)) {
      for (const [path, text] of leaves(operator, keys)) fields[path.toLowerCase()] = text;
    }
  }
  return fields;
}

function leaves(path: string, value: JsonValue | undefined): readonly (readonly [string, string])[] {
  if (!isJsonObject(value)) return [[path, canonical(value)]];
  return Object.entries(value).map(([key, inner]) => [`${path} ${key}`, canonical(inner)]);
}

function isAbout(live: Record<string, string>, expected: Record<string, string>): boolean {
  const keys = Object.keys(expected).filter((key) => key.startsWith('Principal ') || key.endsWith(':sub'));
  return keys.every((key) => live[key] === expected[key]);
}

function nameOf(statement: Record<string, string>): string {
  const subject = Object.entries(statement).find(([key]) => key.endsWith(':sub'))?.[1];
  return subject ?? Object.entries(statement).find(([key]) => key.startsWith('Principal'))?.[1] ?? 'statement';
}

function grants(statement: Record<string, string>): string {
  const wide = Object.entries(statement).filter(([, value]) => /[*?]/.test(value));
  const action = statement['Action'] ?? 'something';
  if (wide.length === 0) return `allows ${action}`;
  return `allows ${action} with a wildcard in ${wide.map(([key]) => key).join(', ')}`;
}

function prefixed(prefix: string, entries: readonly (readonly [string, string])[]): JsonObject {
  return Object.fromEntries(entries.map(([key, value]) => [prefix + key, value]));
}
