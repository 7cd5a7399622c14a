import { writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { systemClock } from '../../src/core/clock.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { loopbackCertificate } from '../support/certificate-authority.ts';
import { clusterIssuer, freePort, type Installation, install } from '../support/running-carnet.ts';

interface Answer {
  readonly status: number;
  readonly body: string;
}

let installation: Installation;
let close: () => Promise<void>;
let ca: string;
let listening: readonly { readonly door: string; readonly url: string }[];
const ports: Record<string, number> = {};

/** Three listeners with TLS as in production; the issuer is https and belongs to nobody here. */
beforeAll(async () => {
  const cluster = await FakeCluster.start();
  installation = await install({ cluster, resources: clusterIssuer(cluster) });
  const { folder } = installation;
  const certificate = await loopbackCertificate('carnet');
  ca = certificate.ca;
  await writeFile(join(folder, 'cert.pem'), certificate.cert);
  await writeFile(join(folder, 'key.pem'), certificate.key, { mode: 0o600 });
  await writeFile(join(folder, 'kek'), `${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o600 });
  for (const door of ['public', 'workload', 'admin']) ports[door] = await freePort();
  const listener = (door: string, more = '') =>
    `  ${door}: { host: 127.0.0.1, port: ${ports[door]}, ${more} tls: { certFile: ./cert.pem, keyFile: ./key.pem } }\n`;
  const configText = `issuer: https://sts.example.org
trustDomain: example.org
listeners:
${listener('public')}${listener('workload', 'url: https://sts.internal.example.org,')}${listener('admin')}resources: [./resources]
outbound: { allowOrigins: ['${cluster.url}'] }
store: { sqlite: { path: ./data/carnet.db } }
signing: { encryptionKeyFile: ./kek }
audit: { directory: ./audit }
`;
  const config = loadConfig({ file: join(folder, 'carnet.yaml'), text: configText, environment: {} });
  const app = await createApp(config, { clock: systemClock, destination: { write: () => undefined } });
  listening = await app.start();
  close = async () => {
    await app.close();
    await cluster.close();
  };
});

afterAll(async () => {
  await close();
  await installation.remove();
});

function ask(door: string, path: string, { method = 'GET', host = 'sts.example.org' } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port: ports[door],
      path,
      method,
      ca,
      headers: { host },
      servername: 'localhost',
      agent: false,
    } as const;
    request(options, async (answer) => resolve({ status: answer.statusCode ?? 0, body: await text(answer) }))
      .on('error', reject)
      .end();
  });
}

describe('Three listeners (DESIGN sections 9 and 12)', () => {
  const rows = [
    ['/.well-known/openid-configuration', 'GET', { public: 200, workload: 200, admin: 404 }],
    ['/svid/.well-known/jwks.json', 'GET', { public: 200, workload: 200, admin: 404 }],
    ['/spiffe/bundle', 'GET', { public: 200, workload: 404, admin: 404 }],
    ['/oauth2/token', 'POST', { public: 404, workload: 400, admin: 404 }],
    ['/sdk/aws/reports', 'GET', { public: 404, workload: 401, admin: 404 }],
    ['/sdk/aws', 'POST', { public: 404, workload: 400, admin: 404 }],
    ['/sdk/gcp/reports/token', 'POST', { public: 404, workload: 400, admin: 404 }],
    ['/sdk/azure/tenant/oauth2/v2.0/token', 'POST', { public: 404, workload: 400, admin: 404 }],
    ['/metrics', 'GET', { public: 404, workload: 404, admin: 200 }],
    ['/livez', 'GET', { public: 200, workload: 200, admin: 200 }],
    ['/readyz', 'GET', { public: 200, workload: 200, admin: 200 }],
  ] as const;

  for (const [path, method, statuses] of rows) {
    test(`${method} ${path} is answered where it belongs and nowhere else`, async () => {
      for (const [door, status] of Object.entries(statuses)) {
        expect([door, (await ask(door, path, { method })).status]).toEqual([door, status]);
      }
    });
  }

  test('the token endpoint is on the workload listener’s URL, the issuer stays the public one, whatever Host says (M1)', async () => {
    const { body } = await ask('public', '/.well-known/openid-configuration', { host: 'attacker.example' });
    expect(JSON.parse(body)).toMatchObject({
      issuer: 'https://sts.example.org',
      jwks_uri: 'https://sts.example.org/.well-known/jwks.json',
      token_endpoint: 'https://sts.internal.example.org/oauth2/token',
    });
    expect(body).not.toContain('attacker');
  });

  test('details of a failing part are for the admin door alone', async () => {
    expect((await ask('public', '/readyz')).body).not.toContain('"detail"');
  });

  test('each says that it speaks TLS', () => {
    expect(listening).toEqual(
      Object.entries(ports).map(([door, port]) => ({ door, url: `https://127.0.0.1:${port}` })),
    );
  });
});
