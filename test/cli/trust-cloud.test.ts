import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { run } from '../../src/cli/program.ts';
import { cloudInstallation, mapping, PRODUCTION } from './cloud-installation.ts';
import { FakeSurroundings } from './fake-surroundings.ts';

const ACCOUNT = 'arn:aws:iam::123456789012';
const PROVIDER_ARN = `${ACCOUNT}:oidc-provider/sts.example.org`;
const ROLE = `${ACCOUNT}:role/reports`;
const AWS = mapping('reports', `{ aws: { roleArn: '${ROLE}', region: eu-west-1, tags: { team: pay, pod: '{pod}' } } }`);
const HOP = mapping(
  'hop',
  `{ aws: { roleArn: '${ROLE}', region: eu-west-1, secondHop: { roleArn: 'arn:aws:iam::210987654321:role/far', externalId: pay } } }`,
  { subject: `{ issuer: prod-eu, namespace: payments, serviceAccount: '*' }` },
);
const POOL = 'projects/42/locations/global/workloadIdentityPools/carnet';
const PROVIDER = `//iam.googleapis.com/${POOL}/providers/carnet`;
const ARCHIVE = 'archive@acme.iam.gserviceaccount.com';
const GCP = mapping('archive', `{ gcp: { provider: '${PROVIDER}', serviceAccount: ${ARCHIVE} } }`);
const CLIENT = '22222222-2222-2222-2222-222222222222';
const AZURE = mapping(
  'blob',
  `{ azure: { tenant: 11111111-1111-1111-1111-111111111111, clientId: ${CLIENT}, scopes: [https://storage.azure.com/.default] } }`,
);

async function trust(folder: string, args: readonly string[], more: { input?: string; terminal?: boolean } = {}) {
  const around = new FakeSurroundings({ workingDirectory: folder, ...more });
  const exitCode = await run(['trust', ...args], around);
  return { exitCode, out: around.stdout, err: around.stderr };
}

async function partsOf(folder: string, ...args: readonly string[]) {
  const { exitCode, out } = await trust(folder, [...args, '-o', 'json']);
  expect(exitCode).toBe(0);
  const parts: { label: string; desired: unknown; mappings: string[] }[] = JSON.parse(out).parts;
  return new Map(parts.map((part) => [part.label, part]));
}

