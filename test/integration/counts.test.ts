import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pass } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AwsSts } from '../fakes/aws-sts.ts';
import { FakeCluster, JWKS_PATH } from '../fakes/cluster.ts';
import type { OperationCounts } from '../support/operation-counts.ts';
import {
  AUDIENCE,
  clusterIssuer,
  exchangeForm,
  freePort,
  type Installation,
  install,
} from '../support/running-carnet.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const COUNTING = join(import.meta.dirname, '../support/operation-counts.ts');
const ROLE = 'arn:aws:iam::123456789012:role/reports';

let cluster: FakeCluster;
let sts: AwsSts;
let installation: Installation;
let server: ChildProcess;

beforeAll(async () => {
  cluster = await FakeCluster.start();
  const resources = `${clusterIssuer(cluster)}apiVersion: carnet.dev/v1alpha1
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
  owner: platform@example.org
  subject: { issuer: prod-eu, namespace: '*', serviceAccount: '*' }
  target: { aws: { roleArn: '${ROLE}', region: eu-west-1 } }
  intents: unrestricted
`;
  const port = await freePort();
  const provider = `http://127.0.0.1:${port}`;
  const audiences = ['sts.amazonaws.com'];
  sts = await AwsSts.start({
    providers: [{ url: provider, clientIds: audiences }],
    roles: [{ arn: ROLE, provider, audiences, subjects: ['mapping:reports'] }],
  });
  const more = `clouds: { aws: { stsEndpoint: '${sts.url}' } }\n`;
  installation = await install({ cluster, resources, more, port });
  const args = ['--import', COUNTING, MAIN, 'serve', '--config', installation.configFile];
  server = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  await listening(server);
  expect(await exchange(tokenOf(0))).toBe(200);
});

afterAll(async () => {
  server.kill();
  await once(server, 'exit');
  await Promise.all([cluster.close(), sts.close()]);
  await installation.remove();
});

/** Resolves when it says that it runs; throws when it ends without. */
async function listening({ stderr }: ChildProcess): Promise<void> {
  let said = '';
  for await (const chunk of stderr ?? []) {
    said += chunk;
    if (said.includes('all doors')) return;
  }
  throw new Error(`the server did not start: ${said}`);
}

/** Callers that differ, so that none reaches the rate of one identity. */
function tokenOf(number: number): string {
  return cluster.token({
    serviceAccount: `reporter-${number}`,
    audiences: [AUDIENCE],
    boundTo: { kind: 'pod', name: `reporter-${number}-7d9f` },
  });
}

async function exchange(token: string, address = 'ledger'): Promise<number> {
  const body = new URLSearchParams(exchangeForm(token, address));
  const answer = await fetch(`${installation.url}/oauth2/token`, { method: 'POST', body });
  await answer.arrayBuffer();
  return answer.status;
}

async function operations(): Promise<OperationCounts> {
  const answer = once(server, 'message');
  server.send('counts');
  const [counts] = await answer;
  return counts as OperationCounts;
}

async function commits(): Promise<number> {
  const text = await (await fetch(`${installation.url}/metrics`)).text();
  return Number(/^carnet_audit_commit_duration_seconds_count (\d+)$/m.exec(text)?.[1]);
}

async function all() {
  return {
    ...(await operations()),
    commits: await commits(),
    fetches: cluster.requests(JWKS_PATH),
    cloudCalls: sts.calls.length,
  };
}

/** Counts between commits: one under way has its fsync before it is counted itself. */
async function quiet() {
  for (let last = await all(); ; ) {
    await pass(20);
    const now = await all();
    if (now.syncs === now.synced && isDeepStrictEqual(now, last)) return now;
    last = now;
  }
}

/** What the work costs, in operations of the whole process. */
async function cost(work: () => Promise<void>) {
  const before = await quiet();
  await work();
  const after = await quiet();
  return {
    signatures: after.signatures - before.signatures,
    verifications: after.verifications - before.verifications,
    syncs: after.syncs - before.syncs,
    commits: after.commits - before.commits,
    fetches: after.fetches - before.fetches,
    cloudCalls: after.cloudCalls - before.cloudCalls,
  };
}

describe('what a running service does, in operations (DESIGN section 13)', () => {
  test('one verification, one signature and no fetch for each warm exchange, and one fsync for each commit', async () => {
    const spent = await cost(async () => {
      for (let number = 1; number <= 20; number += 1) expect(await exchange(tokenOf(number))).toBe(200);
    });
    expect(spent).toMatchObject({ verifications: 20, signatures: 20, fetches: 0, syncs: spent.commits });
    expect(spent.commits).toBeGreaterThanOrEqual(20);
  });

  test('one cloud call and one signature for a workload’s credential of a cloud, and none of either once it is held', async () => {
    const token = tokenOf(300);
    const cold = await cost(async () => expect(await exchange(token, 'reports')).toBe(200));
    expect(cold).toMatchObject({ verifications: 1, signatures: 1, cloudCalls: 1 });
    const warm = await cost(async () => {
      for (let number = 1; number <= 20; number += 1) expect(await exchange(token, 'reports')).toBe(200);
    });
    expect(warm).toMatchObject({ verifications: 20, signatures: 0, cloudCalls: 0, fetches: 0, syncs: warm.commits });
  });

  test('fewer fsyncs than exchanges when many come at once', async () => {
    const tokens = Array.from({ length: 64 }, (_, number) => tokenOf(100 + number));
    const spent = await cost(async () => {
      const answers = await Promise.all(tokens.map((token) => exchange(token)));
      expect(new Set(answers)).toEqual(new Set([200]));
    });
    expect(spent).toMatchObject({ verifications: 64, signatures: 64, fetches: 0, syncs: spent.commits });
    expect(spent.commits).toBeLessThan(64);
  });

  test('no signature work for a token of an unknown issuer, and none for one that is malformed', async () => {
    const [header = '', payload = '', signature = ''] = tokenOf(200).split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const stranger = Buffer.from(JSON.stringify({ ...claims, iss: 'https://elsewhere.example.org' }));
    const spent = await cost(async () => {
      expect(await exchange([header, stranger.toString('base64url'), signature].join('.'))).toBe(400);
      expect(await exchange(`${header}.${payload}.${signature}=`)).toBe(400);
    });
    expect(spent).toMatchObject({ verifications: 0, signatures: 0, fetches: 0 });
  });

  test('one verification and no signature for a token whose signature is wrong', async () => {
    const [header, payload] = tokenOf(201).split('.');
    const [, , other] = tokenOf(202).split('.');
    const spent = await cost(async () => {
      expect(await exchange([header, payload, other].join('.'))).toBe(400);
    });
    expect(spent).toMatchObject({ verifications: 1, signatures: 0, fetches: 0 });
  });
});
