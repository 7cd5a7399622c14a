import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { AwsSts } from '../test/fakes/aws-sts.ts';
import { FakeCluster } from '../test/fakes/cluster.ts';

export const AUDIENCE = 'https://sts.example.org';
export const ROLE = 'arn:aws:iam::123456789012:role/reports';
const CARNET = join(import.meta.dirname, '../bin/carnet');
const START_TIMEOUT_MS = 20_000;

/** Everything that runs during the demo, on loopback and in one temporary folder. */
export interface Stage {
  readonly folder: string;
  readonly configFile: string;
  readonly resourcesFile: string;
  readonly tokenFile: string;
  /** Carnet's base URL and cloud issuer. */
  readonly url: string;
  readonly cluster: FakeCluster;
  readonly sts: AwsSts;
  readonly server: ChildProcess;
  close(): Promise<void>;
}

/** Starts a private cluster, an AWS that verifies, and Carnet as a process of its own. */
export async function setStage(): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'carnet-demo-'));
  const url = `http://127.0.0.1:${await freePort()}`;
  const cluster = await FakeCluster.start();
  const sts = await AwsSts.start({
    providers: [{ url, clientIds: ['sts.amazonaws.com'] }],
    roles: [
      {
        arn: ROLE,
        provider: url,
        audiences: ['sts.amazonaws.com'],
        subjects: ['mapping:reports'],
        requireRoleAuthorizedByIdp: true,
      },
    ],
  });
  const files = await writeFiles(folder, { url, cluster, sts });
  const server = spawn(CARNET, ['serve', '--config', files.configFile], { stdio: ['ignore', 'ignore', 'pipe'] });
  const complaints = text(server.stderr);
  const close = async () => {
    await stop(server);
    await Promise.all([cluster.close(), sts.close()]);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await ready(url, server, complaints);
  } catch (error) {
    await close();
    throw error;
  }
  return { folder, url, cluster, sts, server, close, ...files };
}

async function writeFiles(folder: string, parts: { url: string; cluster: FakeCluster; sts: AwsSts }) {
  const { url, cluster, sts } = parts;
  const resources = join(folder, 'resources');
  await mkdir(resources);
  const configFile = join(folder, 'carnet.yaml');
  const resourcesFile = join(resources, 'demo.yaml');
  const tokenFile = join(folder, 'token');
  await writeFile(join(resources, 'cluster-ca.pem'), cluster.ca);
  await writeFile(join(resources, 'discovery-token'), cluster.apiToken(), { mode: 0o600 });
  await writeFile(configFile, configuration(url, cluster.url, sts.url));
  await writeFile(resourcesFile, documents(cluster));
  const boundTo = { kind: 'pod', name: 'reporter-7d9f' } as const;
  await writeFile(tokenFile, cluster.token({ audiences: [AUDIENCE], boundTo }), { mode: 0o600 });
  return { configFile, resourcesFile, tokenFile };
}

function configuration(url: string, clusterUrl: string, stsUrl: string): string {
  return `issuer: ${url}
trustDomain: example.org
development: true
listen: { host: 127.0.0.1, port: ${new URL(url).port} }
resources: [./resources]
outbound: { allowOrigins: ['${clusterUrl}'] }
store: { sqlite: { path: ./data/carnet.db } }
cache: { memory: {} }
signing: { encryptionKeyFile: ./data/kek }
audit: { directory: ./data/audit }
clouds: { aws: { stsEndpoint: '${stsUrl}' } }
log: { level: error }
`;
}

function documents(cluster: FakeCluster): string {
  return `apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: prod-eu, labels: { env: prod } }
spec:
  issuer: ${cluster.issuer}
  audiences: [${AUDIENCE}]
  keys: { discovery: { url: '${cluster.discoveryUrl}', caFile: ./cluster-ca.pem, bearerTokenFile: ./discovery-token } }
  kubernetes: {}
---
apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: mesh }
spec:
  owner: platform@example.org
  subject: { issuer: prod-eu, namespace: '*', serviceAccount: '*' }
  target: { jwtSvid: { audiences: [ledger] } }
---
apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: reports }
spec:
  owner: team-payments@example.org
  subject: { issuer: prod-eu, namespace: payments, serviceAccount: reporter }
  target: { aws: { roleArn: '${ROLE}', region: eu-west-1 } }
  intents: unrestricted
  ttl: { default: 30m, max: 1h }
---
apiVersion: carnet.dev/v1alpha1
kind: Guardrail
metadata: { name: prod-needs-a-pod }
spec: { match: { issuerLabels: { env: prod } }, requirePodBound: true }
`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port on loopback');
  return address.port;
}

async function ready(url: string, server: ChildProcess, complaints: Promise<string>): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline) {
    if (server.exitCode !== null) throw new Error(`carnet serve ended: ${await complaints}`);
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    if (answer?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('carnet serve did not become ready');
}

/** Ends Carnet as an orchestrator would, and waits until it has drained. */
async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  server.kill('SIGTERM');
  await once(server, 'exit');
}
