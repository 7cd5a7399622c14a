import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { run } from '../../src/cli/program.ts';
import { FakeSurroundings } from '../cli/fake-surroundings.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { adminConfig, adminToken, askAdmin } from '../support/admin-api.ts';
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
const POD = { kind: 'pod', name: 'reporter-7d9f' } as const;

const postgres = postgresForFile(afterAll);
let cluster: FakeCluster;
let idp: FakeOidcIssuer;
beforeAll(async () => {
  cluster = await FakeCluster.start();
  idp = await FakeOidcIssuer.start();
});
afterAll(async () => {
  await cluster.close();
  await idp.close();
});

interface Replica extends Installation {
  serve(): Promise<ChildProcess>;
  /** `issued`, or why not. */
  outcome(serviceAccount: string): Promise<string>;
}

function replica(context: TestContext, installed: Installation): Replica {
  const { url, configFile } = installed;
  return {
    ...installed,
    async serve() {
      const child = spawn(CARNET, ['serve', '--config', configFile], { stdio: 'ignore' });
      context.onTestFinished(() => void child.kill('SIGKILL'));
      const ready = async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.status;
      await expect.poll(ready).toBe(200);
      return child;
    },
    async outcome(serviceAccount) {
      const token = cluster.token({ audiences: [AUDIENCE], boundTo: POD, namespace: 'payments', serviceAccount });
      const body = new URLSearchParams(exchangeForm(token, 'ledger'));
      const answer = await fetch(`${url}/oauth2/token`, { method: 'POST', body });
      const { reason, error } = (await answer.json()) as { reason?: string; error?: string };
      return answer.status === 200 ? 'issued' : (reason ?? error ?? '');
    },
  };
}

/** Two replicas of one Carnet on a PostgreSQL; with a Redis they share that too. */
async function pair(context: TestContext, { redis = true } = {}) {
  const server = await postgres(context);
  const database = await server.database();
  const cache = redis ? await redisServer(context) : undefined;
  const kek = `${randomBytes(32).toString('base64')}\n`;
  const issuer = `http://127.0.0.1:${await freePort()}`;
  const resources = `${clusterIssuer(cluster)}apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: mesh }
spec:
  owner: platform@example.org
  subject: { issuer: prod-eu, namespace: payments, serviceAccount: '*' }
  target: { jwtSvid: { audiences: [ledger] } }
`;
  const make = async () => {
    const options = { resources, allowOrigins: [idp.issuer], more: adminConfig(idp) };
    const installed = await install({ cluster, ...options });
    context.onTestFinished(() => installed.remove());
    const store = `store: { postgres: { url: '${database}', passwordFile: '${server.passwordFile}' } }`;
    const shared = cache === undefined ? '' : `\ncache: { redis: { url: 'redis://127.0.0.1:${cache.port}' } }`;
    const text = installed.configText
      .replace(/^issuer: .*$/m, `issuer: ${issuer}`)
      .replace(/^store: .*$/m, `${store}${shared}`);
    await writeFile(installed.configFile, text);
    await mkdir(join(installed.folder, 'data'));
    await writeFile(join(installed.folder, 'data/kek'), kek, { mode: 0o600 });
    return replica(context, installed);
  };
  return { server, database, cache, first: await make(), second: await make() };
}

let stops = 0;

async function stop(replicas: readonly Replica[], args: readonly string[]) {
  const [first] = replicas;
  const around = new FakeSurroundings({ workingDirectory: first?.folder ?? '' });
  // Each has a name of its own, by the millisecond.
  stops += 1;
  around.clock.advance(stops);
  await writeFile(join(first?.folder ?? '', 'token'), adminToken(idp, ['owners']));
  const endpoints = replicas.flatMap(({ url }) => ['--endpoint', url]);
  const code = await run(['stop', ...args, ...endpoints, '--token-file', 'token'], around);
  return { code, name: around.stdout.split('\n')[0] ?? '', err: around.stderr };
}

const both = (replicas: readonly Replica[], serviceAccount: string) => async () =>
  await Promise.all(replicas.map((one) => one.outcome(serviceAccount)));
const written = (database: string) =>
  `select name, version from documents where collection = 'resources' and name like 'Guardrail/stop-%' order by name -- ${database}`;

