import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { FakeCluster } from '../fakes/cluster.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { adminConfig, adminToken, askAdmin } from '../support/admin-api.ts';
import { postgresForFile } from '../support/postgres-server.ts';
import { AUDIENCE, clusterIssuer, exchangeForm, install } from '../support/running-carnet.ts';

const CARNET = join(import.meta.dirname, '../../bin/carnet');
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

function document(kind: string, name: string, spec: object) {
  return { apiVersion: 'carnet.dev/v1alpha1', kind, metadata: { name }, spec };
}

const mapping = (name: string) =>
  document('FederationMapping', name, {
    owner: 'platform@example.org',
    subject: { issuer: 'prod-eu', namespace: 'payments', serviceAccount: '*' },
    target: { jwtSvid: { audiences: [name] } },
  });

/** One replica whose resources are in a PostgreSQL, and what happens to the two. */
async function replica(context: TestContext) {
  const server = await postgres(context);
  const database = await server.database();
  const installed = await install({
    cluster,
    resources: clusterIssuer(cluster),
    allowOrigins: [idp.issuer],
    more: adminConfig(idp),
  });
  context.onTestFinished(() => installed.remove());
  const { url, folder, configFile, configText } = installed;
  const store = `store: { postgres: { url: '${database}', passwordFile: '${server.passwordFile}' } }`;
  await writeFile(configFile, configText.replace(/^store: .*$/m, store));
  await mkdir(join(folder, 'data'));
  await writeFile(join(folder, 'data/kek'), `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  let child: ChildProcess | undefined;
  context.onTestFinished(() => void child?.kill('SIGKILL'));
  const serve = async () => {
    child = spawn(CARNET, ['serve', '--config', configFile], { stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = once(child, 'exit');
    const said: string[] = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes) => void said.push(String(bytes)));
    const ready = async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.status ?? child?.exitCode;
    await expect.poll(ready).not.toBeNull();
    return {
      exitCode: async () => ((await ended)[0] as number | null) ?? 0,
      said: () => said.join(''),
      status: await ready(),
    };
  };
  const crash = async () => {
    const ended = child && once(child, 'exit');
    child?.kill('SIGKILL');
    await ended;
  };
  const outcome = async (address: string) => {
    const boundTo = { kind: 'pod', name: 'reporter-7d9f' } as const;
    const token = cluster.token({ audiences: [AUDIENCE], boundTo, namespace: 'payments', serviceAccount: 'reporter' });
    const body = new URLSearchParams(exchangeForm(token, address));
    const answer = await fetch(`${url}/oauth2/token`, { method: 'POST', body });
    const { reason, error, access_token: token_ } = (await answer.json()) as Record<string, string>;
    return { said: answer.status === 200 ? 'issued' : (reason ?? error), token: token_ };
  };
  const put = async (path: string, body: object) => {
    const answer = await askAdmin(url, path, { token: adminToken(idp, ['owners']), method: 'PUT', body });
    return answer.status;
  };
  const kids = async () => {
    const jwks = (await (await fetch(`${url}/svid/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] };
    return jwks.keys.map(({ kid }) => kid);
  };
  const parts = async () => {
    const answer = (await (await fetch(`${url}/readyz`)).json()) as { parts: { name: string; state: string }[] };
    return answer.parts.find(({ name }) => name === 'store')?.state;
  };
  const copies = async () =>
    (await readdir(join(folder, 'data/audit'))).filter((name) => /\.store\.[a-z-]+$/.test(name));
  return { ...installed, server, serve, crash, outcome, put, kids, parts, copies };
}

type Replica = Awaited<ReturnType<typeof replica>>;

/** Every collection that a start reads has been copied. */
async function copied({ copies }: Replica) {
  const kinds = async () => (await copies()).map((name) => name.split('.store.')[1]).sort();
  const wanted = ['access-requests', 'deleted-mappings', 'key-owners', 'resource-history', 'resources', 'signing-keys'];
  await expect.poll(kinds).toEqual(expect.arrayContaining(wanted));
}

describe('a replica that starts while PostgreSQL is down', () => {
  test('serves what was in force, with the keys of before, and goes on with the store once it is back', async (context) => {
    const one = await replica(context);
    await one.serve();
    expect(await one.put('mappings/ledger', mapping('ledger'))).toBe(201);
    expect(await one.put('mappings/books', mapping('books'))).toBe(201);
    expect(
      await one.put(
        'guardrails/stop-books',
        document('Guardrail', 'stop-books', { match: { mappings: ['books'] }, deny: 'true' }),
      ),
    ).toBe(201);
    expect((await one.outcome('ledger')).said).toBe('issued');
    const before = await one.kids();
    await copied(one);
    for (const name of await one.copies()) {
      expect((await stat(join(one.folder, 'data/audit', name))).mode & 0o777).toBe(0o600);
    }
    await one.server.kill();
    await one.crash();
    expect((await one.serve()).status).toBe(200);
    expect([(await one.outcome('ledger')).said, (await one.outcome('books')).said]).toEqual(['issued', 'guardrail']);
    expect([await one.kids(), await one.parts()]).toEqual([before, 'degraded']);
    expect(await one.put('mappings/more', mapping('more'))).toBe(503);
    expect(await one.put('guardrails/stop-all', document('Guardrail', 'stop-all', { deny: 'true' }))).toBe(201);
    expect((await one.outcome('ledger')).said).toBe('guardrail');
    await one.server.start();
    await expect.poll(one.parts).toBeUndefined();
    await expect.poll(() => one.put('mappings/more', mapping('more'))).toBe(201);
    const names = async () => {
      const { body } = await askAdmin(one.url, 'guardrails', { token: adminToken(idp, ['owners']) });
      return (body['items'] as { document: { metadata: { name: string } } }[]).map(
        (item) => item.document.metadata.name,
      );
    };
    expect(await names()).toEqual(['stop-all', 'stop-books']);
    // The log goes on in the same stream, and the store knows its head again.
    expect((await one.outcome('ledger')).said).toBe('guardrail');
    await one.crash();
    expect((await one.serve()).status).toBe(200);
  });

  test('does not believe a copy that was changed, nor one under another key, nor start without one', async (context) => {
    const one = await replica(context);
    await one.serve();
    expect(await one.put('mappings/ledger', mapping('ledger'))).toBe(201);
    await copied(one);
    await one.server.kill();
    await one.crash();
    const [path = ''] = (await one.copies()).filter((name) => name.endsWith('.resources'));
    const file = join(one.folder, 'data/audit', path);
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('"ledger"', '"redger"'));
    const changed = await one.serve();
    expect(changed.status).not.toBe(200);
    expect([await changed.exitCode(), changed.said()]).toEqual([78, expect.stringContaining('store.postgres.url')]);
    await writeFile(file, text);
    expect((await one.serve()).status).toBe(200);
    await one.crash();
    await rm(file);
    expect((await one.serve()).status).not.toBe(200);
  });
});
