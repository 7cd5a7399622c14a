import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { run } from '../../src/cli/program.ts';
import { AwsSts } from '../fakes/aws-sts.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { AUDIENCE, clusterIssuer, exchangeForm, freePort, install, start } from '../support/running-carnet.ts';
import { cloudInstallation, mapping } from './cloud-installation.ts';
import { FakeSurroundings } from './fake-surroundings.ts';

const ENDPOINT = 'https://sts.internal.example.org';
const ROLE = 'arn:aws:iam::123456789012:role/reports';
const PROVIDER = '//iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/carnet/providers/carnet';
const AWS = mapping('reports', `{ aws: { roleArn: '${ROLE}', region: eu-west-1 } }`);
const GCP = mapping(
  'archive',
  `{ gcp: { provider: '${PROVIDER}', serviceAccount: archive@acme.iam.gserviceaccount.com } }`,
);
const AZURE = mapping(
  'blob',
  `{ azure: { tenant: 11111111-1111-1111-1111-111111111111, clientId: 22222222-2222-2222-2222-222222222222, scopes: [https://storage.azure.com/.default] } }`,
);
const SVID = mapping('mesh', '{ jwtSvid: { audiences: [ledger] } }').replace(/ {2}intents.*\n.*\n/, '');
const CI = mapping('deploy', `{ aws: { roleArn: '${ROLE}', region: eu-west-1 } }`, {
  subject: `{ issuer: github, claims: { repository_id: "987654" } }`,
});
const WIDE = AWS.replace('name: reports', 'name: wide').replace('serviceAccount: reporter', 'serviceAccount: "*"');

async function onboard(args: readonly string[], folder = cloudInstallation([AWS, GCP, AZURE, SVID, CI, WIDE])) {
  const around = new FakeSurroundings({ workingDirectory: folder });
  const exitCode = await run(['onboard', ...args, '--endpoint', ENDPOINT], around);
  return { exitCode, out: around.stdout, err: around.stderr, folder };
}

