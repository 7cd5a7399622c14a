import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FakeCluster } from '../fakes/cluster.ts';
import { AUDIENCE, clusterIssuer, exchangeForm, install, start } from '../support/running-carnet.ts';

async function jwks(url: string): Promise<unknown> {
  const [cloud, svid] = await Promise.all([
    fetch(`${url}/.well-known/jwks.json`).then((answer) => answer.json()),
    fetch(`${url}/svid/.well-known/jwks.json`).then((answer) => answer.json()),
  ]);
  return { cloud, svid };
}

test('a restart publishes the same keys, and another encryption key is refused by the field’s name (section 11)', async () => {
  const cluster = await FakeCluster.start();
  const installation = await install({ cluster, resources: clusterIssuer(cluster) });
  try {
    const first = await start(installation);
    const before = await jwks(installation.url);
    await first.stop();
    const second = await start(installation);
    expect(await jwks(installation.url)).toEqual(before);
    await second.stop();
    await writeFile(join(installation.folder, 'data/kek'), `${Buffer.alloc(32, 7).toString('base64')}\n`);
    await expect(start(installation)).rejects.toThrow('signing.encryptionKeyFile');
  } finally {
    await cluster.close();
    await installation.remove();
  }
});

test('a restart believes what was kept of parsing, and not what somebody has written there (DESIGN 11)', async () => {
  const cluster = await FakeCluster.start();
  const mapping = `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: mesh }
spec:
  owner: platform@example.org
  subject: { issuer: prod-eu, namespace: payments, serviceAccount: '*' }
  target: { jwtSvid: { audiences: [ledger] } }
`;
  const installation = await install({ cluster, resources: clusterIssuer(cluster) + mapping });
  const kept = join(installation.folder, 'data/carnet.db-parsed');
  const token = () => cluster.token({ audiences: [AUDIENCE], boundTo: { kind: 'pod', name: 'reporter-7d9f' } });
  const statuses = async () => {
    const carnet = await start(installation);
    const ask = async (audience: string) => (await carnet.exchange(exchangeForm(token(), audience))).status;
    const found = [await ask('ledger'), await ask('stolen')];
    await carnet.stop();
    return found;
  };
  try {
    expect(await statuses()).toEqual([200, 400]);
    const written = await readFile(kept, 'utf8');
    expect(written).toContain('ledger');
    expect(await statuses()).toEqual([200, 400]);
    expect(await readFile(kept, 'utf8')).toBe(written);
    await writeFile(kept, written.replaceAll('ledger', 'stolen'));
    expect(await statuses()).toEqual([200, 400]);
    expect(await readFile(kept, 'utf8')).toBe(written);
  } finally {
    await cluster.close();
    await installation.remove();
  }
});

test('one issuer whose cluster is down is a degraded part and a 503 for its own tokens, not a failed start (section 5)', async () => {
  const cluster = await FakeCluster.start();
  const installation = await install({ cluster, resources: clusterIssuer(cluster) });
  await cluster.close();
  const carnet = await start(installation);
  try {
    const body = {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: cluster.token({ audiences: ['https://sts.example.org'] }),
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      audience: 'ledger',
    };
    const answer = await fetch(`${carnet.url}/oauth2/token`, { method: 'POST', body: new URLSearchParams(body) });
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await fetch(`${carnet.url}/readyz`)).status).toBe(200);
  } finally {
    await carnet.stop();
    await carnet.remove();
  }
});
