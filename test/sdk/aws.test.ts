import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AwsSts } from '../fakes/aws-sts.ts';
import { AwsVault } from '../fakes/aws-vault.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { freePort } from '../support/running-carnet.ts';
import { LANGUAGES, type Language, run } from './programs.ts';
import { openStage, type Stage } from './stage.ts';

const ROLE = 'arn:aws:iam::123456789012:role/reports';
const LOOPBACK_ROLE = 'arn:aws:iam::123456789012:role/reports-by-sidecar';
const AUDIENCES = ['sts.amazonaws.com'];
const CARNET = join(import.meta.dirname, '../../bin/carnet');

const mapping = (role: string): string => `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: reports }
spec:
  owner: team-payments@example.org
  subject: { issuer: prod-eu, namespace: payments, serviceAccount: reporter }
  target: { aws: { roleArn: '${role}', region: eu-west-1 } }
  intents: unrestricted
`;

let cluster: FakeCluster;
let sts: AwsSts;
let vault: AwsVault;
let stage: Stage;
/** The same over http, for an SDK that trusts no private authority. */
let loopback: Stage;

beforeAll(async () => {
  cluster = await FakeCluster.start();
  const ports = [await freePort(), await freePort()] as const;
  const [provider = '', ...others] = ports.map((port) => `http://127.0.0.1:${port}`);
  const trust = { audiences: AUDIENCES, subjects: ['mapping:reports'], requireRoleAuthorizedByIdp: true };
  sts = await AwsSts.start({
    providers: [provider, ...others].map((url) => ({ url, clientIds: AUDIENCES })),
    roles: [
      { arn: ROLE, provider, ...trust },
      ...others.map((other) => ({ arn: LOOPBACK_ROLE, provider: other, ...trust })),
    ],
  });
  vault = await AwsVault.start(sts);
  const clouds = `{ aws: { stsEndpoint: '${sts.url}' } }`;
  stage = await openStage({ cluster, resources: mapping(ROLE), clouds, issuerPort: ports[0] });
  const plain = { cluster, resources: mapping(LOOPBACK_ROLE), clouds, issuerPort: ports[1], plain: true };
  loopback = await openStage(plain);
  // SDKs give up after a second, which the first credential of a process may take on a busy machine.
  const authorization = await readFile(loopback.tokenFile, 'utf8');
  expect((await fetch(`${loopback.workloadUrl}/sdk/aws/reports`, { headers: { authorization } })).status).toBe(200);
});

afterAll(async () => {
  await Promise.all([stage.stop(), loopback.stop()]);
  await Promise.all([cluster.close(), sts.close(), vault.close()]);
});

function environment(more: Readonly<Record<string, string>>): Record<string, string> {
  return {
    ...stage.environment,
    AWS_REGION: 'eu-west-1',
    AWS_DEFAULT_REGION: 'eu-west-1',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_ENDPOINT_URL_SECRETS_MANAGER: vault.url,
    ...more,
  };
}

interface Surface {
  readonly name: string;
  readonly role: string;
  readonly environment: (tokenFile: string) => Record<string, string> | Promise<Record<string, string>>;
}

function container({ workloadUrl }: Stage, address: string, tokenFile: string): Record<string, string> {
  return {
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${workloadUrl}/sdk/aws/${encodeURIComponent(address)}`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: tokenFile,
  };
}

const BY_HTTPS: Surface = {
  name: 'the container endpoint over https',
  role: ROLE,
  environment: (tokenFile) => container(stage, 'reports', tokenFile),
};

const BY_STS: Surface = {
  name: 'web identity at AWS_ENDPOINT_URL_STS',
  role: ROLE,
  environment: (tokenFile) => ({
    AWS_ENDPOINT_URL_STS: `${stage.workloadUrl}/sdk/aws`,
    AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
    AWS_ROLE_ARN: ROLE,
  }),
};

const SURFACES: readonly Surface[] = [
  BY_HTTPS,
  {
    name: 'the container endpoint over http on loopback, at the ARN of the role',
    role: LOOPBACK_ROLE,
    environment: (tokenFile) => container(loopback, LOOPBACK_ROLE, tokenFile),
  },
  BY_STS,
  {
    name: 'credential_process',
    role: ROLE,
    environment: async (tokenFile) => {
      const config = join(stage.folder, 'config');
      const command = [CARNET, 'exchange', '--endpoint', stage.workloadUrl, '--token-file', tokenFile];
      const line = [...command, '--audience', 'reports', '--output', 'credential-process'].join(' ');
      await writeFile(config, `[default]\nregion = eu-west-1\ncredential_process = ${line}\n`);
      return { AWS_CONFIG_FILE: config };
    },
  },
];

interface Impossible {
  readonly language: string;
  readonly surface: Surface;
  readonly because: string;
  /** What the program says. */
  readonly message: RegExp;
}

/** Cells that no setting makes work; docs/sdks.md names them, and what to use instead. */
const IMPOSSIBLE: readonly Impossible[] = [
  {
    language: 'Python',
    surface: BY_HTTPS,
    because: 'there it trusts the authorities of certifi alone, not AWS_CA_BUNDLE',
    message: /CERTIFICATE_VERIFY_FAILED/,
  },
  {
    language: 'Java',
    surface: BY_STS,
    because: 'it leaves out the path of AWS_ENDPOINT_URL_STS',
    message: /Service: Sts, Status Code: 404/,
  },
];

describe.each(LANGUAGES)('The AWS SDK for $name, unmodified', ({ name, command }: Language) => {
  const program = command('aws');
  const impossible = IMPOSSIBLE.filter(({ language }) => language === name);
  const surfaces = SURFACES.filter((surface) => !impossible.some((cell) => cell.surface === surface));

  test.skipIf(program === undefined).each(surfaces)(
    'reads a secret with a session that STS gave to Carnet, by $name',
    async ({ role, environment: variables }) => {
      const before = vault.reads.length;
      const outcome = await run(program ?? [], environment(await variables(stage.tokenFile)));
      expect(outcome, outcome.stderr).toMatchObject({ stdout: vault.secret, status: 0 });
      expect(vault.reads.slice(before)).toEqual([role]);
    },
  );

  test.skipIf(program === undefined).each(surfaces)(
    'reads nothing for a workload that no mapping selects, and AWS hears nothing of it, by $name',
    async ({ environment: variables }) => {
      const before = [vault.reads.length, sts.calls.length];
      const outcome = await run(program ?? [], environment(await variables(stage.strangerTokenFile)));
      expect([outcome.status, outcome.stdout]).toEqual([1, '']);
      expect([vault.reads.length, sts.calls.length]).toEqual(before);
    },
  );

  for (const { surface, because, message } of impossible) {
    test.skipIf(program === undefined)(`gets nothing by ${surface.name}: ${because}`, async () => {
      const outcome = await run(program ?? [], environment(await surface.environment(stage.tokenFile)));
      expect([outcome.status, outcome.stdout]).toEqual([1, '']);
      expect(outcome.stderr).toMatch(message);
    });
  }
});
