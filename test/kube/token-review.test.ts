import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readAuditLog } from '../../src/audit/read-log.ts';
import { ERRORS } from '../../src/core/oauth-error.ts';
import { exchangeForm, freePort, type RunningCarnet, start } from '../support/running-carnet.ts';
import { ACCOUNT, installOn, POD, podToken, populate } from './carnet-on-clusters.ts';
import { startClusters } from './clusters.ts';

/** The API server remembers a good review for about 10 s, and so does Carnet (K34); K35 promises 25. */
const REFUSED_WITHIN_MS = 25_000;

const MESH = `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: mesh }
spec:
  owner: platform@example.org
  subject: { issuer: edge-7, namespace: '*', serviceAccount: '*' }
  target: { jwtSvid: { audiences: [ledger] } }
`;

const opened = new AsyncDisposableStack();
let clusters: Awaited<ReturnType<typeof startClusters>>;
let carnet: RunningCarnet;

beforeAll(async () => {
  clusters = await startClusters({ name: 'edge-7' });
  opened.defer(() => clusters.stop());
  await populate(server().admin);
  await server().admin.allowTokenReview('carnet', 'carnet');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const config = `issuer: ${url}\ndevelopment: true\nlisten: { host: 127.0.0.1, port: ${port} }\n`;
  const edge = { name: 'edge-7', server: server(), kubernetes: '{ tokenReview: { mode: require } }' };
  carnet = await start(await installOn({ clusters: [edge], resources: MESH, url, config }));
  opened.defer(() => carnet.remove());
  opened.defer(() => carnet.stop());
});

afterAll(() => opened.disposeAsync());

function server() {
  const [only] = clusters.servers;
  if (only === undefined) throw new Error('no server has started');
  return only;
}

async function outcome(token: string): Promise<unknown> {
  const { status, body } = await carnet.exchange(exchangeForm(token, 'ledger'));
  return status === 200 ? 'issued' : [status, body['error'], body['error_description']];
}

describe('TokenReview on a real API server (K32 to K35)', () => {
  test('a pod’s token counts while the pod is there, and the record says that the cluster was asked', async () => {
    expect(await outcome(await podToken(server()))).toBe('issued');
    const directory = join(carnet.folder, 'audit');
    const records = await Array.fromAsync(readAuditLog({ directory, stream: 'carnet' }));
    expect(records.find(({ type }) => type === 'allowed')?.identity?.liveness).toBe('reviewed');
  });

  test('a token whose pod is gone is refused within seconds, though its signature and its time are good (K35)', async () => {
    const token = await podToken(server());
    expect(await outcome(token)).toBe('issued');
    await server().admin.deletePod(ACCOUNT.namespace, POD.name);
    await expect
      .poll(() => outcome(token), { timeout: REFUSED_WITHIN_MS, interval: 500 })
      .toEqual([400, 'invalid_request', ERRORS.token_revoked.description]);
  });

  test('an API server that cannot be asked is a 503 under require, never a pass', async () => {
    await server().admin.createPod(ACCOUNT.namespace, 'reporter-1', { serviceAccountName: ACCOUNT.name });
    const boundObjectRef = { kind: 'Pod', name: 'reporter-1' } as const;
    const fresh = await server().admin.token(ACCOUNT.namespace, ACCOUNT.name, {
      audiences: ['https://sts.example.org'],
      boundObjectRef,
    });
    await server().stop();
    expect(await outcome(fresh)).toEqual([503, 'temporarily_unavailable', expect.any(String)]);
  });
});