/** Runs the read script with command lines of clouds that print what they are told, by the last word of `match`. */
async function readBack(folder: string, script: string, answers: readonly (readonly [string, unknown])[]) {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  const cases = answers.map(([match, answer], index) => {
    writeFileSync(join(bin, `${index}.json`), JSON.stringify(answer, null, 2));
    return `*${JSON.stringify(match)}*) cat ${bin}/${index}.json ;;`;
  });
  for (const name of ['aws', 'gcloud', 'az']) {
    const lines = ['#!/bin/sh', 'case "$*" in', ...cases, '*) echo NoSuchEntity >&2; exit 254 ;;', 'esac'];
    writeFileSync(join(bin, name), `${lines.join('\n')}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const env = { PATH: `${bin}:${process.env['PATH']}` };
  return (await promisify(execFile)('sh', ['-c', script], { env })).stdout;
}

describe('carnet trust aws (DESIGN section 12, clouds.md 1.1)', () => {
  test('pins sub, aud, source identity and the tags that are the same for all whom a mapping selects', async () => {
    const parts = await partsOf(cloudInstallation([AWS]), 'aws', 'reports');
    expect(parts.get(PROVIDER_ARN)?.desired).toEqual({
      Url: 'https://sts.example.org',
      ClientIDList: ['sts.amazonaws.com'],
    });
    expect(parts.get(ROLE)?.desired).toEqual({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Federated: PROVIDER_ARN },
          Action: ['sts:AssumeRoleWithWebIdentity', 'sts:TagSession', 'sts:SetSourceIdentity'],
          Condition: {
            StringEquals: {
              'sts.example.org:aud': 'sts.amazonaws.com',
              'sts.example.org:sub': 'mapping:reports',
              'sts:SourceIdentity': 'payments.reporter',
              'aws:RequestTag/carnet:issuer': 'prod-eu',
              'aws:RequestTag/carnet:namespace': 'payments',
              'aws:RequestTag/carnet:serviceAccount': 'reporter',
              'aws:RequestTag/carnet:mapping': 'reports',
              'aws:RequestTag/team': 'pay',
            },
            Bool: { 'sts:RoleAuthorizedByIdp': 'true' },
          },
        },
      ],
    });
  });

  test('asks for no source identity and ServiceAccount where a mapping selects many, and warns of it', async () => {
    const subject = `{ issuer: prod-eu, namespace: payments, serviceAccount: '*' }`;
    const folder = cloudInstallation([
      mapping('wide', `{ aws: { roleArn: '${ROLE}', region: eu-west-1 } }`, { subject }),
    ]);
    const { exitCode, out, err } = await trust(folder, ['aws', 'wide']);
    expect(exitCode).toBe(0);
    expect(out).toContain('"aws:RequestTag/carnet:namespace": "payments"');
    expect(out).not.toMatch(/SourceIdentity"?:|carnet:serviceAccount/);
    expect(err).toMatch(/warning .*spec\.subject\.serviceAccount/);
  });

  test.each([
    ['prod-eu', 'spiffe://example.org/cluster/prod-eu/ns/payments/sa/reporter', undefined],
    ['ci', 'spiffe://example.org/ci/payments', 'by-id'],
  ])(
    'knows the source identity behind a SPIFFE ID of %s only where it is named after the mapping',
    async (issuer, spiffeId, name) => {
      const ci = `apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: ci }
spec:
  issuer: https://ci.example.org
  audiences: [https://sts.example.org]
  keys: { discovery: {} }
  oidc: { spiffePath: '/ci/{claims.project}' }
`;
      const byId = mapping('by-id', `{ aws: { roleArn: '${ROLE}', region: eu-west-1 } }`, {
        subject: `{ issuer: ${issuer}, spiffeId: '${spiffeId}' }`,
      });
      const parts = await partsOf(cloudInstallation([ci, byId]), 'aws', 'by-id');
      const text = JSON.stringify(parts.get(ROLE)?.desired);
      expect(/"sts:SourceIdentity":"(.*?)"/.exec(text)?.[1]).toBe(name);
    },
  );

  test('keeps the other mappings of a role in its policy, whichever is asked for: it replaces the whole', async () => {
    const parts = await partsOf(cloudInstallation([AWS, HOP]), 'aws', 'reports');
    const subjects = JSON.stringify(parts.get(ROLE)?.desired).match(/mapping:\w+/g);
    expect(subjects).toEqual(['mapping:hop', 'mapping:reports']);
    expect([...parts.keys()]).toEqual([PROVIDER_ARN, ROLE]);
  });

  test('lets a second role be assumed by the first one, in sessions of this mapping alone', async () => {
    const parts = await partsOf(cloudInstallation([AWS, HOP]), 'aws', 'hop');
    const Action = ['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity'];
    expect(parts.get('arn:aws:iam::210987654321:role/far')?.desired).toMatchObject({
      Statement: [
        {
          Principal: { AWS: ROLE },
          Action,
          Condition: {
            StringEquals: {
              'sts:ExternalId': 'pay',
              'aws:PrincipalTag/carnet:mapping': 'hop',
              'aws:PrincipalTag/carnet:namespace': 'payments',
            },
          },
        },
      ],
    });
    expect(parts.get(`${ROLE} carnet-second-role`)?.desired).toMatchObject({
      Statement: [{ Action, Resource: ['arn:aws:iam::210987654321:role/far'] }],
    });
  });

  test('prints a role once that one mapping assumes itself and another as its second, with both in its policy', async () => {
    const back = mapping(
      'back',
      `{ aws: { roleArn: 'arn:aws:iam::210987654321:role/far', region: eu-west-1, secondHop: { roleArn: '${ROLE}' } } }`,
      { subject: `{ issuer: prod-eu, namespace: payments, serviceAccount: back }` },
    );
    const folder = cloudInstallation([AWS, back]);
    for (const asked of ['reports', 'back', '--all']) {
      const parts: { label: string; mappings: string[]; desired: { Statement: { Action: string[] }[] } }[] = JSON.parse(
        (await trust(folder, ['aws', asked, '-o', 'json'])).out,
      ).parts;
      const [role, ...others] = parts.filter(({ label }) => label === ROLE);
      expect([role?.mappings, others]).toEqual([['reports', 'back'], []]);
      expect(role?.desired.Statement.map(({ Action }) => Action[0])).toEqual([
        'sts:AssumeRoleWithWebIdentity',
        'sts:AssumeRole',
      ]);
    }
    const terraform = (await trust(folder, ['aws', '--all', '-o', 'terraform'])).out;
    const names = [...terraform.matchAll(/^resource (.*) \{$/gm)].map(([, name]) => name);
    expect(names).toHaveLength(new Set(names).size);
  });

  test('has one provider for each account', async () => {
    const other = mapping('other', `{ aws: { roleArn: 'arn:aws:iam::210987654321:role/x', region: eu-west-1 } }`);
    const parts = await partsOf(cloudInstallation([AWS, HOP, other]), 'aws', '--all');
    const providers = [...parts.keys()].filter((label) => label.includes(':oidc-provider/'));
    expect(providers.sort()).toEqual([PROVIDER_ARN, 'arn:aws:iam::210987654321:oidc-provider/sts.example.org']);
  });

  test('warns where the policy of a role is larger than the default quota, and refuses beyond the greatest', async () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, index) =>
        mapping(`m-${index}`, `{ aws: { roleArn: '${ROLE}', region: eu-west-1 } }`, {
          subject: `{ issuer: prod-eu, namespace: n-${index}, serviceAccount: a }`,
        }),
      );
    const few = await trust(cloudInstallation(many(4)), ['aws', '--all']);
    expect([few.exitCode, few.err]).toEqual([0, expect.stringMatching(/warning .*roleArn .*characters/)]);
    const crowd = await trust(cloudInstallation(many(16)), ['aws', '--all']);
    expect([crowd.exitCode, crowd.err]).toEqual([1, expect.stringMatching(/error .*roleArn .*several roles/)]);
  });

  test.each([
    [4, 0, /^$/],
    [6, 0, /warning .*secondHop\.roleArn .*characters/],
    [24, 1, /error .*secondHop\.roleArn .*several roles/],
  ])('weighs the policy of a second role too: %i mappings', async (count, exitCode, findings) => {
    const many = Array.from({ length: count }, (_, index) =>
      mapping(
        `m-${index}`,
        `{ aws: { roleArn: 'arn:aws:iam::123456789012:role/r-${index}', region: eu-west-1, secondHop: { roleArn: 'arn:aws:iam::210987654321:role/far' } } }`,
        { subject: `{ issuer: prod-eu, namespace: n-${index}, serviceAccount: a }` },
      ),
    );
    const found = await trust(cloudInstallation(many), ['aws', '--all']);
    expect([found.exitCode, found.err]).toEqual([exitCode, expect.stringMatching(findings)]);
  });

  test('writes Terraform in which nothing of a name is a template', async () => {
    const tag = mapping('t', `{ aws: { roleArn: '${ROLE}', region: eu-west-1, sessionName: 'a', tags: { k: v } } }`);
    const { out } = await trust(cloudInstallation([tag]), ['aws', 't', '-o', 'terraform']);
    expect(out).toContain('resource "aws_iam_openid_connect_provider"');
    expect(out).toContain('client_id_list = ["sts.amazonaws.com"]');
    expect(out).toContain('assume_role_policy = jsonencode({');
  });

  test('writes JSON as terraform fmt does, and changes nothing of a text that looks like it', async () => {
    const repository = `"a": 1\n  "b": $\{c} %{d} \\ "e" :`;
    const ci = mapping(
      'ci',
      `{ aws: { roleArn: '${ROLE}', region: eu-west-1, tags: { repo: '{claims.repository}' } } }`,
      {
        subject: `{ issuer: github, claims: { repository: ${JSON.stringify(repository)} } }`,
      },
    );
    const folder = cloudInstallation([ci]);
    const { out } = await trust(folder, ['aws', 'ci', '-o', 'terraform']);
    const [, written = ''] = /assume_role_policy = jsonencode\((\{.*?\n {2}\})\)\n/s.exec(out) ?? [];
    expect(written).toMatch(/^ +"aws:RequestTag\/repo" : "/m);
    const read = written.replaceAll(/^( *"[^"]+") : /gm, '$1: ').replaceAll(/([$%])[$%]\{/g, '$1{');
    expect(JSON.parse(read)).toEqual((await partsOf(folder, 'aws', 'ci')).get(ROLE)?.desired);
    expect(JSON.stringify(JSON.parse(read))).toContain(JSON.stringify(repository));
  });
});

describe('carnet trust gcp (clouds.md 1.2)', () => {
  test('maps the subject and the claims that every assertion has, and takes these mappings alone', async () => {
    const ci = mapping('deploy', `{ gcp: { provider: '${PROVIDER}', serviceAccount: ${ARCHIVE} } }`, {
      subject: `{ issuer: github, claims: { repository_id: "987654" } }`,
    });
    const pods = await partsOf(cloudInstallation([GCP]), 'gcp', 'archive');
    expect(pods.get(PROVIDER)?.desired).toEqual({
      oidc: { issuerUri: 'https://sts.example.org', allowedAudiences: [PROVIDER] },
      attributeMapping: {
        'google.subject': 'assertion.sub',
        'attribute.carnet_issuer': 'assertion.carnet_issuer',
        'attribute.carnet_namespace': 'assertion.carnet_namespace',
        'attribute.carnet_service_account': 'assertion.carnet_service_account',
        'attribute.carnet_spiffe_id': 'assertion.carnet_spiffe_id',
      },
      attributeCondition: "assertion.sub == 'mapping:archive'",
    });
    const both = await partsOf(cloudInstallation([GCP, ci]), 'gcp', 'archive');
    expect(both.get(PROVIDER)?.desired).toMatchObject({
      attributeMapping: {
        'google.subject': 'assertion.sub',
        'attribute.carnet_issuer': 'assertion.carnet_issuer',
      },
      attributeCondition: "assertion.sub in ['mapping:archive', 'mapping:deploy']",
    });
  });

  test('binds the one subject to the service account, and goes through delegates in order', async () => {
    const principal = `principal://iam.googleapis.com/${POOL}/subject/mapping:archive`;
    const direct = await partsOf(cloudInstallation([GCP]), 'gcp', 'archive');
    expect(direct.get(ARCHIVE)?.desired).toEqual({
      bindings: [{ role: 'roles/iam.workloadIdentityUser', members: [principal] }],
    });
    // gcloud asks which condition is meant, and a script it refuses, where the policy has one already.
    expect((await trust(cloudInstallation([GCP]), ['gcp', 'archive'])).out).toMatch(
      /add-iam-policy-binding [^#]*--member principal:[^ ]+mapping:archive \\\n {2}--condition None\n/,
    );
    const middle = 'middle@acme.iam.gserviceaccount.com';
    const chain = `{ gcp: { provider: '${PROVIDER}', serviceAccount: ${ARCHIVE}, delegates: [${middle}] } }`;
    const chained = await partsOf(cloudInstallation([mapping('archive', chain)]), 'gcp', 'archive');
    const role = 'roles/iam.serviceAccountTokenCreator';
    expect(chained.get(middle)?.desired).toEqual({ bindings: [{ role, members: [principal] }] });
    expect(chained.get(ARCHIVE)?.desired).toEqual({ bindings: [{ role, members: [`serviceAccount:${middle}`] }] });
  });

  test.each([
    [ARCHIVE, 'acme'],
    ['42-compute@developer.gserviceaccount.com', '-'],
    ['acme@appspot.gserviceaccount.com', '-'],
    ['archive@acme.example.com.iam.gserviceaccount.com', '-'],
  ])('names %s to Terraform with the project that its email says, %s', async (account, project) => {
    const target = `{ gcp: { provider: '${PROVIDER}', serviceAccount: ${account} } }`;
    const { out } = await trust(cloudInstallation([mapping('archive', target)]), ['gcp', 'archive', '-o', 'terraform']);
    expect(out).toContain(`  service_account_id = "projects/${project}/serviceAccounts/${account}"\n`);
  });

  test('refuses more mappings of a provider than its condition can name', async () => {
    const target = `{ gcp: { provider: '${PROVIDER}' } }`;
    const many = Array.from({ length: 120 }, (_, index) =>
      mapping(`a-mapping-with-a-name-of-some-length-${index}`, target, {
        subject: `{ issuer: prod-eu, namespace: n-${index}, serviceAccount: a }`,
      }),
    );
    const { exitCode, err } = await trust(cloudInstallation(many), ['gcp', '--all']);
    expect([exitCode, err]).toEqual([1, expect.stringMatching(/error .*gcp\.provider .*several providers/)]);
  });
});

