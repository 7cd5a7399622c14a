import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { FakeCluster } from '../fakes/cluster.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { send } from '../routes/door-fixture.ts';
import { adminConfig, adminToken, askAdmin } from '../support/admin-api.ts';
import {
  AUDIENCE,
  CLUSTER,
  clusterIssuer,
  exchangeForm,
  install,
  type RunningCarnet,
  start,
} from '../support/running-carnet.ts';

interface Described {
  readonly requestBody?: { readonly content: Record<string, { readonly example?: object }> };
}
const { paths } = parse(readFileSync(join(import.meta.dirname, '../../openapi.yaml'), 'utf8')) as {
  paths: Record<string, Record<string, Described>>;
};
const ADMIN_PATHS = Object.keys(paths).filter((path) => path.startsWith('/admin/'));
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPPATCH', 'LOCK'];
/** What servers and proxies have taken for another method, user or path. */
const HEADERS: readonly (readonly [string, string][])[] = [
  [],
  ...['PUT', 'DELETE'].map((method): [string, string][] => [
    ['x-http-method-override', method],
    ['x-http-method', method],
    ['x-method-override', method],
  ]),
  [
    ['x-forwarded-user', 'owner'],
    ['x-remote-user', 'owner'],
    ['x-remote-group', 'owners'],
    ['x-original-url', '/admin/v1/owner'],
    ['cookie', 'role=owner'],
  ],
];

const LIMITED = [
  '{ role: editor, claim: groups, value: payments-editors, labels: { team: payments } }',
  '{ role: viewer, claim: groups, value: payments-viewers, labels: { team: payments } }',
  '{ role: auditor, claim: groups, value: payments-auditors, labels: { team: payments } }',
  '{ role: approver, claim: groups, value: payments-approvers, labels: { team: payments } }',
  '{ role: editor, claim: groups, value: pay-grant-editors, grants: [pay] }',
  '{ role: editor, claim: groups, value: prod-editors, labels: { env: prod } }',
];

let cluster: FakeCluster;
let idp: FakeOidcIssuer;
let carnet: RunningCarnet;
let port: number;
const etags = new Map<string, string>();

/** The example of a PUT, or of the POST that reads, and the path filled with its name. */
function exampleOf(path: string) {
  const { put, post } = paths[path] ?? {};
  const value = (put ?? post)?.requestBody?.content['application/json']?.example;
  return { value, filled: path.replace('{name}', 'example') };
}

beforeAll(async () => {
  cluster = await FakeCluster.start();
  idp = await FakeOidcIssuer.start();
  const options = { resources: clusterIssuer(cluster), allowOrigins: [idp.issuer], more: adminConfig(idp, LIMITED) };
  carnet = await start(await install({ cluster, ...options }));
  port = Number(new URL(carnet.url).port);
});

afterAll(async () => {
  await carnet.stop();
  await cluster.close();
  await idp.close();
  await carnet.remove();
});

type Json = Record<string, unknown>;
const TEAM = { team: 'payments' };

function resource(kind: string, name: string, spec: object, labels: object = {}): Json {
  return { apiVersion: 'carnet.dev/v1alpha1', kind, metadata: { name, labels }, spec };
}

/** An SVID of audience `till` for the account of its name. */
function mappingOf(name: string, labels: object, changes: object = {}): Json {
  const subject = { issuer: CLUSTER, namespace: 'payments', serviceAccount: name };
  const spec = { owner: 'team@example.org', subject, target: { jwtSvid: { audiences: ['till'] } }, ...changes };
  return resource('FederationMapping', name, spec, labels);
}

function write(token: string, path: string, body: Json, etag?: string) {
  const headers = etag === undefined ? {} : { 'if-match': etag };
  return askAdmin(carnet.url, path, { token, method: 'PUT', body, headers });
}

function replay(group: string, body: Json, query = '') {
  return askAdmin(carnet.url, `replay${query}`, { token: adminToken(idp, [group]), method: 'POST', body });
}

