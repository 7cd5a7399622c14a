import { isJsonObject, type JsonObject } from '../../core/json.ts';
import type { Fault } from '../../resources/document.ts';
import { AWS_AUDIENCE } from '../../resources/targets/aws.ts';
import { hclJson, hclName, hclText, shellCommand, shellWord } from '../written.ts';
import { comparePolicies, hopPermissions, policyOf, secondHopStatement, trustStatement } from './aws-policy.ts';
import { canonical, differences, type Part } from './part.ts';
import { lint, namesOf, type Trusting } from './trusting.ts';

/** Of a role's trust policy: the default quota, and the most that AWS raises it to. */
const POLICY_CHARACTERS = 2048;
const MAX_POLICY_CHARACTERS = 8192;

/** A role and the mappings that come to it. */
interface TrustingRole {
  readonly arn: string;
  readonly policy: JsonObject;
  /** Those that assume it with their assertions, and those that come from their first role. */
  readonly direct: readonly Trusting<'aws'>[];
  readonly chained: readonly Trusting<'aws'>[];
}

/** What AWS must hold: one OIDC provider for each account, and for each role all that trusts it or that it trusts. */
export function awsParts(issuer: string, mappings: readonly Trusting<'aws'>[]): readonly Part[] {
  const host = hostOf(issuer);
  const accounts = Map.groupBy(mappings, ({ target }) => accountOf(target.roleArn));
  const hopping = Map.groupBy(mappings.filter(isHopping), ({ target }) => target.roleArn);
  return [
    ...[...accounts].map(([account, of]) => providerPart(issuer, providerArn(account, host), namesOf(of))),
    ...rolesOf(host, mappings).map(rolePart),
    ...[...hopping].map(([arn, of]) => permissionPart(arn, of)),
  ];
}

/** What AWS would refuse of it, and what says less than it looks. */
export function awsLints(issuer: string, mappings: readonly Trusting<'aws'>[]): readonly Fault[] {
  return rolesOf(hostOf(issuer), mappings).flatMap(({ policy, direct, chained }) => {
    const size = JSON.stringify(policy).length;
    const of = [...direct, ...chained];
    const [first] = of;
    if (first === undefined || size <= POLICY_CHARACTERS) return [];
    const severity = size > MAX_POLICY_CHARACTERS ? 'error' : 'warning';
    const message = `the trust policy of its role has ${size} characters; AWS takes ${POLICY_CHARACTERS}, ${MAX_POLICY_CHARACTERS} on request`;
    const hint = `give the ${of.length} mappings of this role several roles`;
    const field = direct.length > 0 ? ['roleArn'] : ['secondHop', 'roleArn'];
    return [lint(first, ['spec', 'target', 'aws', ...field], { message, hint, severity })];
  });
}

/** Each role once, however mappings come to it: what is printed for a role replaces its whole policy. */
function rolesOf(host: string, mappings: readonly Trusting<'aws'>[]): readonly TrustingRole[] {
  const firsts = Map.groupBy(mappings, ({ target }) => target.roleArn);
  const seconds = Map.groupBy(mappings.filter(isHopping), ({ target }) => target.secondHop?.roleArn ?? '');
  return [...new Set([...firsts.keys(), ...seconds.keys()])].map((arn) => {
    const [direct, chained] = [firsts.get(arn) ?? [], seconds.get(arn) ?? []];
    const provider = { arn: providerArn(accountOf(arn), host), host };
    const policy = policyOf([
      ...direct.map((mapping) => trustStatement(mapping, provider)),
      ...chained.map((mapping) => secondHopStatement(mapping, mapping.target.secondHop?.externalId)),
    ]);
    return { arn, policy, direct, chained };
  });
}

function isHopping({ target }: Trusting<'aws'>): boolean {
  return target.secondHop !== undefined;
}

