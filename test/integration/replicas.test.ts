import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { FakeCluster } from '../fakes/cluster.ts';
import { postgresForFile } from '../support/postgres-server.ts';
import { redisServer } from '../support/redis-server.ts';
import {
  AUDIENCE,
  clusterIssuer,
  exchangeForm,
  freePort,
  type Installation,
  install,
} from '../support/running-carnet.ts';

const CARNET = join(import.meta.dirname, '../../bin/carnet');
const PURPOSES = ['', '/svid'];
const postgres = postgresForFile(afterAll);
let cluster: FakeCluster;
beforeAll(async () => {
  cluster = await FakeCluster.start();
});
afterAll(() => cluster.close());

interface Replica extends Installation {
  /** Runs it until it is ready; whatever runs is killed when the test ends. */
  serve(): Promise<ChildProcess>;
  /** Exit code and standard error of a `carnet` command on its configuration. */
  carnet(...command: string[]): Promise<{ code: number; out: string; err: string }>;
  jwks(purpose: string): Promise<JSONWebKeySet>;
  exchange(token: string): Promise<{ status: number; token: string }>;
}

/** Installations of one Carnet: one PostgreSQL, one Redis and one key-encryption key; folders and ports of their own. */
async function replicas(context: TestContext, count = 2, more = '') {
  const server = await postgres(context);
  const database = await server.database();
  const redis = await redisServer(context);
  const kek = `${randomBytes(32).toString('base64')}\n`;
  const issuer = `http://127.0.0.1:${await freePort()}`;
  const resources = `${clusterIssuer(cluster)}apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: mesh }
spec:
  owner: platform@example.org
  subject: { issuer: prod-eu, namespace: '*', serviceAccount: '*' }
  target: { jwtSvid: { audiences: [ledger] } }
  replay: once
`;
  const all: Replica[] = [];
  for (let index = 0; index < count; index += 1) {
    const installed = await install({ cluster, resources });
    context.onTestFinished(() => installed.remove());
    const store = `{ postgres: { url: '${database}', passwordFile: '${server.passwordFile}' } }`;
    const text = installed.configText
      .replace(/^issuer: .*$/m, `issuer: ${issuer}`)
      .replace(/^store: .*$/m, `store: ${store}\ncache: { redis: { url: 'redis://127.0.0.1:${redis.port}' } }`)
      .replace(/^audit: .*$/m, (line) => (more === '' ? line : more));
    await writeFile(installed.configFile, text);
    await mkdir(join(installed.folder, 'data'));
    await writeFile(join(installed.folder, 'data/kek'), kek, { mode: 0o600 });
    all.push(replica(context, installed));
  }
  const [first, second, third = second] = all;
  if (first === undefined || second === undefined || third === undefined) throw new Error('two at least');
  return { server, database, first, second, third, issuer };
}

function replica(context: TestContext, installed: Installation): Replica {
  const { url, configFile } = installed;
  const serve = async () => {
    const child = spawn(CARNET, ['serve', '--config', configFile], { stdio: 'ignore' });
    context.onTestFinished(() => void child.kill('SIGKILL'));
    const ready = async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.status;
    await expect.poll(ready).toBe(200);
    return child;
  };
  const carnet = async (...command: string[]) => {
    const run = promisify(execFile)(CARNET, [...command, '--config', configFile]);
    const {
      code = 0,
      stdout,
      stderr,
    } = await run.then(
      (done) => ({ ...done, code: 0 }),
      (failed: { code: number; stdout: string; stderr: string }) => failed,
    );
    return { code, out: stdout, err: stderr };
  };
  const jwks = async (purpose: string) =>
    (await (await fetch(`${url}${purpose}/.well-known/jwks.json`)).json()) as JSONWebKeySet;
  const exchange = async (token: string) => {
    const answer = await fetch(`${url}/oauth2/token`, {
      method: 'POST',
      body: new URLSearchParams(exchangeForm(token, 'ledger')),
    });
    const body = (await answer.json()) as { access_token?: string };
    return { status: answer.status, token: body.access_token ?? '' };
  };
  return { ...installed, serve, carnet, jwks, exchange };
}

const podToken = () => cluster.token({ audiences: [AUDIENCE], boundTo: { kind: 'pod', name: 'reporter-7d9f' } });
const kids = ({ keys }: JSONWebKeySet) => keys.map(({ kid }) => kid).sort();