/** All that is stored and all that is in force, as an owner and the store itself tell it. */
async function everything() {
  const token = adminToken(idp, ['owners']);
  const collections = ADMIN_PATHS.filter((path) => path.endsWith('{name}')).map((path) => path.split('/')[3]);
  const lists = await Promise.all(
    [...new Set(collections)].map((path) => askAdmin(carnet.url, String(path), { token })),
  );
  using database = new DatabaseSync(join(carnet.folder, 'data/carnet.db'), { readOnly: true });
  const stored = database
    .prepare(
      "select * from documents where collection in ('resources', 'admin', 'deleted-mappings', 'access-requests') order by 1, 2",
    )
    .all();
  return { lists: lists.map(({ status, body }) => [status, body]), stored };
}

/** Every path, those with a name once as it is and once for something new, by every method and with every header. */
async function tryEverything(token: string | undefined) {
  for (const path of ADMIN_PATHS) {
    const { value, filled } = exampleOf(path);
    for (const name of path.includes('{name}') ? ['example', 'novel'] : ['example']) {
      const target = filled.replace('example', name);
      const body = JSON.stringify(value ?? {}).replaceAll('"name":"example"', `"name":"${name}"`);
      for (const method of METHODS) {
        for (const more of HEADERS) {
          const headers: [string, string][] = [
            ...(token === undefined ? [] : [['authorization', `Bearer ${token}`] as [string, string]]),
            ['content-type', 'application/json'],
            ...(name === 'novel' ? [] : [['if-match', etags.get(target) ?? '"1"'] as [string, string]]),
            ...more,
          ];
          const bodies = method === 'GET' || method === 'HEAD' ? {} : { body };
          for (const query of ['', '?_method=PUT&method=DELETE']) {
            const { status } = await send(port, { method, path: `${target}${query}`, headers, ...bodies });
            const said = `${method} ${target}${query}`;
            expect(status, said).toBeLessThan(500);
            if (!['GET', 'HEAD', 'POST'].includes(method)) expect(status, said).toBeGreaterThanOrEqual(400);
          }
        }
      }
    }
  }
}

