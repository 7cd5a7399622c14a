import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeCluster } from '../fakes/cluster.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { type AdminAnswer, adminConfig, adminToken, askAdmin } from '../support/admin-api.ts';
import { CLUSTER, clusterIssuer, install, type RunningCarnet, start } from '../support/running-carnet.ts';

const LIMITED = [
  '{ role: approver, claim: groups, value: pay-leads, labels: { team: payments } }',
  '{ role: editor, claim: groups, value: pay-devs, labels: { team: payments } }',
  '{ role: viewer, claim: groups, value: pay-viewers, labels: { team: payments } }',
  '{ role: approver, claim: groups, value: shop-leads, labels: { team: shop } }',
  '{ role: approver, claim: groups, value: till-leads, grants: [till] }',
  '{ role: viewer, claim: groups, value: guests }',
];
const LEADS = ['pay-leads', 'shop-leads', 'till-leads'];

let cluster: FakeCluster;
let idp: FakeOidcIssuer;
let carnet: RunningCarnet;

/** A mapping of a team, whose approvers are the leads of all teams. */
function mapping(name: string, team: string, audience = name) {
  const justInTime = { approvals: 1, approvers: LEADS, maxDuration: '1h', reason: 'optional' };
  const spec = {
    owner: 'olga@example.org',
    subject: { issuer: CLUSTER, namespace: team, serviceAccount: 'repair' },
    target: { jwtSvid: { audiences: [audience] } },
    access: { justInTime },
  };
  return { apiVersion: 'carnet.dev/v1alpha1', kind: 'FederationMapping', metadata: { name, labels: { team } }, spec };
}

/** Somebody of these groups. */
function as(...groups: string[]) {
  const token = adminToken(idp, groups);
  const path = (name: string, query = '') => `access-requests/${name}${query}`;
  return {
    list: () => askAdmin(carnet.url, 'access-requests', { token }),
    get: (name: string) => askAdmin(carnet.url, path(name), { token }),
    ask: (of: string, team: string, query = '') =>
      askAdmin(carnet.url, path('new', query), {
        token,
        method: 'PUT',
        body: { mapping: of, identity: { issuer: CLUSTER, namespace: team, serviceAccount: 'repair' } },
      }),
    decide: (name: string, decision: string, etag: string | null, query = '') =>
      askAdmin(carnet.url, path(name, query), {
        token,
        method: 'PUT',
        body: { decision },
        headers: { 'if-match': String(etag) },
      }),
    withdraw: (name: string, etag: string | null) =>
      askAdmin(carnet.url, path(name), { token, method: 'DELETE', headers: { 'if-match': String(etag) } }),
  };
}

const names = ({ body }: AdminAnswer) =>
  (body['items'] as { document: { spec: { mapping: string } } }[]).map(({ document }) => document.spec.mapping).sort();
const requests = new Map<string, { readonly name: string; readonly etag: string | null }>();
const request = (of: string) => requests.get(of) ?? { name: '', etag: null };

beforeAll(async () => {
  cluster = await FakeCluster.start();
  idp = await FakeOidcIssuer.start();
  const grant = {
    apiVersion: 'carnet.dev/v1alpha1',
    kind: 'FederationGrant',
    metadata: { name: 'till' },
    spec: { from: { authors: ['till-leads'], namespaces: ['payments'] }, to: { audiences: ['till'] } },
  };
  const documents = [
    mapping('pay', 'payments'),
    mapping('pay-again', 'payments'),
    mapping('till', 'payments'),
    mapping('shop', 'shop'),
    mapping('matrix', 'payments'),
    grant,
  ].map((one) => JSON.stringify(one));
  const resources = [clusterIssuer(cluster), ...documents].join('\n---\n');
  const more = adminConfig(idp, LIMITED);
  carnet = await start(await install({ cluster, resources, allowOrigins: [idp.issuer], more }));
  for (const [of, team] of [
    ['pay', 'payments'],
    ['pay-again', 'payments'],
    ['till', 'payments'],
    ['shop', 'shop'],
  ] as const) {
    const { status, body, etag } = await as('editors').ask(of, team);
    expect(status).toBe(201);
    requests.set(of, { name: String(body['name']), etag });
  }
});

afterAll(async () => {
  await carnet.stop();
  await cluster.close();
  await idp.close();
  await carnet.remove();
});

