import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { run } from '../../src/cli/program.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { adminConfig, adminToken, askAdmin } from '../support/admin-api.ts';
import {
  AUDIENCE,
  clusterIssuer,
  exchangeForm,
  freePort,
  install,
  type RunningCarnet,
  start,
} from '../support/running-carnet.ts';
import { FakeSurroundings } from './fake-surroundings.ts';

const MAPPING = `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: mesh }
spec:
  owner: platform@example.org
  subject: { issuer: prod-eu, namespace: payments, serviceAccount: '*' }
  target: { jwtSvid: { audiences: [ledger] } }
`;

/** A second issuer, whose identities have no namespace and no ServiceAccount. */
function ci(issuer: string): string {
  const spiffePath = '/ci/{claims.sub}';
  return `---
apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: ci }
spec: { issuer: '${issuer}', audiences: ['${AUDIENCE}'], keys: { discovery: {} }, oidc: { spiffePath: '${spiffePath}' } }
---
apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: pipeline }
spec:
  owner: platform@example.org
  subject: { issuer: ci, claims: { sub: pipeline } }
  target: { jwtSvid: { audiences: [releases] } }
`;
}

let cluster: FakeCluster;
let idp: FakeOidcIssuer;
let carnet: RunningCarnet;

beforeAll(async () => {
  cluster = await FakeCluster.start();
  idp = await FakeOidcIssuer.start();
  const options = {
    resources: clusterIssuer(cluster) + MAPPING + ci(idp.issuer),
    allowOrigins: [idp.issuer],
    more: adminConfig(idp),
  };
  carnet = await start(await install({ cluster, ...options }));
});

afterAll(async () => {
  await carnet.stop();
  await cluster.close();
  await idp.close();
  await carnet.remove();
});

async function stop(args: readonly string[], { role = 'owner', endpoint = carnet.url } = {}) {
  const around = new FakeSurroundings({ workingDirectory: carnet.folder });
  await writeFile(join(carnet.folder, 'token'), adminToken(idp, [`${role}s`]));
  const code = await run(['stop', ...args, '--endpoint', endpoint, '--token-file', 'token'], around);
  return { code, name: around.stdout.trim(), err: around.stderr };
}

async function outcome(serviceAccount: string): Promise<string> {
  const pod = { kind: 'pod', name: 'reporter-7d9f' } as const;
  const token = cluster.token({ audiences: [AUDIENCE], boundTo: pod, namespace: 'payments', serviceAccount });
  const { status, body } = await carnet.exchange(exchangeForm(token, 'ledger'));
  return status === 200 ? 'issued' : String(body['reason'] ?? body['error']);
}

async function pipeline(): Promise<string> {
  const { status, body } = await carnet.exchange(exchangeForm(idp.token(AUDIENCE, { sub: 'pipeline' }), 'releases'));
  return status === 200 ? 'issued' : String(body['reason'] ?? body['error']);
}

async function end(name: string): Promise<void> {
  const token = adminToken(idp, ['owners']);
  const { etag } = await askAdmin(carnet.url, `guardrails/${name}`, { token });
  const headers = { 'if-match': String(etag) };
  const { status } = await askAdmin(carnet.url, `guardrails/${name}`, { token, method: 'DELETE', headers });
  expect(status).toBe(200);
}