describe('roles, over every path of openapi.yaml', () => {
  test('an owner can do what the document describes, so that the refusals below mean something', async () => {
    const token = adminToken(idp, ['owners']);
    // An AccessRequest is for a mapping that asks for one: test/integration/access.test.ts.
    const puts = ADMIN_PATHS.filter(
      (path) => path.endsWith('{name}') && 'put' in (paths[path] ?? {}) && !path.includes('/access-requests/'),
    );
    expect(puts.length).toBeGreaterThanOrEqual(4);
    for (const path of puts) {
      const { value: body, filled } = exampleOf(path);
      const answer = await askAdmin(carnet.url, filled.replace('/admin/v1/', ''), { token, method: 'PUT', body });
      expect([path, answer.status, answer.body['faults']]).toEqual([path, 201, undefined]);
      etags.set(filled, String(answer.etag));
    }
    const grant = { from: { namespaces: ['payments'] }, to: { audiences: ['till'] } };
    expect((await write(token, 'grants/pay', resource('FederationGrant', 'pay', grant))).status).toBe(201);
    expect((await write(token, 'mappings/ours', mappingOf('ours', TEAM))).status).toBe(201);
  });

  test.each(['viewer', 'approver', 'auditor', 'stranger', 'payments-viewer', 'payments-approver'])(
    'a %s can change nothing by any path, method or header',
    async (role) => {
      const before = await everything();
      await tryEverything(adminToken(idp, [`${role}s`]));
      expect(await everything()).toEqual(before);
    },
    60_000,
  );

  test.each(['payments-editor', 'pay-grant-editor'])(
    'a %s can change nothing outside of where the role holds, by any path, method or header',
    async (role) => {
      const before = await everything();
      await tryEverything(adminToken(idp, [`${role}s`]));
      expect(await everything()).toEqual(before);
    },
    60_000,
  );

  test.each([
    ['nobody', () => undefined],
    ['a workload', () => cluster.token()],
  ])(
    '%s can change nothing by any path, method or header',
    async (_, token) => {
      const before = await everything();
      await tryEverything(token());
      expect(await everything()).toEqual(before);
    },
    60_000,
  );

  describe('a limited role', () => {
    const editor = () => adminToken(idp, ['payments-editors'], 'pat');
    const put = (document: Json, etag?: string) =>
      write(editor(), `mappings/${String((document['metadata'] as Json)['name'])}`, document, etag);

    test('is told with its limits', async () => {
      const { body } = await askAdmin(carnet.url, 'whoami', { token: editor() });
      expect(body).toMatchObject({ roles: [], limited: [{ role: 'editor', labels: TEAM }] });
    });

    test('lets write within the labels, where a grant covers, and what it wrote is issued', async () => {
      const made = await put(mappingOf('theirs', TEAM));
      expect([made.status, made.body['faults']]).toEqual([201, undefined]);
      const { body } = await askAdmin(carnet.url, 'mappings/theirs', { token: editor() });
      expect(body['source']).toMatchObject({ author: { subject: 'pat', as: ['payments-editors'], scoped: true } });
      const token = cluster.token({ namespace: 'payments', serviceAccount: 'theirs', audiences: [AUDIENCE] });
      expect((await carnet.exchange(exchangeForm(token, 'theirs'))).status).toBe(200);
    });

    test('refuses what no grant covers, also as a dry run, and says which field of which grant is short', async () => {
      const document = mappingOf('beyond', TEAM, { target: { jwtSvid: { audiences: ['others'] } } });
      for (const query of ['', '?dryRun=true']) {
        const { status, body } = await write(editor(), `mappings/beyond${query}`, document);
        expect([status, body['faults']]).toMatchObject([
          422,
          [
            {
              field: 'spec.target.jwtSvid.audiences',
              message: 'no FederationGrant covers it; the nearest, example, does not by to.audiences',
            },
          ],
        ]);
      }
    });

    test('refuses another label, no label, and a label by which somebody else is limited', async () => {
      for (const labels of [{ team: 'shop' }, {}, { ...TEAM, env: 'prod' }]) {
        expect((await put(mappingOf('fresh', labels))).status).toBe(403);
      }
      const { etag } = await askAdmin(carnet.url, 'mappings/ours', { token: editor() });
      for (const labels of [{ team: 'shop' }, {}, { ...TEAM, env: 'prod' }]) {
        expect((await put(mappingOf('ours', labels), String(etag))).status).toBe(403);
      }
      expect((await put(mappingOf('ours', { ...TEAM, note: 'free' }), String(etag))).status).toBe(200);
    });

    test('lists, gets and explains what it holds for, and nothing else', async () => {
      for (const role of ['payments-editors', 'payments-viewers']) {
        const token = adminToken(idp, [role]);
        const { body } = await askAdmin(carnet.url, 'mappings', { token });
        const names = (body['items'] as Json[]).map(({ document }) => ((document as Json)['metadata'] as Json)['name']);
        expect(names).toEqual(['ours', 'theirs']);
        expect((await askAdmin(carnet.url, 'mappings/example', { token })).status).toBe(404);
        expect((await askAdmin(carnet.url, 'grants', { token })).body['items']).toEqual([]);
        const explain = (serviceAccount: string, address: string) =>
          askAdmin(carnet.url, 'explain', {
            token,
            method: 'POST',
            body: { identity: { issuer: CLUSTER, namespace: 'payments', serviceAccount }, address },
          });
        expect((await explain('ours', 'ours')).body['decision']).toMatchObject({ outcome: 'allowed' });
        expect((await explain('reporter', 'example')).status).toBe(404);
        expect((await explain('reporter', 'nowhere')).status).toBe(404);
        for (const path of ['audit', 'audit?outstanding=true']) {
          expect((await askAdmin(carnet.url, path, { token })).status).toBe(403);
        }
        expect((await askAdmin(carnet.url, 'access-requests', { token })).body['items']).toEqual([]);
      }
      const asked = { token: editor(), method: 'POST', body: mappingOf('theirs', TEAM) };
      const { status, body: refusal } = await askAdmin(carnet.url, 'replay?replace=all', asked);
      expect([status, refusal['detail']]).toEqual([403, expect.stringMatching(/, not limited to some documents$/)]);
    });

    test('as an auditor reads what its mappings did, and no other record, nor of what other roles do', async () => {
      const token = adminToken(idp, ['payments-auditors']);
      const { status, body } = await askAdmin(carnet.url, 'audit?limit=500', { token });
      const records = body['items'] as Json[];
      expect([status, new Set(records.map(({ mapping, admin }) => mapping ?? (admin as Json)['name']))]).toEqual([
        200,
        new Set(['ours', 'theirs']),
      ]);
      expect(records.map(({ type }) => type)).toEqual(expect.arrayContaining(['allowed', 'issued', 'changed']));
      const out = await askAdmin(carnet.url, 'audit?outstanding=true', { token });
      expect((out.body['outstanding'] as Json[]).map(({ mapping }) => mapping)).toEqual(['theirs']);
      const review = await askAdmin(carnet.url, 'audit?report=review', { token });
      expect((review.body['review'] as Json[]).map(({ mapping }) => mapping)).toEqual(['ours', 'theirs']);
      expect((await replay('payments-auditors', mappingOf('theirs', TEAM))).status).toBe(403);
    });

    test('as an editor replays what it may write, and is told of its mappings alone', async () => {
      const { status, body } = await replay('payments-editors', mappingOf('theirs', TEAM, { ttl: { max: '2m' } }));
      expect(status).toBe(200);
      expect(body['requests']).toMatchObject({ seen: 1, replayed: 1 });
      expect(body['candidate']).toMatchObject({ changed: { groups: [{ label: { differs: ['ttl shorter'] } }] } });
      expect(body['unused']).toEqual({ count: 1, mappings: ['ours'] });
      const whole = await replay('owners', mappingOf('theirs', TEAM, { ttl: { max: '2m' } }));
      expect(whole.body['requests']).toMatchObject({ replayed: 1 });
      expect((whole.body['unused'] as Json)['mappings']).toContain('example');
    });

    test('as an editor replays nothing of another: no mapping, no guardrail, no end of what is not in the text', async () => {
      const free = await replay('payments-editors', mappingOf('example', {}));
      expect([free.status, free.body['detail']]).toEqual([403, expect.stringContaining('outside what this identity')]);
      const guardrail = resource('Guardrail', 'tight', { maxTtl: '1m' }, TEAM);
      expect((await replay('payments-editors', guardrail)).status).toBe(403);
      expect((await replay('payments-editors', mappingOf('theirs', TEAM), '?replace=all')).status).toBe(403);
      const uncovered = mappingOf('theirs', TEAM, {
        addresses: ['till'],
        target: { jwtSvid: { audiences: ['others'] } },
      });
      const { body } = await replay('payments-editors', uncovered);
      expect((body['candidate'] as Json)['toRefused']).toMatchObject({
        groups: [{ label: { reason: 'not_granted' } }],
      });
      expect((await replay('payments-viewers', mappingOf('theirs', TEAM))).status).toBe(403);
    });

    test('by a grant is for what that grant covers', async () => {
      const token = adminToken(idp, ['pay-grant-editors']);
      expect((await write(token, 'mappings/granted', mappingOf('granted', {}))).status).toBe(201);
      const beyond = mappingOf('granted2', {}, { target: { jwtSvid: { audiences: ['others'] } } });
      expect((await write(token, 'mappings/granted2', beyond)).status).toBe(403);
      const { body } = await askAdmin(carnet.url, 'grants', { token });
      expect(body['items']).toMatchObject([{ document: { metadata: { name: 'pay' } } }]);
    });

    test('stops issuing with the grant, at the next snapshot', async () => {
      const owner = adminToken(idp, ['owners']);
      const { etag } = await askAdmin(carnet.url, 'grants/pay', { token: owner });
      const answer = await askAdmin(carnet.url, 'grants/pay', {
        token: owner,
        method: 'DELETE',
        headers: { 'if-match': String(etag) },
      });
      expect(answer.status).toBe(200);
      const token = cluster.token({ namespace: 'payments', serviceAccount: 'theirs', audiences: [AUDIENCE] });
      const { status, body } = await carnet.exchange(exchangeForm(token, 'theirs'));
      expect([status, body['reason']]).toEqual([400, 'not_granted']);
    });
  });

  test('an editor changes mappings and nothing else', async () => {
    const token = adminToken(idp, ['editors']);
    const change = (filled: string) =>
      askAdmin(carnet.url, filled.replace('/admin/v1/', ''), {
        token,
        method: 'DELETE',
        headers: { 'if-match': etags.get(filled) ?? '' },
      });
    expect((await change('/admin/v1/issuers/example')).status).toBe(403);
    expect((await change('/admin/v1/guardrails/example')).status).toBe(403);
    expect((await change('/admin/v1/mappings/example')).status).toBe(200);
  });
});
