import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FakeCluster } from '../fakes/cluster.ts';
import { clusterIssuer, install, start } from '../support/running-carnet.ts';

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