describe('carnet stop', () => {
  test('believes no server that says yes to everything, and says what to name', async () => {
    const server = createServer((_request, response) => response.end('{}')).listen(0, '127.0.0.1');
    onTestFinished(() => {
      server.close();
    });
    await once(server, 'listening');
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await stop(['--all'], { endpoint })).toEqual({
      code: 69,
      name: '',
      err: `carnet: nothing is stopped: ${endpoint} did not answer as the admin API does; name the admin door\n`,
    });
  });

  test.each([
    ['everybody', ['--all'], 'guardrail'],
    ['an issuer', ['--issuer', 'prod-eu'], 'guardrail'],
    ['a mapping', ['--mapping', 'mesh'], 'guardrail'],
    ['a ServiceAccount and nobody else', ['--subject', 'payments/reporter'], 'issued'],
    ['a ServiceAccount of one cluster', ['--subject', 'payments/reporter', '--issuer', 'prod-eu'], 'issued'],
  ])('stops %s until its Guardrail is deleted', async (_, args, other) => {
    expect([await outcome('reporter'), await outcome('clerk')]).toEqual(['issued', 'issued']);
    const { code, name, err } = await stop([...args, '--message', 'INC-42']);
    expect(code).toBe(0);
    expect(err).toContain(`stopped by Guardrail ${name}; deleting it ends the stop\n`);
    expect([await outcome('reporter'), await outcome('clerk')]).toEqual(['guardrail', other]);
    await end(name);
    expect(await outcome('reporter')).toBe('issued');
  });

  test.each([
    ['mapping', 'mehs', 'mesh'],
    ['issuer', 'prod-ue', 'prod-eu'],
  ])('that names no %s there is says that nobody is stopped, and does not end well', async (kind, name, meant) => {
    const { code, err, name: guardrail } = await stop([`--${kind}`, name]);
    expect(code).toBe(1);
    expect(err).toContain(`Guardrail ${guardrail} stops nobody yet: there is no ${name}: it matches nobody`);
    expect(err).toContain(`did you mean ${meant}?`);
    expect(err).not.toMatch(/^stopped/m);
    expect(await outcome('reporter')).toBe('issued');
    await end(guardrail);
  });

  test.each([
    ['a ServiceAccount leaves those who have none', ['--subject', 'payments/reporter'], 'issued'],
    ['everybody takes them along', ['--all'], 'guardrail'],
  ])('of %s', async (_, args, other) => {
    expect(await pipeline()).toBe('issued');
    const { name } = await stop(args);
    expect([await outcome('reporter'), await pipeline()]).toEqual(['guardrail', other]);
    await end(name);
  });

  test('that several servers are asked for lists what each of them has issued, and says whose logs were read', async () => {
    const options = { resources: clusterIssuer(cluster) + MAPPING, allowOrigins: [idp.issuer], more: adminConfig(idp) };
    const other = await start(await install({ cluster, ...options }));
    try {
      const issued = async (where: RunningCarnet) => {
        const pod = { kind: 'pod', name: 'reporter-7d9f' } as const;
        const token = cluster.token({
          audiences: [AUDIENCE],
          boundTo: pod,
          namespace: 'payments',
          serviceAccount: 'till',
        });
        const { body } = await where.exchange(exchangeForm(token, 'ledger'));
        return String(decodeJwt(String(body['access_token'])).jti);
      };
      const ids = [await issued(carnet), await issued(other)];
      const { code, err, name } = await stop(['--subject', 'payments/till', '--endpoint', other.url]);
      expect(code).toBe(0);
      for (const id of ids) expect(err).toContain(id);
      expect(err.match(/^looked at .*, of carnet$/gm)).toHaveLength(2);
      await end(name);
    } finally {
      await other.stop();
      await other.remove();
    }
  });

  test('is for an owner: an editor is refused, and nothing is stopped', async () => {
    const { code, err } = await stop(['--all'], { role: 'editor' });
    expect(code).toBe(1);
    expect(err).toContain('nothing is stopped');
    expect(await outcome('reporter')).toBe('issued');
  });

  test.each([
    ['nobody', []],
    ['two', ['--all', '--mapping', 'mesh']],
    ['an issuer beside a mapping', ['--issuer', 'prod-eu', '--mapping', 'mesh']],
    ['a subject that is none', ['--subject', 'payments']],
  ])('that names %s is a fault of its arguments', async (_, args) => {
    expect((await stop(args)).code).toBe(2);
    expect(await outcome('reporter')).toBe('issued');
  });

  test('says so when the service cannot be reached', async () => {
    const { code, err } = await stop(['--all'], { endpoint: `http://127.0.0.1:${await freePort()}` });
    expect(code).toBe(69);
    expect(err).toContain('ECONNREFUSED');
  });
});