describe('the Terraform of one mapping', () => {
  /** Names that are used, and not declared. */
  const undeclared = (text: string) => {
    const declared = new Set(
      [...text.matchAll(/^(?:resource|data) "(\w+)" "(\w+)"/gm)].map(([, type, name]) => `${type}.${name}`),
    );
    const used = [...text.matchAll(/\b((?:aws|google|azuread)_\w+\.carnet_\w+)/g)].map(([, name]) => name);
    return { used: used.length, missing: used.filter((name) => !declared.has(name ?? '')) };
  };
  const far = (name: string, first: string) =>
    mapping(
      name,
      `{ aws: { roleArn: '${ACCOUNT}:role/${first}', region: eu-west-1, secondHop: { roleArn: '${ACCOUNT}:role/far' } } }`,
      { subject: `{ issuer: prod-eu, namespace: payments, serviceAccount: ${name} }` },
    );
  const pooled = (name: string, pool: string) =>
    mapping(
      name,
      `{ gcp: { provider: '${PROVIDER.replace('Pools/carnet', `Pools/${pool}`)}', serviceAccount: ${ARCHIVE} } }`,
      {
        subject: `{ issuer: prod-eu, namespace: payments, serviceAccount: ${name} }`,
      },
    );

  test.each([
    ['aws', [far('one', 'a'), far('two', 'b')], 'aws_iam_role'],
    ['gcp', [pooled('one', 'pool-a'), pooled('two', 'pool-b')], 'google_iam_workload_identity_pool'],
  ])('names nothing of others that it does not declare, and of its own all: %s', async (cloud, mappings, type) => {
    const folder = cloudInstallation(mappings);
    const one = (await trust(folder, [cloud, 'one', '-o', 'terraform'])).out;
    const all = (await trust(folder, [cloud, '--all', '-o', 'terraform'])).out;
    expect([undeclared(one).missing, undeclared(all).missing]).toEqual([[], []]);
    expect(one).toMatch(new RegExp(`depends_on +=.*${type}`));
    expect(undeclared(all).used).toBeGreaterThan(undeclared(one).used);
  });
});

