import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { readAuditLog } from '../../src/audit/read-log.ts';
import { verifyAuditLog } from '../../src/audit/verify-log.ts';
import { systemClock } from '../../src/core/clock.ts';
import { AwsSts } from '../fakes/aws-sts.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { redisServer } from '../support/redis-server.ts';
import {
  AUDIENCE,
  clusterIssuer,
  exchangeForm,
  freePort,
  install,
  type RunningCarnet,
  start,
} from '../support/running-carnet.ts';

const NAMES = ['reports', 'shared', 'denied', 'busy', 'down', 'stopped', 'hanging'] as const;
type Name = (typeof NAMES)[number];
/** Each in an account of its own, so that what is remembered of one is not felt by another. */
const account = (name: Name) => String(NAMES.indexOf(name) + 1).padStart(12, '0');
const role = (name: Name) => `arn:aws:iam::${account(name)}:role/${name}`;

function mapping(name: Name): string {
  return `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: ${name} }
spec:
  owner: team-payments@example.org
  subject: { issuer: prod-eu, namespace: payments, serviceAccount: reporter }
  target: { aws: { roleArn: '${role(name)}', region: eu-west-1 } }
  intents: unrestricted
  shareAcrossPods: ${name === 'shared'}
---
`;
}
const STOP = `apiVersion: carnet.dev/v1alpha1
kind: Guardrail
metadata: { name: stop-inc-42 }
spec: { match: { mappings: [stopped] }, deny: "true", message: INC-42 }
`;

let cluster: FakeCluster;
let sts: AwsSts;
let carnet: RunningCarnet;
let clock: FakeClock;

beforeAll(async () => {
  cluster = await FakeCluster.start({ now: () => clock.now() });
});
afterAll(() => cluster.close());
afterEach(async () => {
  await carnet.stop();
  await Promise.all([sts.close(), carnet.remove()]);
});

/** The whole product against AWS's double; time stands still unless a test moves it. */
async function run(more = ''): Promise<void> {
  clock = new FakeClock(systemClock.now());
  const port = await freePort();
  const provider = `http://127.0.0.1:${port}`;
  const audiences = ['sts.amazonaws.com'];
  sts = await AwsSts.start({
    clock,
    providers: [{ url: provider, clientIds: audiences }],
    roles: NAMES.map((name) => ({ arn: role(name), provider, audiences, subjects: [`mapping:${name}`] })),
  });
  const resources = clusterIssuer(cluster) + NAMES.map(mapping).join('');
  const endpoint = `clouds: { aws: { stsEndpoint: '${sts.url}' } }\n`;
  carnet = await start(await install({ cluster, resources, more: endpoint + more, port }), clock);
}

function podToken(name = 'reporter-0'): string {
  return cluster.token({ audiences: [AUDIENCE], serviceAccount: 'reporter', boundTo: { kind: 'pod', name } });
}

async function ask(name: Name, token = podToken(), more: Record<string, string> = {}) {
  const { status, body } = await carnet.exchange(exchangeForm(token, name, more));
  const credential = status === 200 ? JSON.parse(String(body['access_token'])) : {};
  return { status, body, credential, id: String(credential.AccessKeyId) };
}

async function records(of?: string) {
  const directory = join(carnet.folder, 'data/audit');
  const all = await Array.fromAsync(readAuditLog({ directory, stream: 'carnet' }));
  return of === undefined ? all : all.filter(({ credential }) => credential?.id === of);
}

async function metric(pattern: RegExp): Promise<number> {
  const text = await (await fetch(`${carnet.url}/metrics`)).text();
  return Number(pattern.exec(text)?.[1] ?? 0);
}