/** As a shell reads it. */
function variables(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

describe('carnet onboard: the environment of each SDK (clouds.md 3)', () => {
  test.each([
    [
      'the container endpoint of AWS',
      ['reports'],
      {
        AWS_CONTAINER_CREDENTIALS_FULL_URI: `${ENDPOINT}/sdk/aws/reports`,
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: '/var/run/carnet/token',
        AWS_REGION: 'eu-west-1',
        AWS_DEFAULT_REGION: 'eu-west-1',
      },
    ],
    [
      'web identity of AWS',
      ['reports', '--surface', 'web-identity', '--token-file', '/run/t'],
      {
        AWS_WEB_IDENTITY_TOKEN_FILE: '/run/t',
        AWS_ROLE_ARN: ROLE,
        AWS_ENDPOINT_URL_STS: `${ENDPOINT}/sdk/aws`,
        AWS_REGION: 'eu-west-1',
        AWS_DEFAULT_REGION: 'eu-west-1',
      },
    ],
    ['Google', ['archive'], { GOOGLE_APPLICATION_CREDENTIALS: '/etc/carnet/google.json' }],
    [
      'the token proxy of Azure',
      ['blob'],
      {
        AZURE_TENANT_ID: '11111111-1111-1111-1111-111111111111',
        AZURE_CLIENT_ID: '22222222-2222-2222-2222-222222222222',
        AZURE_FEDERATED_TOKEN_FILE: '/var/run/carnet/token',
        AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.com/',
        AZURE_KUBERNETES_TOKEN_PROXY: `${ENDPOINT}/sdk/azure`,
      },
    ],
  ])('is printed for %s', async (_, args, expected) => {
    const { exitCode, out } = await onboard(args);
    expect([exitCode, variables(out)]).toEqual([0, expected]);
  });

  test('has a file for Google, which names Carnet as token_url and no impersonation', async () => {
    const { exitCode, folder } = await onboard(['archive', '--as', 'files', '--out', 'given']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(readFileSync(join(folder, 'given/google.json'), 'utf8'))).toEqual({
      type: 'external_account',
      audience: PROVIDER,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: `${ENDPOINT}/sdk/gcp/archive/token`,
      credential_source: { file: '/var/run/carnet/token' },
    });
    const again = await onboard(['archive', '--as', 'files', '--out', 'given'], folder);
    expect([again.exitCode, again.err]).toEqual([78, expect.stringContaining('nothing is overwritten')]);
  });
});

describe('carnet onboard: manifests', () => {
  const token = {
    name: 'carnet-token',
    projected: {
      sources: [
        { serviceAccountToken: { path: 'token', audience: 'https://sts.example.org', expirationSeconds: 3600 } },
      ],
    },
  };
  const mount = { name: 'carnet-token', mountPath: '/var/run/carnet', readOnly: true };

  test('give a Pod a token for the audience of the TrustedIssuer, and no other', async () => {
    const { exitCode, out } = await onboard(['reports', '--as', 'pod']);
    expect(exitCode).toBe(0);
    const pod = parse(out);
    expect(pod).toMatchObject({ kind: 'Pod', metadata: { namespace: 'payments' } });
    expect(pod.spec).toMatchObject({
      serviceAccountName: 'reporter',
      automountServiceAccountToken: false,
      volumes: [token],
      containers: [{ name: 'app', volumeMounts: [mount] }],
    });
    expect(pod.spec.containers[0].env).toContainEqual({
      name: 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE',
      value: '/var/run/carnet/token',
    });
  });

  test('mount the files of a surface from a ConfigMap', async () => {
    const { out } = await onboard(['archive', '--as', 'pod']);
    const [configMap, pod] = parseAllDocuments(out).map((document) => document.toJS());
    expect(JSON.parse(configMap.data['google.json'])).toMatchObject({ type: 'external_account' });
    expect(pod.spec.volumes).toEqual([token, { name: 'carnet-files', configMap: { name: 'carnet-archive' } }]);
    expect(pod.spec.containers[0].volumeMounts[1]).toEqual({
      name: 'carnet-files',
      mountPath: '/etc/carnet',
      readOnly: true,
    });
  });

  test.each(['123', 'true', 'null', '1e3', 'reports'])('name a Pod after the mapping %s by a text', async (name) => {
    const folder = cloudInstallation([mapping(`'${name}'`, `{ aws: { roleArn: '${ROLE}', region: eu-west-1 } }`)]);
    const { out } = await onboard([name, '--as', 'pod'], folder);
    expect(parse(out).metadata.name).toBe(name);
  });

  test('patch Deployments by a Kustomize component', async () => {
    const { out } = await onboard(['archive', '--as', 'kustomize', '--container', 'main']);
    const component = parse(out);
    expect(component).toMatchObject({ apiVersion: 'kustomize.config.k8s.io/v1alpha1', kind: 'Component' });
    const [literal] = component.configMapGenerator[0].literals;
    expect(JSON.parse(literal.slice('google.json='.length))).toMatchObject({ audience: PROVIDER });
    const [{ target, patch }] = component.patches;
    expect(target).toEqual({ kind: 'Deployment', labelSelector: 'carnet.dev/mapping=archive' });
    expect(parse(patch).spec.template.spec).toMatchObject({
      serviceAccountName: 'reporter',
      containers: [{ name: 'main', volumeMounts: [mount, { name: 'carnet-files' }] }],
      volumes: [token, { name: 'carnet-files' }],
    });
  });

  test('ask which ServiceAccount, where the mapping selects any, and take no other than it selects', async () => {
    const chosen = await onboard(['wide', '--as', 'pod', '--service-account', 'job']);
    expect([chosen.exitCode, parse(chosen.out).spec.serviceAccountName]).toEqual([0, 'job']);
    const open = await onboard(['wide', '--as', 'pod']);
    expect([open.exitCode, open.err]).toEqual([2, expect.stringContaining('--service-account')]);
    expect((await onboard(['wide', '--as', 'pod', '--service-account', 'job', '--namespace', 'other'])).exitCode).toBe(
      2,
    );
  });
});

describe('carnet onboard: what it refuses', () => {
  test('a JWT-SVID, for which it shows the command', async () => {
    const { exitCode, out, err } = await onboard(['mesh']);
    expect([exitCode, out]).toEqual([1, '']);
    expect(err).toContain(
      `carnet exchange --endpoint ${ENDPOINT} --token-file /var/run/carnet/token --audience ledger`,
    );
  });

  test.each([
    ['a manifest for a CI job with 1', ['deploy', '--as', 'pod'], 1],
    ['a surface of another cloud with 2', ['archive', '--surface', 'container'], 2],
    ['files without a folder with 2', ['archive', '--as', 'files'], 2],
    ['a mapping that is not there with 2', ['repots'], 2],
  ])('%s', async (_, args, expected) => {
    const { exitCode, out } = await onboard(args);
    expect([exitCode, out]).toEqual([expected, '']);
  });

  test('an endpoint that is http beyond loopback, with 2', async () => {
    const around = new FakeSurroundings({ workingDirectory: cloudInstallation([AWS]) });
    expect(await run(['onboard', 'reports', '--endpoint', 'http://sts.example.org'], around)).toBe(2);
  });
});

describe('what carnet onboard prints, end to end', () => {
  test('gets the unmodified AWS SDK its credentials, by each of its three ways', async () => {
    const cluster = await FakeCluster.start();
    const port = await freePort();
    const provider = `http://127.0.0.1:${port}`;
    const sts = await AwsSts.start({
      providers: [{ url: provider, clientIds: ['sts.amazonaws.com'] }],
      roles: [{ arn: ROLE, provider, audiences: ['sts.amazonaws.com'], subjects: ['mapping:reports'] }],
    });
    const more = `clouds: { aws: { stsEndpoint: '${sts.url}' } }\n`;
    const resources = clusterIssuer(cluster) + AWS;
    const files = await install({ cluster, resources, more, port });
    const carnet = await start(files);
    onTestFinished(async () => {
      await carnet.stop();
      await Promise.all([cluster.close(), sts.close()]);
      await carnet.remove();
    });
    const podToken = cluster.token({
      audiences: [AUDIENCE],
      serviceAccount: 'reporter',
      boundTo: { kind: 'pod', name: 'reporter-7d9f' },
    });
    await files.writeResource('token', podToken);
    // The SDK gives up after a second, which the first credential of a process may take on a busy machine.
    expect((await carnet.exchange(exchangeForm(podToken, 'reports'))).status).toBe(200);

    for (const surface of ['container', 'web-identity', 'process']) {
      const around = new FakeSurroundings({ workingDirectory: files.folder });
      const tokenFile = join(files.folder, 'resources/token');
      const args = ['--endpoint', provider, '--token-file', tokenFile, '--surface', surface, '--out', surface];
      expect(await run(['onboard', 'reports', ...args, '--as', 'files'], around)).toBe(0);
      const folder = join(files.folder, surface);
      const given = variables(readFileSync(join(folder, 'env'), 'utf8'));
      if (surface === 'process') given['AWS_CONFIG_FILE'] = join(folder, 'aws-config');
      expect(await accessKeyId(given)).toMatch(/^ASIA/);
    }
  });
});

/** What the default chain of AWS's own SDK finds in a process with this environment. */
async function accessKeyId(env: Record<string, string>): Promise<string> {
  const root = join(import.meta.dirname, '../..');
  const program = `import { fromNodeProviderChain } from '@aws-sdk/credential-providers';
process.stdout.write((await fromNodeProviderChain()()).accessKeyId);`;
  const PATH = `${join(root, 'bin')}:${process.env['PATH']}`;
  const args = ['--input-type=module', '--eval', program];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, env: { ...env, PATH } });
  return stdout;
}