describe('carnet trust azure (clouds.md 1.3)', () => {
  test('gives each mapping a credential with the audience of its cloud', async () => {
    const china = AZURE.replace('name: blob', 'name: cn').replace('scopes:', 'cloud: china, scopes:');
    const parts = await partsOf(cloudInstallation([AZURE, china.replace('reporter', 'other')]), 'azure', '--all');
    expect([...parts.values()].map(({ desired }) => desired)).toEqual([
      [
        {
          name: 'carnet-blob',
          issuer: 'https://sts.example.org',
          subject: 'mapping:blob',
          audiences: ['api://AzureADTokenExchange'],
        },
        {
          name: 'carnet-cn',
          issuer: 'https://sts.example.org',
          subject: 'mapping:cn',
          audiences: ['api://AzureADTokenExchangeChina'],
        },
      ],
    ]);
  });

  test.each([
    [20, 0],
    [21, 1],
  ])('takes %i mappings of one application with %i', async (count, expected) => {
    const many = Array.from({ length: count }, (_, index) =>
      AZURE.replace('name: blob', `name: blob-${index}`).replace('reporter', `reporter-${index}`),
    );
    const { exitCode, err } = await trust(cloudInstallation(many), ['azure', '--all']);
    expect([exitCode, err.includes('azure.clientId')]).toEqual([expected, expected === 1]);
  });
});

