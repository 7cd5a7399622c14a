import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type App, createApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { FakeCluster } from '../fakes/cluster.ts';

export const AUDIENCE = 'https://sts.example.org';
export const CLUSTER = 'prod-eu';

/** A folder with a configuration and resources for one cluster; nothing runs in it yet. */
export interface Installation {
  readonly folder: string;
  readonly url: string;
  readonly configFile: string;
  readonly configText: string;
  writeResource(file: string, text: string): Promise<void>;
  remove(): Promise<void>;
}

export interface InstallationOptions {
  readonly cluster: FakeCluster;
  readonly resources: string;
  /** Lines added to carnet.yaml. */
  readonly more?: string;
  readonly port?: number;
  /** Of the `allowOrigins` list, beside the cluster's. */
  readonly allowOrigins?: readonly string[];
}

/**
 * Below the ports that systems give to connections that go out, so that none of those takes it meanwhile. Each worker of a
 * run has a range of its own and goes through it in turn: what one has been given, no other is given before it listens.
 */
const LISTENING_PORTS = { from: 12_000, ranges: 20, each: 1000 };
let last = randomInt(LISTENING_PORTS.each);

/** A free port on loopback for a server that must know its port before it listens. */
export async function freePort(): Promise<number> {
  const { from, ranges, each } = LISTENING_PORTS;
  const range = Number(process.env['VITEST_POOL_ID'] ?? 0) % ranges;
  for (let tried = 0; tried < each; tried += 1) {
    last = (last + 1) % each;
    const port = from + range * each + last;
    if (await isFree(port)) return port;
  }
  throw new Error('no free port');
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

/** The TrustedIssuer of a double whose discovery is private: own CA, bearer token. */
export function clusterIssuer(cluster: FakeCluster, name = CLUSTER): string {
  return `apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: ${name}, labels: { env: prod } }
spec:
  issuer: ${cluster.issuer}
  audiences: ['${AUDIENCE}']
  keys: { discovery: { url: '${cluster.discoveryUrl}', caFile: ./${name}-ca.pem, bearerTokenFile: ./${name}-token } }
  kubernetes: {}
---
`;
}

export async function install(options: InstallationOptions): Promise<Installation> {
  const { cluster, resources, more = '', port = await freePort(), allowOrigins = [] } = options;
  const folder = await mkdtemp(join(tmpdir(), 'carnet-test-'));
  const url = `http://127.0.0.1:${port}`;
  await mkdir(join(folder, 'resources'));
  const writeResource = (file: string, text: string) => writeFile(join(folder, 'resources', file), text);
  await writeResource(`${CLUSTER}-ca.pem`, cluster.ca);
  await writeResource(`${CLUSTER}-token`, cluster.apiToken());
  await writeResource('resources.yaml', resources);
  const configText = `issuer: ${url}
trustDomain: example.org
development: true
listen: { host: 127.0.0.1, port: ${port} }
resources: [./resources]
outbound: { allowOrigins: ${JSON.stringify([cluster.url, ...allowOrigins])} }
store: { sqlite: { path: ./data/carnet.db } }
signing: { encryptionKeyFile: ./data/kek }
audit: { directory: ./data/audit }
log: { level: debug }
${more}`;
  const configFile = join(folder, 'carnet.yaml');
  await writeFile(configFile, configText);
  const remove = () => rm(folder, { recursive: true, force: true });
  return { folder, url, configFile, configText, writeResource, remove };
}

export interface RunningCarnet extends Installation {
  readonly app: App;
  /** Every line of the log so far. */
  readonly log: string[];
  exchange(parameters: Record<string, string>): Promise<{ status: number; body: Record<string, unknown> }>;
  stop(): Promise<void>;
}

/** The whole product in this process, over real sockets, from an installation. */
export async function start(
  installation: Installation,
  clock: Clock = systemClock,
  more: Pick<Parameters<typeof createApp>[1], 'wayOut'> = {},
): Promise<RunningCarnet> {
  const { configFile: file, configText: text, url } = installation;
  const log: string[] = [];
  const config = loadConfig({ file, text, environment: {} });
  const destination = { write: (lines: string) => log.push(...lines.split(/(?<=\n)/)) };
  const app = await createApp(config, { clock, destination, ...more });
  await app.start();
  const exchange = async (parameters: Record<string, string>) => {
    const answer = await fetch(`${url}/oauth2/token`, { method: 'POST', body: new URLSearchParams(parameters) });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  return { ...installation, app, log, exchange, stop: () => app.close() };
}

/** The form of an exchange for one address. */
export function exchangeForm(token: string, audience: string, more: Record<string, string> = {}) {
  return {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    audience,
    ...more,
  };
}