function hostOf(issuer: string): string {
  return issuer.replace(/^https?:\/\//, '');
}

function providerPart(url: string, arn: string, mappings: readonly string[]): Part {
  const name = hclName(arn);
  return {
    label: arn,
    title: `OIDC provider of account ${arn.split(':')[4]}`,
    mappings,
    desired: { Url: url, ClientIDList: [AWS_AUDIENCE] },
    commands: [
      shellCommand(['aws', 'iam', 'create-open-id-connect-provider', '--url', url, '--client-id-list', AWS_AUDIENCE]),
    ],
    readCommand: `aws iam get-open-id-connect-provider --open-id-connect-provider-arn ${shellWord(arn)} --output json`,
    readWhere: inAccountOf(arn),
    terraform: () => `resource "aws_iam_openid_connect_provider" "${name}" {
  url            = ${hclText(url)}
  client_id_list = [${hclText(AWS_AUDIENCE)}]
}
`,
    compare(live) {
      const { Url, ClientIDList } = isJsonObject(live) ? live : {};
      // AWS leaves the scheme out.
      const found = { Url: canonical(Url).replace(/^https:\/\//, ''), ClientIDList: canonical(ClientIDList) };
      return differences({ Url: url.replace(/^https?:\/\//, ''), ClientIDList: AWS_AUDIENCE }, found);
    },
  };
}

function rolePart({ arn, policy, direct, chained }: TrustingRole): Part {
  const { role, path } = roleOf(arn);
  // AWS wants the roles that the policy names to be there.
  const after = [...new Set(chained.map(({ target }) => target.roleArn))].filter((first) => first !== arn);
  return {
    label: arn,
    title: `trust policy of role ${role}`,
    mappings: [...new Set(namesOf([...direct, ...chained]))],
    desired: policy,
    commands: [
      `aws iam update-assume-role-policy --role-name ${shellWord(role)} --policy-document ${shellWord(JSON.stringify(policy, null, 2))}`,
    ],
    readCommand: `aws iam get-role --role-name ${shellWord(role)} --output json`,
    readWhere: inAccountOf(arn),
    terraform: (isPrinted) => `resource "aws_iam_role" "${hclName(arn)}" {
  name = ${hclText(role)}
  path = ${hclText(path)}
  assume_role_policy = ${hclJson(policy)}
${dependsOn(after.filter(isPrinted))}}
`,
    compare(live) {
      const found = isJsonObject(live) ? live['Role'] : undefined;
      const { Arn, AssumeRolePolicyDocument } = isJsonObject(found) ? found : {};
      return [
        ...differences({ Arn: arn }, { Arn: canonical(Arn) }),
        ...comparePolicies(policy, AssumeRolePolicyDocument),
      ];
    },
  };
}

function dependsOn(roleArns: readonly string[]): string {
  if (roleArns.length === 0) return '';
  return `  depends_on = [${roleArns.map((arn) => `aws_iam_role.${hclName(arn)}`).join(', ')}]\n`;
}

const HOP_POLICY = 'carnet-second-role';

function permissionPart(arn: string, mappings: readonly Trusting<'aws'>[]): Part {
  const { role } = roleOf(arn);
  const arns = [...new Set(mappings.flatMap(({ target }) => target.secondHop?.roleArn ?? []))].sort();
  const policy = hopPermissions(arns);
  const named = ['--role-name', role, '--policy-name', HOP_POLICY];
  return {
    label: `${arn} ${HOP_POLICY}`,
    title: `permission of role ${role} to assume its second role`,
    mappings: namesOf(mappings),
    desired: policy,
    commands: [
      `${['aws', 'iam', 'put-role-policy', ...named].map(shellWord).join(' ')} --policy-document ${shellWord(JSON.stringify(policy, null, 2))}`,
    ],
    readCommand: `${['aws', 'iam', 'get-role-policy', ...named].map(shellWord).join(' ')} --output json`,
    readWhere: inAccountOf(arn),
    terraform: () => `resource "aws_iam_role_policy" "${hclName(arn)}" {
  name = ${hclText(HOP_POLICY)}
  role = aws_iam_role.${hclName(arn)}.name
  policy = ${hclJson(policy)}
}
`,
    compare(live) {
      return comparePolicies(policy, isJsonObject(live) ? live['PolicyDocument'] : undefined);
    },
  };
}

/** `arn:aws:iam::123456789012`: partition and account. */
function accountOf(roleArn: string): string {
  return roleArn.slice(0, roleArn.indexOf(':role/'));
}

function inAccountOf(arn: string): string {
  return `[ "$(aws sts get-caller-identity --query Account --output text)" = ${arn.split(':')[4]} ]`;
}

function providerArn(account: string, host: string): string {
  return `${account}:oidc-provider/${host}`;
}

function roleOf(arn: string): { role: string; path: string } {
  const whole = arn.slice(arn.indexOf(':role/') + ':role'.length);
  const end = whole.lastIndexOf('/') + 1;
  return { role: whole.slice(end), path: whole.slice(0, end) };
}