describe('carnet trust --against: what the clouds have', () => {
  const role = (policy: unknown) => ({ Role: { Arn: ROLE, AssumeRolePolicyDocument: policy } });

  async function awsCheck(change: (desired: string) => string, options: { terminal?: boolean } = {}) {
    const folder = cloudInstallation([AWS]);
    const parts = await partsOf(folder, 'aws', 'reports');
    const policy = parts.get(ROLE)?.desired;
    const script = (await trust(folder, ['aws', 'reports', '-o', 'read-script'])).out;
    const input = await readBack(folder, script, [
      ['get-caller-identity', 123456789012],
      ['get-open-id-connect-provider', { Url: 'sts.example.org', ClientIDList: ['sts.amazonaws.com'] }],
      ['get-role', JSON.parse(change(JSON.stringify(role(policy))))],
    ]);
    return await trust(folder, ['aws', 'reports', '--against', '-'], { input, ...options });
  }

  test('is as it should be where the cloud has what was printed, whatever the order and form', async () => {
    const reordered = (text: string) =>
      text
        .replace(
          '["sts:AssumeRoleWithWebIdentity","sts:TagSession",',
          '["sts:TagSession","sts:AssumeRoleWithWebIdentity",',
        )
        .replace('"sts.amazonaws.com"', '["sts.amazonaws.com"]')
        .replace('"true"', 'true')
        .replace('"Effect"', '"Sid":"x","Effect"');
    const { exitCode, out } = await awsCheck(reordered);
    expect([exitCode, out]).toEqual([0, expect.stringContaining('2 parts, 0 not as they should be')]);
  });

  test.each([
    [
      'another subject',
      (text: string) => text.replace('mapping:reports', 'mapping:other'),
      'mapping:other\n         - allows',
    ],
    ['no RoleAuthorizedByIdp', (text: string) => text.replace(/"Bool":\{[^}]*\}/, '"Bool":{}'), '+ true'],
    [
      'one more statement with a wildcard',
      (text: string) =>
        text.replace(
          '"Statement":[',
          `"Statement":[{"Effect":"Allow","Principal":{"Federated":"${PROVIDER_ARN}"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringLike":{"sts.example.org:sub":"mapping:*"}}},`,
        ),
      'with a wildcard in stringlike sts.example.org:sub',
    ],
  ])('finds %s and ends with 1', async (_, change, shown) => {
    const { exitCode, out } = await awsCheck(change);
    expect([exitCode, out]).toEqual([1, expect.stringContaining(shown)]);
    expect(out).toContain('1 not as they should be');
  });

  test('calls absent what the cloud would not show', async () => {
    const folder = cloudInstallation([AWS]);
    const script = (await trust(folder, ['aws', 'reports', '-o', 'read-script'])).out;
    const input = await readBack(folder, script, [['get-caller-identity', 123456789012]]);
    const { exitCode, out } = await trust(folder, ['aws', 'reports', '--against', '-', '-o', 'json'], { input });
    expect(exitCode).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ drifted: 2, parts: [{ state: 'absent' }, { state: 'absent' }] });
  });

  test('has colours on a terminal, and none elsewhere', async () => {
    const change = (text: string) => text.replace('mapping:reports', 'mapping:other');
    expect((await awsCheck(change, { terminal: true })).out).toContain('\u001b[31m');
    expect((await awsCheck(change)).out).not.toContain('\u001b');
  });

  const live = {
    pool: { name: POOL, state: 'ACTIVE' },
    provider: {
      name: `${POOL}/providers/carnet`,
      state: 'ACTIVE',
      oidc: { issuerUri: 'https://sts.example.org' },
      attributeMapping: {
        'google.subject': 'assertion.sub',
        'attribute.carnet_issuer': 'assertion.carnet_issuer',
        'attribute.carnet_namespace': 'assertion.carnet_namespace',
        'attribute.carnet_service_account': 'assertion.carnet_service_account',
        'attribute.carnet_spiffe_id': 'assertion.carnet_spiffe_id',
      },
      attributeCondition: "assertion.sub == 'mapping:archive'",
    },
    policy: {
      bindings: [
        { role: 'roles/iam.serviceAccountUser', members: ['user:somebody@example.org'] },
        {
          role: 'roles/iam.workloadIdentityUser',
          members: [`principal://iam.googleapis.com/${POOL}/subject/mapping:archive`],
        },
      ],
    },
  };

  test.each([
    ['as printed, beside other people’s bindings', (text: string) => text, 0, '0 not as they should be'],
    [
      'without its condition',
      (text: string) => text.replace(/,"attributeCondition":"[^"]*"/, ''),
      1,
      "+ assertion.sub == 'mapping:archive'",
    ],
    [
      'with keys that somebody uploaded, in place of those that Carnet publishes',
      (text: string) => text.replace('"issuerUri"', '"jwksJson":"{\\"keys\\":[]}","issuerUri"'),
      1,
      'oidc.jwksJson\n         - keys of its own',
    ],
    [
      'whose subject may act as the service account under a condition',
      (text: string) =>
        text.replace('"role":"roles/iam.workloadIdentityUser"', '"condition":{"expression":"false"},$&'),
      1,
      'mapping:archive under a condition',
    ],
    ['switched off', (text: string) => text.replaceAll('"ACTIVE"', '"ACTIVE","disabled":true'), 1, '- true'],
    [
      'whose whole pool may act as the service account',
      (text: string) =>
        text.replace('"members":["principal:', `"members":["principalSet://iam.googleapis.com/${POOL}/*","principal:`),
      1,
      'principalSet://',
    ],
  ])('judges a provider %s', async (_, change, expected, shown) => {
    const folder = cloudInstallation([GCP]);
    const script = (await trust(folder, ['gcp', 'archive', '-o', 'read-script'])).out;
    const changed: typeof live = JSON.parse(change(JSON.stringify(live)));
    const input = await readBack(folder, script, [
      ['providers describe', changed.provider],
      ['workload-identity-pools describe', changed.pool],
      ['get-iam-policy', changed.policy],
    ]);
    const { exitCode, out } = await trust(folder, ['gcp', 'archive', '--against', '-'], { input });
    expect([exitCode, out]).toEqual([expected, expect.stringContaining(shown)]);
  });

  const credential = {
    id: '1',
    name: 'anything',
    description: null,
    issuer: 'https://sts.example.org',
    subject: 'mapping:blob',
    audiences: ['api://AzureADTokenExchange'],
  };

  test.each([
    ['the credential under any name', [credential, { ...credential, issuer: 'https://other.example' }], 0],
    ['another audience', [{ ...credential, audiences: ['api://other'] }], 1],
    ['a subject of Carnet that no mapping has', [credential, { ...credential, subject: 'mapping:gone' }], 1],
    ['no credential', [], 1],
  ])('judges an application with %s', async (_, answer, expected) => {
    const folder = cloudInstallation([AZURE]);
    const script = (await trust(folder, ['azure', 'blob', '-o', 'read-script'])).out;
    const input = await readBack(folder, script, [['federated-credential list', answer]]);
    const file = join(folder, 'live.json');
    writeFileSync(file, input);
    expect((await trust(folder, ['azure', 'blob', '--against', 'live.json'])).exitCode).toBe(expected);
  });

  test('shows nothing that a terminal acts on of what the cloud has, and says the same in JSON', async () => {
    const subject = 'mapping:\u202eg\u009bone';
    const folder = cloudInstallation([AZURE]);
    const script = (await trust(folder, ['azure', 'blob', '-o', 'read-script'])).out;
    const answer = [credential, { ...credential, subject }];
    const input = await readBack(folder, script, [['federated-credential list', answer]]);
    const text = await trust(folder, ['azure', 'blob', '--against', '-'], { input });
    const json = await trust(folder, ['azure', 'blob', '--against', '-', '-o', 'json'], { input });
    expect(text.out + json.out).not.toMatch(/[\u202e\u009b]/);
    expect(JSON.parse(json.out).parts[0].differences[0].found).toBe(subject);
  });

  test.each([
    ['no JSON', 'nothing'],
    ['half an answer', '"a" {"b": '],
    ['an answer without its label', '{}'],
    ['two answers behind one label', '"a" {} {}'],
  ])('refuses %s with 78', async (_, input) => {
    const { exitCode, out } = await trust(cloudInstallation([AZURE]), ['azure', 'blob', '--against', '-'], { input });
    expect([exitCode, out]).toEqual([78, '']);
  });

  test('refuses a file that is not there with 78', async () => {
    const { exitCode, err } = await trust(cloudInstallation([AZURE]), ['azure', 'blob', '--against', 'gone.json']);
    expect([exitCode, err]).toEqual([78, expect.stringContaining('gone.json')]);
  });
});