describe('credentials of a cloud (DESIGN sections 4 and 11)', () => {
  test('cost one call for hundreds of parallel callers with one token, each of whom is on record', async () => {
    await run();
    const token = podToken();
    const answers = await Promise.all(Array.from({ length: 300 }, () => ask('reports', token)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect(sts.calls).toHaveLength(1);
    const named = await records(answers[0]?.id);
    expect(named.map(({ type }) => type).toSorted()).toEqual(['issued', ...Array(299).fill('reused')]);
    expect(named[0]?.type).toBe('issued');
    expect(new Set(named.map(({ traceId }) => traceId)).size).toBe(300);
    const report = await verifyAuditLog({ directory: join(carnet.folder, 'data/audit') });
    expect(report).toMatchObject({ ok: true });
  });

  test('are those of one pod: another pod of the ServiceAccount gets its own', async () => {
    await run();
    const [first, again, other] = [await ask('reports'), await ask('reports'), await ask('reports', podToken('other'))];
    expect(again.id).toBe(first.id);
    expect(other.id).not.toBe(first.id);
    expect(sts.calls).toHaveLength(2);
  });

  test('are those of all pods of the ServiceAccount where the mapping shares them', async () => {
    await run();
    const [first, other] = [await ask('shared'), await ask('shared', podToken('other'))];
    expect(other.id).toBe(first.id);
    expect(sts.calls).toHaveLength(1);
    const stranger = cluster.token({ audiences: [AUDIENCE], serviceAccount: 'x', boundTo: { kind: 'pod', name: 'x' } });
    expect((await ask('shared', stranger)).status).toBe(400);
  });

  test('are handed out again within the ttl that is asked for only', async () => {
    await run();
    await ask('reports');
    clock.advance(60_000);
    const held = await ask('reports');
    expect(held.body['expires_in']).toBe(3540);
    const shorter = await ask('reports', podToken(), { requested_expires_in: '3000' });
    expect(shorter.id).not.toBe(held.id);
    expect(shorter.body['expires_in']).toBe(3000);
  });

  test('are renewed ahead of their end, and the call for it is on record like any other', async () => {
    await run();
    const { id } = await ask('reports');
    clock.advance(2_500_000);
    expect((await ask('reports')).id).toBe(id);
    await expect.poll(() => metric(/carnet_cloud_calls_total\{target="aws",outcome="issued"\} (\d+)/)).toBe(2);
    const next = await ask('reports');
    expect(next.id).not.toBe(id);
    expect(sts.calls).toHaveLength(2);
    expect((await records(next.id)).map(({ type }) => type)).toEqual(['issued', 'reused']);
    const types = (await records()).map(({ type }) => type).filter((type) => /allowed|issued|reused/.test(type));
    expect(types.filter((type) => type === 'allowed')).toHaveLength(4);
    const report = await verifyAuditLog({ directory: join(carnet.folder, 'data/audit') });
    expect(report).toMatchObject({ ok: true });
  });

  test('that are held are refused to whom a stop has come in between', async () => {
    await run();
    expect((await ask('stopped')).status).toBe(200);
    await carnet.writeResource('stop.yaml', STOP);
    await expect.poll(async () => (await ask('stopped')).body['reason']).toBe('guardrail');
    expect(sts.calls).toHaveLength(1);
    expect((await ask('reports')).status).toBe(200);
  });
});

describe('failures of a cloud (DESIGN section 4)', () => {
  test('that say no are not asked for again for ten seconds', async () => {
    await run();
    sts.fail({ kind: 'error', code: 'AccessDenied', status: 403 });
    for (const _ of [1, 2, 3]) {
      expect((await ask('denied')).body).toMatchObject({ error: 'invalid_target', reason: 'cloud_trust_missing' });
    }
    expect(sts.calls).toHaveLength(1);
    clock.advance(10_000);
    expect((await ask('denied')).status).toBe(200);
  });

  test('that say "later" are a 503 with what is left of Retry-After, for every pod and without a call', async () => {
    await run();
    sts.fail({ kind: 'error', code: 'Throttling', status: 400 });
    const form = () => new URLSearchParams(exchangeForm(podToken(), 'busy'));
    const post = () => fetch(`${carnet.url}/oauth2/token`, { method: 'POST', body: form() });
    expect([(await post()).status, (await ask('busy', podToken('other'))).status]).toEqual([503, 503]);
    clock.advance(4000);
    expect((await post()).headers.get('retry-after')).toBe('6');
    expect(sts.calls).toHaveLength(1);
    expect((await ask('reports')).status).toBe(200);
    clock.advance(6000);
    expect((await ask('busy')).status).toBe(200);
  });

  test('that may be over by now are a 503, and the next request asks again', async () => {
    await run();
    sts.fail({ kind: 'error', code: 'InternalFailure', status: 500 }, { kind: 'raw', status: 502, body: '<html>' });
    expect([(await ask('down')).status, (await ask('down')).status]).toEqual([503, 503]);
    expect((await ask('down')).status).toBe(200);
    expect(sts.calls).toHaveLength(3);
  });

  test('that are silence are a 503 for who waits, and others ask the same cloud meanwhile', async () => {
    await run();
    sts.fail({ kind: 'hang' });
    const hanging = Promise.all(Array.from({ length: 50 }, () => ask('hanging')));
    await expect.poll(() => sts.calls.length).toBe(1);
    const others = await Promise.all(Array.from({ length: 50 }, (_, pod) => ask('reports', podToken(`pod-${pod}`))));
    expect(new Set(others.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set((await hanging).map(({ status }) => status))).toEqual(new Set([503]));
    expect(sts.calls).toHaveLength(51);
  });
});

describe('nothing of a credential', () => {
  test('is on disk, in Redis, in the log or in a metric', async (context) => {
    const redis = await redisServer(context);
    await run(`cache: { redis: { url: 'redis://127.0.0.1:${redis.port}' } }\n`);
    const { credential } = await ask('reports');
    await ask('reports');
    const files = await readdir(carnet.folder, { recursive: true, withFileTypes: true });
    const onDisk = await Promise.all(
      files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name), 'latin1')),
    );
    expect(onDisk.some((text) => text.includes(credential.AccessKeyId))).toBe(true);
    const keys = await redis.client.keys('*');
    expect(keys.length).toBeGreaterThan(0);
    const values = await Promise.all(keys.map((key) => redis.client.get(key)));
    const metrics = await (await fetch(`${carnet.url}/metrics`)).text();
    const everything = [...onDisk, ...keys, ...values, carnet.log.join(''), metrics].join('\n');
    for (const secret of [credential.SecretAccessKey, credential.SessionToken]) {
      expect(secret.length).toBeGreaterThan(20);
      expect(everything.includes(secret)).toBe(false);
    }
  });
});