describe('an emergency stop', () => {
  test('reaches both replicas, also with the store down, outlives a restart and is in the store once (DESIGN 12)', async (context) => {
    const { server, database, first, second } = await pair(context);
    const replicas = [first, second];
    await first.serve();
    const child = await second.serve();
    expect(await both(replicas, 'reporter')()).toEqual(['issued', 'issued']);
    expect((await stop([first], ['--subject', 'payments/reporter'])).code).toBe(0);
    await expect.poll(both(replicas, 'reporter')).toEqual(['guardrail', 'guardrail']);

    await server.kill();
    expect(await both(replicas, 'clerk')()).toEqual(['issued', 'issued']);
    // What the claims give is what somebody may, also while the store cannot say who the first owner is.
    const viewer = adminToken(idp, ['viewers']);
    expect((await askAdmin(first.url, 'whoami', { token: viewer })).body['roles']).toEqual(['viewer']);
    expect((await askAdmin(first.url, 'whoami', { token: adminToken(idp, ['nobody']) })).status).toBe(503);
    const { code, err, name } = await stop([first], ['--subject', 'payments/clerk']);
    expect(code).toBe(0);
    expect(err).toContain('the store cannot be reached');
    await expect.poll(both(replicas, 'clerk')).toEqual(['guardrail', 'guardrail']);
    expect(await both(replicas, 'driver')()).toEqual(['issued', 'issued']);

    child.kill('SIGKILL');
    await once(child, 'exit');
    await server.start();
    await second.serve();
    expect(await second.outcome('clerk')).toBe('guardrail');
    const kept = async () =>
      (await server.sql(database, written(database))).filter((row) => row['name'] === `Guardrail/${name}`);
    await expect.poll(kept).toEqual([{ name: `Guardrail/${name}`, version: expect.anything() }]);
    expect(Number((await kept())[0]?.['version'])).toBe(1);
    expect(await both(replicas, 'clerk')()).toEqual(['guardrail', 'guardrail']);

    const token = adminToken(idp, ['owners']);
    const etag = async () => (await askAdmin(first.url, `guardrails/${name}`, { token })).etag;
    await expect.poll(etag).toBe('"1"');
    const headers = { 'if-match': '"1"' };
    expect((await askAdmin(first.url, `guardrails/${name}`, { token, method: 'DELETE', headers })).status).toBe(200);
    await expect.poll(both(replicas, 'clerk')).toEqual(['issued', 'issued']);
  });

  test('is kept by a replica alone that is killed before the store is back, and by nobody who was not asked', async (context) => {
    const { server, first, second } = await pair(context, { redis: false });
    const child = await first.serve();
    await second.serve();
    await server.kill();
    expect((await stop([first], ['--all'])).code).toBe(0);
    expect(await both([first, second], 'clerk')()).toEqual(['guardrail', 'issued']);
    const { code, err } = await stop([first, second], ['--subject', 'payments/clerk']);
    expect([code, err.match(/stopped by Guardrail/g)?.length]).toEqual([0, 2]);
    expect(await second.outcome('clerk')).toBe('guardrail');
    child.kill('SIGKILL');
    await once(child, 'exit');
    await server.start();
    await first.serve();
    expect(await first.outcome('driver')).toBe('guardrail');
    await expect.poll(() => second.outcome('driver')).toBe('guardrail');
  });

  test('that is forged in Redis stops nobody', async (context) => {
    const { first, second, cache } = await pair(context);
    await first.serve();
    const [key = ''] = (await cache?.client.keys('*')) ?? [];
    const prefix = key.split(':').slice(0, 3).join(':');
    const spec = { deny: 'true', message: 'forged' };
    const document = { apiVersion: 'carnet.dev/v1alpha1', kind: 'Guardrail', metadata: { name: 'stop-forged' }, spec };
    const body = `${Date.now()}\n${JSON.stringify([{ document, author: { issuer: 'a', subject: 'b', as: [] }, at: 1 }])}`;
    await cache?.client.set(`${prefix}:stops`, `${randomBytes(32).toString('base64url')}\n${body}`);
    await second.serve();
    const asked = async () =>
      Number((await cache?.client.info('commandstats'))?.match(/cmdstat_getrange:calls=(\d+)/)?.[1] ?? 0);
    const before = await asked();
    await expect.poll(asked).toBeGreaterThan(before + 4);
    expect(prefix).toMatch(/^carnet:/);
    expect(await both([first, second], 'clerk')()).toEqual(['issued', 'issued']);
  });

  test('comes into force beside a broken file, a quarantined mapping and a folder that cannot be read', async (context) => {
    const { first, second } = await pair(context);
    await first.serve();
    await first.writeResource('team.yaml', 'kind: [');
    await first.writeResource(
      'other.yaml',
      'apiVersion: carnet.dev/v1alpha1\nkind: FederationMapping\nmetadata: { name: bad }\nspec: { owner: 1 }\n',
    );
    expect((await stop([first], ['--subject', 'payments/clerk'])).code).toBe(0);
    expect(await first.outcome('clerk')).toBe('guardrail');
    await rm(join(first.folder, 'resources'), { recursive: true });
    const { code, name } = await stop([first], ['--all']);
    expect(code).toBe(0);
    // Its mappings refuse by now, whoever asks.
    expect(['guardrail', 'inactive']).toContain(await first.outcome('driver'));
    const token = adminToken(idp, ['owners']);
    expect((await askAdmin(first.url, `guardrails/${name}`, { token })).body).toMatchObject({ state: 'in-force' });
    await second.serve();
    expect(await second.outcome('driver')).toBe('guardrail');
  });

  test('is not forgotten by a start that cannot read what was held: it ends with 78 and says so', async (context) => {
    const { first } = await pair(context, { redis: false });
    await mkdir(join(first.folder, 'data/audit'));
    const file = join(first.folder, 'data/audit/carnet.stops.json');
    const streams = await first.serve().then(async (child) => {
      child.kill('SIGTERM');
      await once(child, 'exit');
      return (await readdir(join(first.folder, 'data/audit'), { withFileTypes: true })).filter((one) =>
        one.isDirectory(),
      );
    });
    for (const { name } of streams) await writeFile(file.replace('carnet.stops', `${name}.stops`), '[{"document":');
    const child = spawn(CARNET, ['serve', '--config', first.configFile], { stdio: ['ignore', 'ignore', 'pipe'] });
    context.onTestFinished(() => void child.kill('SIGKILL'));
    const [said, [code]] = await Promise.all([Array.fromAsync(child.stderr), once(child, 'exit')]);
    expect(code).toBe(78);
    expect(Buffer.concat(said).toString()).toContain('holds no emergency stops; restore it, or remove it to end them');
  });
});