describe('access requests and roles for some documents', () => {
  test('are seen by whoever reads the mapping, and by nobody else', async () => {
    expect(names(await as('pay-leads').list())).toEqual(['pay', 'pay-again', 'till']);
    expect(names(await as('pay-viewers').list())).toEqual(['pay', 'pay-again', 'till']);
    expect(names(await as('shop-leads').list())).toEqual(['shop']);
    expect(names(await as('till-leads').list())).toEqual(['till']);
    expect(names(await as('guests').list())).toEqual(['pay', 'pay-again', 'shop', 'till']);
    expect((await as('nobody').list()).status).toBe(403);
  });

  test('that are out of sight are as if they were not there, whatever is tried', async () => {
    const { name, etag } = request('shop');
    const leads = as('pay-leads');
    for (const answer of [
      await leads.get(name),
      await leads.decide(name, 'approve', etag),
      await leads.decide(name, 'deny', '"7"'),
      await leads.withdraw(name, etag),
    ]) {
      const { trace_id: _, ...body } = answer.body;
      const absent = (await leads.get(`ar-${'0'.repeat(32)}`)).body;
      expect({ ...body, trace_id: absent['trace_id'] }).toEqual(absent);
    }
    expect((await as('guests').get(name)).body['state']).toBe('asked');
  });

  test('are decided on by a limited approver whom the mapping names, and by no limited viewer', async () => {
    const { name, etag } = request('pay');
    expect((await as('pay-viewers').get(name)).status).toBe(200);
    for (const who of ['pay-viewers', 'pay-devs']) {
      expect((await as(who).decide(name, 'approve', etag)).status, who).toBe(403);
    }
    expect(await as('pay-leads').decide(name, 'approve', etag)).toMatchObject({
      status: 200,
      body: { request: { state: 'approved' } },
    });
  });

  test('are decided on by who is limited by a grant that covers the mapping, and not beyond it', async () => {
    const till = request('till');
    expect((await as('till-leads').decide(request('pay-again').name, 'approve', '"1"')).status).toBe(404);
    expect((await as('till-leads').decide(till.name, 'deny', till.etag)).status).toBe(200);
  });

  test('hold limited approvers to the rules of all: whoever asked does not approve, and may withdraw', async () => {
    const leads = as('pay-leads');
    const asked = await leads.ask('pay-again', 'payments');
    expect(asked.status).toBe(200);
    const { name } = request('pay-again');
    expect(await leads.decide(name, 'approve', asked.etag)).toMatchObject({
      status: 403,
      body: { detail: 'whoever asks does not approve' },
    });
    expect((await as('pay-devs').withdraw(name, asked.etag)).body['detail']).toMatch('does not name this person');
    expect((await leads.withdraw(name, asked.etag)).status).toBe(200);
  });

  test('are asked within the labels; a mapping beyond them is as one that is not there', async () => {
    const beyond = await as('pay-devs').ask('shop', 'shop');
    const absent = await as('pay-devs').ask('absent', 'shop');
    expect(beyond.status).toBe(422);
    expect({ ...beyond.body, trace_id: '' }).toEqual({ ...absent.body, trace_id: '' });
    expect((await as('pay-viewers').ask('pay-again', 'payments')).status).toBe(403);
    expect((await as('pay-devs').ask('pay-again', 'payments')).status).toBe(201);
  });

  test('of one who reads everything and decides for some are all seen and only those decided on', async () => {
    const both = as('guests', 'pay-leads');
    const { name, etag } = request('shop');
    expect((await both.get(name)).status).toBe(200);
    expect(await both.decide(name, 'approve', etag)).toMatchObject({
      status: 403,
      body: { detail: 'to decide on access of this mapping is outside what this identity may' },
    });
  });
});

describe('every role on every path of access requests', () => {
  const ACTIONS = ['get', 'ask', 'approve', 'deny', 'withdraw'] as const;
  let asked: { readonly name: string; readonly etag: string | null };
  beforeAll(async () => {
    const { status, body, etag } = await as('approvers').ask('matrix', 'payments');
    expect(status).toBe(201);
    asked = { name: String(body['name']), etag };
  });

  test.each([
    ['viewers', [200, 403, 403, 403, 403]],
    ['editors', [200, 200, 403, 403, 403]],
    // Who has asked, and is not named.
    ['approvers', [200, 200, 403, 403, 200]],
    ['auditors', [200, 403, 403, 403, 403]],
    ['owners', [200, 200, 403, 200, 200]],
    ['guests', [200, 403, 403, 403, 403]],
    ['pay-viewers', [200, 403, 403, 403, 403]],
    ['pay-devs', [200, 200, 403, 403, 403]],
    ['pay-leads', [200, 200, 200, 200, 200]],
    ['shop-leads', [404, 422, 404, 404, 404]],
    ['till-leads', [404, 422, 404, 404, 404]],
    ['nobody', [403, 403, 403, 403, 403]],
  ])('%s', async (who, wanted) => {
    const one = as(who);
    const { name, etag } = asked;
    const dry = '?dryRun=true';
    const statuses = [(await one.get(name)).status, (await one.ask('matrix', 'payments', dry)).status];
    for (const decision of ACTIONS.slice(2)) statuses.push((await one.decide(name, decision, etag, dry)).status);
    expect(Object.fromEntries(ACTIONS.map((action, n) => [action, statuses[n]]))).toEqual(
      Object.fromEntries(ACTIONS.map((action, n) => [action, wanted[n]])),
    );
    expect((await as('owners').get(name)).etag).toBe(etag);
  });
});