describe('two replicas on one PostgreSQL', () => {
  test('that start at once on an empty one publish one key set, and a restart adds none (DESIGN section 11)', async (context) => {
    const { first, second } = await replicas(context);
    const [child] = await Promise.all([first.serve(), second.serve()]);
    const sets = async () =>
      await Promise.all(PURPOSES.map(async (purpose) => [await first.jwks(purpose), await second.jwks(purpose)]));
    const before = await sets();
    for (const [one, other] of before) {
      expect(one?.keys).toHaveLength(1);
      expect(other).toEqual(one);
    }
    child.kill('SIGTERM');
    await once(child, 'exit');
    await first.serve();
    expect(await sets()).toEqual(before);
  });

  test('are one issuer: what one signs verifies by the keys of the other, and a used token is used for both', async (context) => {
    const { first, second, issuer } = await replicas(context);
    await Promise.all([first.serve(), second.serve()]);
    const token = podToken();
    const answer = await first.exchange(token);
    expect(answer.status).toBe(200);
    const keys = createLocalJWKSet(await second.jwks('/svid'));
    const { payload } = await jwtVerify(answer.token, keys, { issuer: `${issuer}/svid`, audience: 'ledger' });
    expect(payload.sub).toBe('spiffe://example.org/cluster/prod-eu/ns/payments/sa/reporter');
    expect((await second.exchange(token)).status).toBe(400);
    expect((await second.exchange(podToken())).status).toBe(200);
  });

  test('go on without each other when one is killed, and without PostgreSQL', async (context) => {
    const { server, first, second, third } = await replicas(context, 3);
    const [child] = await Promise.all([first.serve(), second.serve()]);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect((await second.exchange(podToken())).status).toBe(200);
    await server.kill();
    for (let times = 0; times < 5; times += 1) expect((await second.exchange(podToken())).status).toBe(200);
    // One that has run may have a copy of what was in the store by now, and start from that.
    const refused = await third.carnet('serve');
    expect([refused.code, refused.err]).toEqual([
      78,
      expect.stringContaining('store.postgres.url: the server cannot be reached'),
    ]);
    await server.start();
    await first.serve();
    expect((await first.exchange(podToken())).status).toBe(200);
  });

  test('both publish a key that a command has prepared, without a restart', async (context) => {
    const { first, second } = await replicas(context);
    await Promise.all([first.serve(), second.serve()]);
    const before = kids(await second.jwks('/svid'));
    const prepared = await first.carnet('keys', 'prepare', '--purpose', 'svid');
    expect(prepared.code).toBe(0);
    for (const each of [first, second]) await expect.poll(async () => kids(await each.jwks('/svid'))).toHaveLength(2);
    expect(kids(await second.jwks('/svid'))).toEqual(kids(await first.jwks('/svid')));
    expect(kids(await second.jwks('/svid'))).toEqual(expect.arrayContaining(before));
    expect((await second.exchange(podToken())).status).toBe(200);
  });

  test('write a stream each, and each proves its own', async (context) => {
    const { server, database, first, second } = await replicas(context);
    await Promise.all([first.serve(), second.serve()]);
    const heads = await server.sql(database, `select name from documents where collection = 'audit-heads'`);
    expect(heads).toHaveLength(2);
    expect((await first.exchange(podToken())).status).toBe(200);
    for (const each of [first, second]) {
      const { code, out } = await each.carnet('audit', 'verify', '--output', 'json');
      const report = JSON.parse(out);
      expect([code, report.ok, report.streams.length, report.elsewhere.length]).toEqual([0, true, 1, 1]);
    }
  });

  test('are refused one stream: the second does not start, and says what to name', async (context) => {
    const { first, second } = await replicas(context, 2, 'audit: { directory: ./data/audit, stream: carnet-0 }');
    await first.serve();
    const refused = await second.carnet('serve');
    expect([refused.code, refused.err]).toEqual([78, expect.stringContaining('audit.stream')]);
    expect((await first.exchange(podToken())).status).toBe(200);
  });
});

describe('commands on a PostgreSQL in which no Carnet has been', () => {
  test('make nothing there, and end with 78', async (context) => {
    const { server, database, first } = await replicas(context);
    for (const command of [
      ['keys', 'list'],
      ['audit', 'verify'],
    ]) {
      const { code, err } = await first.carnet(...command);
      expect([code, err]).toEqual([
        78,
        expect.stringContaining('store.postgres.url: there is nothing in the database'),
      ]);
    }
    expect(await server.sql(database, `select 1 from pg_tables where schemaname = 'public'`)).toEqual([]);
  });
});
