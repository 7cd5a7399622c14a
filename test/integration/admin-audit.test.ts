import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeCluster } from '../fakes/cluster.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { adminConfig, adminToken, askAdmin } from '../support/admin-api.ts';
import {
  AUDIENCE,
  clusterIssuer,
  exchangeForm,
  install,
  type RunningCarnet,
  start,
} from '../support/running-carnet.ts';

const MAPPING = `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: mesh }
spec:
  owner: platform@example.org
  subject: { issuer: prod-eu, namespace: payments, serviceAccount: '*' }
  when: identity.serviceAccount != 'clerk'
  target: { jwtSvid: { audiences: [ledger] } }
`;

let cluster: FakeCluster;
let idp: FakeOidcIssuer;
let carnet: RunningCarnet;
const traces: Record<string, string> = {};

async function exchange(serviceAccount: string) {
  const pod = { kind: 'pod', name: 'reporter-7d9f' } as const;
  const token = cluster.token({ audiences: [AUDIENCE], boundTo: pod, namespace: 'payments', serviceAccount });
  return carnet.exchange(exchangeForm(token, 'ledger'));
}

beforeAll(async () => {
  cluster = await FakeCluster.start();
  idp = await FakeOidcIssuer.start();
  const options = { resources: clusterIssuer(cluster) + MAPPING, allowOrigins: [idp.issuer], more: adminConfig(idp) };
  carnet = await start(await install({ cluster, ...options }));
  const refused = await exchange('clerk');
  traces['clerk'] = String(refused.body['trace_id']);
  for (let number = 0; number < 4; number += 1) expect((await exchange('reporter')).status).toBe(200);
});

afterAll(async () => {
  await carnet.stop();
  await cluster.close();
  await idp.close();
  await carnet.remove();
});

function audit(query: string, role = 'auditor') {
  return askAdmin(carnet.url, `audit${query}`, { token: adminToken(idp, [`${role}s`]) });
}

const items = (body: Record<string, unknown>) => body['items'] as Record<string, unknown>[];

describe('GET /admin/v1/audit', () => {
  test('shows what happened, newest first, with what the answer covers', async () => {
    const { status, body } = await audit('?mapping=mesh&type=allowed');
    expect(status).toBe(200);
    const seqs = items(body).map(({ seq }) => Number(seq));
    expect(seqs).toEqual(seqs.toSorted((a, b) => b - a));
    expect(seqs).toHaveLength(4);
    expect(body).toMatchObject({ coverage: { streams: ['carnet'], complete: true, unreadable: 0 } });
  });

  test('finds a refusal by its trace, with the truth that the caller was not told', async () => {
    const { body } = await audit(`?trace=${traces['clerk']}`);
    expect(items(body)).toMatchObject([
      { type: 'refused', reason: 'condition_not_met', identity: { serviceAccount: 'clerk' }, mapping: 'mesh' },
    ]);
  });

  test('goes on where a page ended, and has nothing twice', async () => {
    const seqs: unknown[] = [];
    let query = '?limit=3&type=allowed';
    for (;;) {
      const { body } = await audit(query);
      seqs.push(...items(body).map(({ seq }) => seq));
      if (body['next'] === undefined) break;
      query = `?limit=3&type=allowed&cursor=${body['next']}`;
    }
    expect(seqs).toHaveLength(4);
    expect(new Set(seqs).size).toBe(4);
  });

  test('takes a window as instants or as how long ago', async () => {
    expect(items((await audit('?from=1h')).body).length).toBeGreaterThan(4);
    const { body } = await audit('?from=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z');
    expect(items(body)).toEqual([]);
  });

  test('lists the credentials that have not ended, with what cuts them off', async () => {
    const { body } = await audit('?outstanding=true&mapping=mesh');
    const found = body['outstanding'] as Record<string, unknown>[];
    expect(found).toHaveLength(4);
    expect(found[0]).toMatchObject({ kind: 'jwtSvid', target: 'ledger', serviceAccount: 'reporter' });
    expect(Number(found[0]?.['secondsLeft'])).toBeGreaterThan(200);
    expect(found[0]?.['cutOff']).toMatchObject({ note: expect.stringContaining('cannot be revoked') });
    expect((await audit('?outstanding=true&mapping=other')).body['outstanding']).toEqual([]);
  });

  test.each(['viewer', 'editor', 'approver', 'stranger'])('is not for a %s', async (role) => {
    expect((await audit('', role)).status).toBe(403);
    expect((await audit('?outstanding=true', role)).status).toBe(403);
  });

  test('is for an owner', async () => {
    expect((await audit('', 'owner')).status).toBe(200);
  });

  test.each([
    ['?colour=red', 'query'],
    ['?from=yesterday', 'from'],
    ['?until=2026-11-27', 'until'],
    ['?limit=501', 'limit'],
    ['?cursor=x', 'cursor'],
    [`?cursor=${Buffer.from('[["carnet",1,5]]').toString('base64url')}`, 'cursor'],
    [`?cursor=${Buffer.from('[["../carnet",1,0]]').toString('base64url')}`, 'cursor'],
    ['?mapping=', 'mapping'],
    ['?type=refusd', 'type'],
    ['?outstanding=maybe', 'outstanding'],
    ['?outstanding=true&trace=x', 'trace'],
  ])('refuses %s, naming %s', async (query, field) => {
    expect(await audit(query)).toMatchObject({ status: 400, body: { field } });
  });
});

describe('reports of GET /admin/v1/audit', () => {
  test('are of the mappings that are in force, with what the answer covers', async () => {
    const { body } = await audit('?report=review');
    expect(body).toMatchObject({
      review: [
        { mapping: 'mesh', subject: 'prod-eu payments/*', allowed: 4, workloads: ['prod-eu payments/reporter'] },
      ],
      coverage: { streams: ['carnet'], complete: true },
    });
    expect((await audit('?report=advice')).body['advice']).toEqual([]);
    expect((await audit('?report=advice&until=1h')).body['advice']).toMatchObject([{ kind: 'unused' }]);
    expect((await audit('?report=promotion')).body['promotion']).toEqual([]);
  });

  test.each([
    ['?report=gossip', 'report'],
    ['?report=review&mapping=mesh', 'mapping'],
  ])('refuse %s, naming %s', async (query, field) => {
    expect(await audit(query)).toMatchObject({ status: 400, body: { field } });
  });

  test('are not for a viewer', async () => {
    expect((await audit('?report=review', 'viewer')).status).toBe(403);
  });
});
