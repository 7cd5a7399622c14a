import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../src/cli/program.ts';
import { FakeSurroundings } from '../cli/fake-surroundings.ts';
import { AwsSts } from '../fakes/aws-sts.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { Entra } from '../fakes/entra.ts';
import { Gcp } from '../fakes/gcp.ts';
import {
  AUDIENCE,
  clusterIssuer,
  exchangeForm,
  freePort,
  type Installation,
  install,
  type RunningCarnet,
  start,
} from '../support/running-carnet.ts';

const ROLE = 'arn:aws:iam::123456789012:role/reports';
const FAR = 'arn:aws:iam::210987654321:role/far';
const PROVIDER = '//iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/carnet/providers/carnet';
const MIDDLE = 'middle@acme.iam.gserviceaccount.com';
const ARCHIVE = 'archive@acme.iam.gserviceaccount.com';
const TENANT = '11111111-1111-1111-1111-111111111111';
const CLIENT = '22222222-2222-2222-2222-222222222222';

const mapping = (name: string, target: string) => `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: ${name} }
spec:
  owner: team-payments@example.org
  subject: { issuer: prod-eu, namespace: payments, serviceAccount: reporter }
  target: ${target}
  intents: unrestricted
  residual: { accept: [ttl], reason: Entra chooses lifetimes itself }
---
`;
const RESOURCES = [
  mapping('reports', `{ aws: { roleArn: '${ROLE}', region: eu-west-1, tags: { cluster: '{cluster}', team: pay } } }`),
  mapping(
    'far',
    `{ aws: { roleArn: '${ROLE}-far', region: eu-west-1, secondHop: { roleArn: '${FAR}', externalId: pay } } }`,
  ),
  mapping(
    'archive',
    `{ gcp: { provider: '${PROVIDER}', serviceAccount: ${ARCHIVE}, delegates: [${MIDDLE}], scopes: ['https://www.googleapis.com/auth/devstorage.read_only'] } }`,
  ),
  mapping(
    'blob',
    `{ azure: { tenant: ${TENANT}, clientId: ${CLIENT}, scopes: ['https://storage.azure.com/.default'] } }`,
  ),
].join('');

interface Statement {
  readonly Principal: Readonly<Record<string, string>>;
  readonly Action: readonly string[];
  readonly Condition: { readonly StringEquals: Readonly<Record<string, string>>; readonly Bool?: object };
}
interface Policy {
  readonly Statement: readonly [Statement];
}

let cluster: FakeCluster;
let sts: AwsSts;
let gcp: Gcp;
let entra: Entra;
let files: Installation;
let carnet: RunningCarnet;
const desired = new Map<string, unknown>();

/** The doubles trust what `carnet trust` printed, and nothing else. */
beforeAll(async () => {
  cluster = await FakeCluster.start();
  const port = await freePort();
  files = await install({ cluster, resources: clusterIssuer(cluster) + RESOURCES, port });
  for (const cloud of ['aws', 'gcp', 'azure']) {
    const around = new FakeSurroundings({ workingDirectory: files.folder });
    // Findings, because clouds take no http issuer; the doubles do.
    expect(await run(['trust', cloud, '--all', '-o', 'json'], around)).toBe(1);
    for (const part of JSON.parse(around.stdout).parts) desired.set(part.label, part.desired);
  }
  sts = await AwsSts.start(awsOptions());
  gcp = await Gcp.start(gcpOptions());
  entra = await Entra.start(entraOptions());
  const configText = `${files.configText}clouds:
  aws: { stsEndpoint: '${sts.url}' }
  gcp: { stsEndpoint: '${gcp.url}', iamCredentialsEndpoint: '${gcp.url}' }
  azure: { authorityHost: '${entra.url}' }
`;
  carnet = await start({ ...files, configText });
});

afterAll(async () => {
  await carnet.stop();
  await Promise.all([cluster.close(), sts.close(), gcp.close(), entra.close()]);
  await carnet.remove();
});

function awsOptions() {
  const [provider] = [...desired].flatMap(([label, part]) =>
    label.includes(':oidc-provider/') ? [part as { Url: string; ClientIDList: string[] }] : [],
  );
  if (provider === undefined) throw new Error('no provider');
  const { Url: url, ClientIDList: clientIds } = provider;
  const roles = [ROLE, `${ROLE}-far`].map((arn) => {
    const { Action, Condition } = statementOf(arn);
    const equals = Condition.StringEquals;
    const host = url.replace('http://', '');
    return {
      arn,
      provider: url,
      audiences: [equals[`${host}:aud`] ?? ''],
      subjects: [equals[`${host}:sub`] ?? ''],
      requireRoleAuthorizedByIdp: JSON.stringify(Condition.Bool) === '{"sts:RoleAuthorizedByIdp":"true"}',
      ...luggage(Action),
    };
  });
  const { Principal, Action, Condition } = statementOf(FAR);
  const externalId = Condition.StringEquals['sts:ExternalId'] ?? '';
  const far = { arn: FAR, principals: [Principal['AWS'] ?? ''], externalId, ...luggage(Action) };
  return { providers: [{ url, clientIds }], roles, chainedRoles: [far] };
}

