import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readAuditLog } from '../../src/audit/read-log.ts';
import { verifyAuditLog } from '../../src/audit/verify-log.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { AUDIENCE, clusterIssuer, exchangeForm, type Installation, install } from '../support/running-carnet.ts';

const CARNET = join(import.meta.dirname, '../../bin/carnet');
const CLIENTS = 16;

let cluster: FakeCluster;
let installation: Installation;

beforeAll(async () => {
  cluster = await FakeCluster.start();
  const resources = `${clusterIssuer(cluster)}apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: mesh }
spec:
  owner: platform@example.org
  subject: { issuer: prod-eu, namespace: '*', serviceAccount: '*' }
  target: { jwtSvid: { audiences: [ledger] } }
`;
  installation = await install({ cluster, resources });
});

afterAll(async () => {
  await cluster.close();
  await installation.remove();
});

async function serve(): Promise<ChildProcess> {
  const server = spawn(CARNET, ['serve', '--config', installation.configFile], { stdio: 'ignore' });
  await expect.poll(async () => (await fetch(`${installation.url}/readyz`).catch(() => undefined))?.status).toBe(200);
  return server;
}

/** Exchanges until the server is gone; collects the `jti` of every credential that was answered in whole. */
async function exchangeUntilGone(token: string, answered: string[]): Promise<void> {
  const form = new URLSearchParams(exchangeForm(token, 'ledger'));
  while (true) {
    try {
      const answer = await fetch(`${installation.url}/oauth2/token`, { method: 'POST', body: form });
      // Whoever has too much to do says so, and is asked again.
      if (answer.status === 503) continue;
      if (answer.status !== 200) throw new Error(`answered ${answer.status}`);
      const { access_token } = (await answer.json()) as { access_token: string };
      answered.push(JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString()).jti);
    } catch {
      return;
    }
  }
}

test('after kill -9 under load every credential that was answered is in the log, and the next start goes on (promise 1)', async () => {
  const token = cluster.token({ audiences: [AUDIENCE], boundTo: { kind: 'pod', name: 'reporter-7d9f' } });
  const directory = join(installation.folder, 'data/audit');
  const answered: string[] = [];
  for (const size of [200, 600]) {
    const server = await serve();
    const clients = Array.from({ length: CLIENTS }, () => exchangeUntilGone(token, answered));
    await expect.poll(() => answered.length, { interval: 5 }).toBeGreaterThan(size);
    server.kill('SIGKILL');
    await once(server, 'exit');
    await Promise.all(clients);
  }
  const last = await serve();
  last.kill('SIGTERM');
  await once(last, 'exit');
  const recorded = new Set<string>();
  for await (const record of readAuditLog({ directory, stream: 'carnet' })) {
    if (record.type === 'allowed' && record.credential) recorded.add(record.credential.id);
  }
  expect(answered.filter((jti) => !recorded.has(jti))).toEqual([]);
  expect(new Set(answered).size).toBe(answered.length);
  const report = await verifyAuditLog({ directory });
  expect(report.ok).toBe(true);
});