describe('carnet trust: what it refuses to derive trust from', () => {
  test.each([
    ['neither a mapping nor --all', []],
    ['both', ['reports', '--all']],
    ['a mapping that is not there', ['report']],
    ['a mapping of another cloud', ['archive']],
  ])('refuses %s with 2', async (_, args) => {
    const { exitCode, out } = await trust(cloudInstallation([AWS, GCP]), ['aws', ...args]);
    expect([exitCode, out]).toEqual([2, '']);
  });

  test('suggests the nearest mapping', async () => {
    expect((await trust(cloudInstallation([AWS]), ['aws', 'report'])).err).toContain('did you mean reports?');
  });

  test('refuses resources with a fault anywhere with 78: a mapping left out would be cut off', async () => {
    const broken = AWS.replace('name: reports', 'name: broken').replace('role/reports', 'user/reports');
    const { exitCode, out, err } = await trust(cloudInstallation([AWS, broken]), ['aws', 'reports']);
    expect([exitCode, out]).toEqual([78, '']);
    expect(err).toContain('carnet check');
  });

  test('ends with 1 for an issuer that no cloud would fetch keys from', async () => {
    const development = PRODUCTION.replace('https://sts.example.org', 'http://127.0.0.1:8080').replace(
      /listeners:.*?(?=resources)/s,
      'development: true\nlisten: { host: 127.0.0.1, port: 8080 }\n',
    );
    const { exitCode, err } = await trust(cloudInstallation([AWS], { 'carnet.yaml': development }), ['aws', 'reports']);
    expect(exitCode).toBe(1);
    expect(err).toMatch(/error .*issuer .*https issuers only/);
    expect(err).toMatch(/error .*issuer .*no port/);
  });
});
