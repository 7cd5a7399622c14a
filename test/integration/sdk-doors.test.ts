import { AssumeRoleWithWebIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AwsSts } from '../fakes/aws-sts.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { AUDIENCE, clusterIssuer, freePort, install, type RunningCarnet, start } from '../support/running-carnet.ts';

const role = (name: string): string => `arn:aws:iam::123456789012:role/${name}`;
const POD = { kind: 'pod', name: 'reporter-7d9f' } as const;
const POLICY = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: ['s3:GetObject'], Resource: 'arn:aws:s3:::reports/*' }],
});

function mapping(name: string, ...more: readonly string[]): string {
  return `---
apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: ${name} }
spec:
  owner: team-payments@example.org
  subject: { issuer: prod-eu, namespace: payments, serviceAccount: reporter }
  target: { aws: { roleArn: '${role(name)}', region: eu-west-1, sessionName: 'chosen-by-{mapping}' } }
  ${more.join('\n  ')}
`;
}

const RESOURCES = [
  mapping('wide', 'intents: unrestricted'),
  mapping('narrow', 'intents: [{ allow: object.read, resource: { bucket: reports } }]'),
  mapping(
    'handed',
    'intents: unrestricted',
    'deliver: assertion',
    'residual: { accept: [ttl], reason: the job asks AWS itself }',
  ),
];

let cluster: FakeCluster;
let sts: AwsSts;
let carnet: RunningCarnet;
let client: STSClient;

beforeAll(async () => {
  cluster = await FakeCluster.start();
  const port = await freePort();
  const provider = `http://127.0.0.1:${port}`;
  const audiences = ['sts.amazonaws.com'];
  sts = await AwsSts.start({
    providers: [{ url: provider, clientIds: audiences }],
    roles: ['wide', 'narrow'].map((name) => ({ arn: role(name), provider, audiences, subjects: [`mapping:${name}`] })),
  });
  const more = `clouds: { aws: { stsEndpoint: '${sts.url}' } }\n`;
  carnet = await start(await install({ cluster, resources: clusterIssuer(cluster) + RESOURCES.join(''), more, port }));
  client = new STSClient({ endpoint: `${carnet.url}/sdk/aws`, region: 'eu-west-1', maxAttempts: 1 });
});

afterAll(async () => {
  client.destroy();
  await carnet.stop();
  await Promise.all([cluster.close(), sts.close()]);
  await carnet.remove();
});

function assume(name: string, more: object = {}) {
  const token = cluster.token({ audiences: [AUDIENCE], serviceAccount: 'reporter', boundTo: POD });
  const asked = { RoleArn: role(name), RoleSessionName: 'chosen-by-the-caller', WebIdentityToken: token };
  return client.send(new AssumeRoleWithWebIdentityCommand({ ...asked, ...more }));
}

describe('An SDK that takes Carnet for AWS STS (DESIGN section 9)', () => {
  test('gets the answer of AWS for the role that it names, under the name of session that the mapping gives', async () => {
    const { AssumedRoleUser, Audience, SubjectFromWebIdentityToken, PackedPolicySize } = await assume('wide');
    expect(AssumedRoleUser?.Arn).toBe('arn:aws:sts::123456789012:assumed-role/wide/chosen-by-wide');
    expect([Audience, SubjectFromWebIdentityToken]).toEqual(['sts.amazonaws.com', 'mapping:wide']);
    expect(PackedPolicySize).toBeGreaterThan(0);
  });

  test('narrows the session by its own policies and duration where the intents are unrestricted', async () => {
    const arn = 'arn:aws:iam::aws:policy/ReadOnlyAccess';
    await assume('wide', { Policy: POLICY, PolicyArns: [{ arn }], DurationSeconds: 900 });
    const { parameters } = sts.calls.at(-1) ?? {};
    expect(parameters).toMatchObject({ 'PolicyArns.member.1.arn': arn, DurationSeconds: '900' });
    expect(JSON.parse(parameters?.['Policy'] ?? '')).toEqual(JSON.parse(POLICY));
  });

  test('is refused a policy of its own where the mapping says what the session is for', async () => {
    const before = sts.calls.length;
    expect((await assume('narrow')).Credentials?.AccessKeyId).toMatch(/^ASIA/);
    await expect(assume('narrow', { Policy: POLICY })).rejects.toMatchObject({
      Code: 'AccessDenied',
      message: expect.stringContaining('intents_not_enforceable'),
    });
    expect(sts.calls).toHaveLength(before + 1);
  });

  test('is refused an assertion, and a role that no mapping of the workload has', async () => {
    await expect(assume('handed')).rejects.toMatchObject({
      Code: 'AccessDenied',
      message: expect.stringContaining('token_type'),
    });
    await expect(assume('elsewhere')).rejects.toMatchObject({ Code: 'AccessDenied' });
  });
});
