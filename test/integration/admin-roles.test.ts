import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { FakeCluster } from '../fakes/cluster.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { send } from '../routes/door-fixture.ts';
import { adminConfig, adminToken, askAdmin } from '../support/admin-api.ts';
import { clusterIssuer, install, type RunningCarnet, start } from '../support/running-carnet.ts';

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
  const options = { resources: clusterIssuer(cluster), allowOrigins: [idp.issuer], more: adminConfig(idp) };
  carnet = await start(await install({ cluster, ...options }));
  port = Number(new URL(carnet.url).port);
});

afterAll(async () => {
  await carnet.stop();
  await cluster.close();
  await idp.close();
  await carnet.remove();
});

async function everything() {
  const token = adminToken(idp, ['viewers']);
  const lists = await Promise.all(
    ['issuers', 'mappings', 'guardrails'].map((path) => askAdmin(carnet.url, path, { token })),
  );
  return lists.map(({ status, body }) => [status, body]);
}

describe('roles, over every path of openapi.yaml', () => {
  test('an owner can do what the document describes, so that the refusals below mean something', async () => {
    const token = adminToken(idp, ['owners']);
    const puts = ADMIN_PATHS.filter((path) => path.endsWith('{name}'));
    expect(puts.length).toBeGreaterThanOrEqual(3);
    for (const path of puts) {
      const { value: body, filled } = exampleOf(path);
      const answer = await askAdmin(carnet.url, filled.replace('/admin/v1/', ''), { token, method: 'PUT', body });
      expect([path, answer.status, answer.body['faults']]).toEqual([path, 201, undefined]);
      etags.set(filled, String(answer.etag));
    }
  });

  test.each(['viewer', 'approver', 'auditor', 'stranger'])(
    'a %s can change nothing by any path, method or header',
    async (role) => {
      const before = await everything();
      const token = adminToken(idp, [`${role}s`]);
      for (const path of ADMIN_PATHS) {
        const { value, filled } = exampleOf(path);
        for (const method of METHODS) {
          for (const more of HEADERS) {
            const headers: [string, string][] = [
              ['authorization', `Bearer ${token}`],
              ['content-type', 'application/json'],
              ['if-match', etags.get(filled) ?? '"1"'],
              ...more,
            ];
            const query = '?_method=PUT&method=DELETE';
            const bodies = method === 'GET' || method === 'HEAD' ? {} : { body: JSON.stringify(value ?? {}) };
            const plain = await send(port, { method, path: filled, headers, ...bodies });
            const overridden = await send(port, { method, path: `${filled}${query}`, headers, ...bodies });
            const reads = method === 'GET' || (method === 'POST' && path === '/admin/v1/explain');
            for (const { status } of [plain, overridden]) {
              expect([200, 400, 401, 403, 404, 405], `${method} ${filled}`).toContain(status);
              if (!reads) expect(status, `${method} ${filled}`).not.toBe(200);
            }
          }
        }
      }
      expect(await everything()).toEqual(before);
    },
    60_000,
  );

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