function luggage(actions: readonly string[]) {
  return {
    allowTagSession: actions.includes('sts:TagSession'),
    allowSetSourceIdentity: actions.includes('sts:SetSourceIdentity'),
  };
}

function gcpOptions() {
  const { oidc, ...provider } = desired.get(PROVIDER) as {
    oidc: { issuerUri: string; allowedAudiences: string[] };
    attributeMapping: Record<string, string>;
    attributeCondition: string;
  };
  const serviceAccounts = [MIDDLE, ARCHIVE].map((email) => {
    const { bindings } = desired.get(email) as { bindings: { members: string[] }[] };
    return { email, actors: bindings.flatMap(({ members }) => members) };
  });
  return { providers: [{ name: PROVIDER, ...oidc, ...provider }], serviceAccounts };
}

function entraOptions() {
  const credentials = desired.get(`${TENANT} ${CLIENT}`) as { issuer: string; subject: string; audiences: string[] }[];
  const held = credentials.map(({ issuer, subject, audiences }) => ({ issuer, subject, audience: audiences[0] ?? '' }));
  const applications = [{ tenant: TENANT, clientId: CLIENT, credentials: held }];
  return { applications, resources: ['https://storage.azure.com'] };
}

function statementOf(arn: string): Statement {
  return (desired.get(arn) as Policy).Statement[0];
}

function podToken(): string {
  const boundTo = { kind: 'pod', name: 'reporter-7d9f' } as const;
  return cluster.token({ audiences: [AUDIENCE], serviceAccount: 'reporter', boundTo });
}

async function exchange(address: string): Promise<number> {
  const { status, body } = await carnet.exchange(exchangeForm(podToken(), address));
  expect(body).toHaveProperty('access_token');
  return status;
}

describe('Clouds that were told what carnet trust prints', () => {
  test('give AWS credentials, and every condition of the role holds in the assertion (DESIGN section 8)', async () => {
    expect(await exchange('reports')).toBe(200);
    const claims = sts.calls.at(-1)?.claims ?? {};
    const { principal_tags: tags } = claims['https://aws.amazon.com/tags'] as {
      principal_tags: Record<string, string[]>;
    };
    const context = Object.fromEntries([
      ...Object.entries(tags).map(([key, [value]]) => [`aws:RequestTag/${key}`, value]),
      ['sts:SourceIdentity', claims['https://aws.amazon.com/source_identity']],
    ]);
    const { StringEquals } = statementOf(ROLE).Condition;
    expect(Object.keys(StringEquals)).toEqual(expect.arrayContaining(Object.keys(context)));
    expect(StringEquals).toMatchObject(context);
  });

  test('give AWS credentials of a second role', async () => {
    expect(await exchange('far')).toBe(200);
    expect(sts.calls.at(-1)?.parameters).toMatchObject({ Action: 'AssumeRole', RoleArn: FAR, ExternalId: 'pay' });
  });

  test('give a token of Google Cloud through a delegate', async () => {
    expect(await exchange('archive')).toBe(200);
  });

  test('give it to the unmodified SDK of Google that has the file of carnet onboard', async () => {
    const tokenFile = join(files.folder, 'token');
    await writeFile(tokenFile, podToken());
    const args = ['--endpoint', carnet.url, '--token-file', tokenFile, '--as', 'files', '--out', 'given'];
    expect(await run(['onboard', 'archive', ...args], new FakeSurroundings({ workingDirectory: files.folder }))).toBe(
      0,
    );
    const program = `import { GoogleAuth } from 'google-auth-library';
process.stdout.write(await new GoogleAuth({ scopes: 'https://www.googleapis.com/auth/cloud-platform' }).getAccessToken());`;
    const env = {
      PATH: process.env['PATH'],
      // Else it would ask Google for the project's name.
      GOOGLE_CLOUD_PROJECT: 'acme',
      GOOGLE_APPLICATION_CREDENTIALS: join(files.folder, 'given/google.json'),
    };
    const cwd = join(import.meta.dirname, '../..');
    const child = ['--input-type=module', '--eval', program];
    const { stdout } = await promisify(execFile)(process.execPath, child, { cwd, env });
    const { body } = await carnet.exchange(exchangeForm(podToken(), 'archive'));
    expect([stdout.length > 20, stdout]).toEqual([true, body['access_token']]);
  });

  test('give a token of Entra', async () => {
    expect(await exchange('blob')).toBe(200);
  });
});
