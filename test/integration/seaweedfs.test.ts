import { randomBytes } from 'node:crypto';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FakeCluster } from '../fakes/cluster.ts';
import {
  AUDIENCE,
  clusterIssuer,
  exchangeForm,
  freePort,
  install,
  type RunningCarnet,
  start,
} from '../support/running-carnet.ts';
import { type SeaweedFs, s3Client, seaweedFsMissing, startSeaweedFs } from '../support/seaweedfs.ts';
import { stsInAwsForm } from '../support/seaweedfs-sts.ts';

// A real S3 whose STS trusts Carnet by its discovery document: what the session policy says is what S3 does.
const ROLE = 'arn:aws:iam::123456789012:role/reports';
const SECOND = 'arn:aws:iam::123456789012:role/archive';
const MAPPINGS = ['reader', 'writer', 'lister', 'remover', 'editor', 'everything', 'chained'];
const POD = { kind: 'pod', name: 'reporter-7d9f' } as const;

const missing = await seaweedFsMissing();

const opened = new AsyncDisposableStack();
let cluster: FakeCluster;
let weed: SeaweedFs;
let carnet: RunningCarnet;

/** A mapping of the service account of the same name on the role, for objects under `2026/` of the bucket `reports`. */
function mapping(name: string, intents: readonly string[] | 'unrestricted', more = ''): string {
  const list =
    intents === 'unrestricted'
      ? 'unrestricted'
      : JSON.stringify(intents.map((allow) => ({ allow, resource: { bucket: 'reports', prefix: '2026/' } })));
  return `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: ${name} }
spec:
  owner: team-payments@example.org
  subject: { issuer: prod-eu, namespace: payments, serviceAccount: ${name} }
  target: { aws: { roleArn: '${ROLE}', region: us-east-1${more} } }
  intents: ${list}
  ttl: { default: 15m, max: 1h }
---
`;
}

const RESOURCES = [
  mapping('reader', ['object.read']),
  mapping('writer', ['object.write']),
  mapping('lister', ['object.list']),
  mapping('remover', ['object.delete']),
  mapping('editor', ['object.read', 'object.write']),
  mapping('everything', 'unrestricted'),
  mapping('chained', ['object.read'], `, secondHop: { roleArn: '${SECOND}' }`),
  mapping('untrusted', ['object.read']),
].join('');

/** Trust in Carnet's issuer, audience and subjects, in SeaweedFS's words; the roles themselves allow all of S3. */
function iam(issuer: string): object {
  const allow = (Principal: object, Action: string, condition: object = {}) => ({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal, Action: [Action], ...condition }],
  });
  const role = (roleArn: string, trustPolicy: object) => ({
    roleName: roleArn.split('/').at(-1),
    roleArn,
    trustPolicy,
    attachedPolicies: ['all'],
  });
  const subjects = MAPPINGS.map((name) => `mapping:${name}`);
  return {
    sts: {
      tokenDuration: '1h',
      maxSessionLength: '12h',
      issuer: 'seaweedfs',
      signingKey: randomBytes(32).toString('base64'),
    },
    policy: { defaultEffect: 'Deny', storeType: 'memory' },
    roleStore: { storeType: 'memory' },
    providers: [{ name: 'carnet', type: 'oidc', enabled: true, config: { issuer, clientId: 'sts.amazonaws.com' } }],
    policies: [
      {
        name: 'all',
        document: {
          Version: '2012-10-17',
          Statement: [{ Effect: 'Allow', Action: ['s3:*'], Resource: ['arn:aws:s3:::*'] }],
        },
      },
    ],
    roles: [
      role(
        ROLE,
        allow({ Federated: 'carnet' }, 'sts:AssumeRoleWithWebIdentity', {
          Condition: { StringEquals: { 'oidc:sub': subjects, 'oidc:aud': 'sts.amazonaws.com' } },
        }),
      ),
      role(SECOND, allow({ AWS: 'arn:aws:sts::assumed-role/reports/payments.chained' }, 'sts:AssumeRole')),
    ],
  };
}

describe('a real S3 with an STS that trusts Carnet', () => {
  beforeAll(async () => {
    if (missing !== undefined) return;
    cluster = await FakeCluster.start();
    opened.defer(() => cluster.close());
    const port = await freePort();
    const objects = { reports: ['2026/11.csv', '2026/12.csv', '2027/01.csv'], payroll: ['2026/11.csv'] };
    weed = await startSeaweedFs({ iam: iam(`http://127.0.0.1:${port}`), objects });
    opened.defer(() => weed.close());
    const sts = await stsInAwsForm(weed.url);
    opened.defer(() => sts.close());
    const more = `clouds: { aws: { stsEndpoint: '${sts.url}' } }\n`;
    const installed = await install({ cluster, resources: clusterIssuer(cluster) + RESOURCES, more, port });
    opened.defer(() => installed.remove());
    carnet = await start(installed);
    opened.defer(() => carnet.stop());
  });

  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });

  afterAll(() => opened.disposeAsync());

  function exchange(name: string, more: Record<string, string> = {}) {
    const token = cluster.token({ audiences: [AUDIENCE], serviceAccount: name, boundTo: POD });
    return carnet.exchange(exchangeForm(token, name, more));
  }

  async function clientOf(name: string, more: Record<string, string> = {}): Promise<S3Client> {
    const { status, body } = await exchange(name, more);
    expect(status, JSON.stringify({ ...body, access_token: undefined })).toBe(200);
    const { AccessKeyId, SecretAccessKey, SessionToken } = JSON.parse(String(body['access_token']));
    return s3Client(weed.url, {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: SessionToken,
    });
  }

  const OPERATIONS: Readonly<Record<string, (client: S3Client) => Promise<unknown>>> = {
    'get an object under the prefix': (s3) => s3.send(new GetObjectCommand({ Bucket: 'reports', Key: '2026/11.csv' })),
    'get another object under it': (s3) => s3.send(new GetObjectCommand({ Bucket: 'reports', Key: '2026/12.csv' })),
    'get beside the prefix': (s3) => s3.send(new GetObjectCommand({ Bucket: 'reports', Key: '2027/01.csv' })),
    'get from another bucket': (s3) => s3.send(new GetObjectCommand({ Bucket: 'payroll', Key: '2026/11.csv' })),
    'put under the prefix': (s3) =>
      s3.send(new PutObjectCommand({ Bucket: 'reports', Key: '2026/new.csv', Body: 'new' })),
    'put beside the prefix': (s3) =>
      s3.send(new PutObjectCommand({ Bucket: 'reports', Key: '2027/new.csv', Body: 'new' })),
    'put into another bucket': (s3) =>
      s3.send(new PutObjectCommand({ Bucket: 'payroll', Key: '2026/new.csv', Body: 'new' })),
    'list the prefix': (s3) => s3.send(new ListObjectsV2Command({ Bucket: 'reports', Prefix: '2026/' })),
    'list beside the prefix': (s3) => s3.send(new ListObjectsV2Command({ Bucket: 'reports', Prefix: '2027/' })),
    'list the whole bucket': (s3) => s3.send(new ListObjectsV2Command({ Bucket: 'reports' })),
    'list another bucket': (s3) => s3.send(new ListObjectsV2Command({ Bucket: 'payroll', Prefix: '2026/' })),
    'delete under the prefix': (s3) => s3.send(new DeleteObjectCommand({ Bucket: 'reports', Key: '2026/gone.csv' })),
    'delete beside the prefix': (s3) => s3.send(new DeleteObjectCommand({ Bucket: 'reports', Key: '2027/gone.csv' })),
    'delete in another bucket': (s3) => s3.send(new DeleteObjectCommand({ Bucket: 'payroll', Key: '2026/gone.csv' })),
  };

  /** Every operation with these credentials: those that S3 did. Whatever else it answers must be that it denies access. */
  async function allowed(client: S3Client): Promise<readonly string[]> {
    const done: string[] = [];
    for (const [name, operation] of Object.entries(OPERATIONS)) {
      const outcome = await operation(client).then(
        () => 'done',
        (error: Error) => error.name,
      );
      if (outcome === 'done') done.push(name);
      else expect(outcome, name).toBe('AccessDenied');
    }
    client.destroy();
    return done;
  }

  const READS = ['get an object under the prefix', 'get another object under it'];
  test.each([
    ['reader', 'object.read', READS],
    ['writer', 'object.write', ['put under the prefix']],
    ['lister', 'object.list', ['list the prefix']],
    ['remover', 'object.delete', ['delete under the prefix']],
    ['editor', 'object.read and object.write', [...READS, 'put under the prefix']],
  ])(
    'lets the credentials of %s do %s on its prefix and nothing else (DESIGN section 7)',
    async (name, _intent, can) => {
      expect(await allowed(await clientOf(name))).toEqual(can);
    },
  );

  test('lets the same role without intents do all of it: the session policy is what holds the others', async () => {
    expect(await allowed(await clientOf('everything'))).toEqual(Object.keys(OPERATIONS));
  });

  test('lets a request narrow further by its scope', async () => {
    const client = await clientOf('reader', { scope: 'object.read:reports/2026/11' });
    expect(await allowed(client)).toEqual(['get an object under the prefix']);
  });

  test('takes the second hop signed by the first session, and holds its session to the intents', async () => {
    expect(await allowed(await clientOf('chained'))).toEqual(READS);
  });

  test('refuses a mapping whose subject the role does not trust', async () => {
    const { status, body } = await exchange('untrusted');
    expect(status).toBe(400);
    expect(body).toMatchObject({ error: 'invalid_target', reason: 'cloud_trust_missing' });
  });
});
