import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeCluster } from '../fakes/cluster.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { ADMIN_AUDIENCE, adminConfig, adminToken, askAdmin } from '../support/admin-api.ts';
import {
  AUDIENCE,
  clusterIssuer,
  exchangeForm,
  install,
  type RunningCarnet,
  start,
} from '../support/running-carnet.ts';

const POD = { kind: 'pod', name: 'reporter-7d9f' } as const;

let cluster: FakeCluster;
let idp: FakeOidcIssuer;
let carnet: RunningCarnet;

beforeAll(async () => {
  cluster = await FakeCluster.start();
  idp = await FakeOidcIssuer.start();
  const resources = clusterIssuer(cluster) + JSON.stringify(mapping('from-file', 'of-file'));
  carnet = await start(
    await install({ cluster, resources, allowOrigins: [idp.issuer], more: adminConfig(idp).replaceAll('\t', ' ') }),
  );
});

afterAll(async () => {
  await carnet.stop();
  await cluster.close();
  await idp.close();
  await carnet.remove();
});

function mapping(name: string, audience: string, more: object = {}) {
  const subject = { issuer: 'prod-eu', namespace: 'payments', serviceAccount: '*' };
  return {
    apiVersion: 'carnet.dev/v1alpha1',
    kind: 'FederationMapping',
    metadata: { name },
    spec: { owner: 'platform@example.org', subject, target: { jwtSvid: { audiences: [audience] } }, ...more },
  };
}

function guardrail(name: string, spec: object) {
  return { apiVersion: 'carnet.dev/v1alpha1', kind: 'Guardrail', metadata: { name }, spec };
}

const as = (role: string) => adminToken(idp, [`${role}s`]);

function put(path: string, body: unknown, role: string, headers: Record<string, string> = {}) {
  return askAdmin(carnet.url, path, { token: as(role), method: 'PUT', body, headers });
}

function remove(path: string, role: string, headers: Record<string, string> = {}) {
  return askAdmin(carnet.url, path, { token: as(role), method: 'DELETE', headers });
}

function get(path: string, role = 'viewer') {
  return askAdmin(carnet.url, path, { token: as(role) });
}

async function outcome(audience: string): Promise<string> {
  const token = cluster.token({ audiences: [AUDIENCE], boundTo: POD });
  const { status, body } = await carnet.exchange(exchangeForm(token, audience));
  return status === 200 ? 'issued' : String(body['reason'] ?? body['error']);
}

async function auditRecords(): Promise<Record<string, unknown>[]> {
  const folder = join(carnet.folder, 'data/audit/carnet');
  const files = (await readdir(folder)).filter((name) => name !== 'lock').toSorted();
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
  return texts.flatMap((text) => text.trimEnd().split('\n')).map((line) => JSON.parse(line));
}

describe('signing in to the admin API', () => {
  test('a token of the configured issuer gives the roles that its claims name, and no others', async () => {
    const token = adminToken(idp, ['editors', 'strangers'], 'alice');
    expect(await askAdmin(carnet.url, 'whoami', { token })).toMatchObject({
      status: 200,
      body: { issuer: idp.issuer, subject: 'alice', roles: ['editor'] },
    });
  });

  test('a signed-in person whose claims name no role may read nothing', async () => {
    const token = adminToken(idp, ['strangers']);
    expect((await askAdmin(carnet.url, 'whoami', { token })).body['roles']).toEqual([]);
    expect(await askAdmin(carnet.url, 'mappings', { token })).toMatchObject({
      status: 403,
      type: 'application/problem+json',
      body: { type: 'urn:carnet:problem:forbidden', status: 403 },
    });
  });

  const refused: [string, () => string | undefined][] = [
    ['no token', () => undefined],
    ['a token for another audience', () => idp.token('https://other.example.org', { groups: ['owners'] })],
    ['an expired token', () => idp.token(ADMIN_AUDIENCE, { groups: ['owners'], exp: 1_000, iat: 500, nbf: 500 })],
    ['a token of a trusted cluster', () => cluster.token({ audiences: [AUDIENCE], boundTo: POD })],
    ['a token with another signature', () => `${as('owner').slice(0, -6)}AAAAAA`],
    ['a token that is none', () => 'x'.repeat(43)],
  ];
  test.each(refused)('%s is refused with a challenge and learns nothing', async (_, token) => {
    const given = token();
    const answer = await askAdmin(carnet.url, 'mappings', given === undefined ? {} : { token: given });
    expect(answer).toMatchObject({
      status: 401,
      type: 'application/problem+json',
      body: { type: 'urn:carnet:problem:unauthenticated' },
    });
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer /);
    expect(JSON.stringify(answer.body)).not.toContain('from-file');
  });

  test('a role claim that is one text counts like a list of one', async () => {
    const token = idp.token(ADMIN_AUDIENCE, { groups: 'auditors' });
    expect((await askAdmin(carnet.url, 'whoami', { token })).body['roles']).toEqual(['auditor']);
  });
});

describe('the bootstrap token', () => {
  const bootstrap = async () => (await readFile(join(carnet.folder, 'data/admin-token'), 'utf8')).trim();
  const name = async (token: string, owner: object) =>
    askAdmin(carnet.url, 'owner', { token, method: 'PUT', body: owner });

  test('names the first owner, once, and may nothing else', async () => {
    const token = await bootstrap();
    expect((await askAdmin(carnet.url, 'mappings', { token })).status).toBe(403);
    expect((await name(as('owner'), { issuer: idp.issuer, subject: 'mallory' })).status).toBe(403);
    expect(await name(token, { issuer: 'https://other.example.org', subject: 'alice' })).toMatchObject({
      status: 422,
      body: { field: 'issuer' },
    });

    const alice = adminToken(idp, [], 'alice');
    expect((await askAdmin(carnet.url, 'whoami', { token: alice })).body['roles']).toEqual([]);
    expect((await name(token, { issuer: idp.issuer, subject: 'alice' })).status).toBe(201);
    expect((await askAdmin(carnet.url, 'whoami', { token: alice })).body['roles']).toEqual(['owner']);

    // Used up: it is no longer a token of anybody.
    expect((await name(token, { issuer: idp.issuer, subject: 'mallory' })).status).toBe(401);
    const records = await auditRecords();
    expect(records.map((record) => record['admin'])).toContainEqual({
      by: { issuer: 'carnet', subject: 'bootstrap token' },
      action: 'name-owner',
      name: 'alice',
    });
    expect(JSON.stringify(records)).not.toContain(token);
    expect(carnet.log.join('')).not.toContain(token);
  });
});

describe('mappings by the API', () => {
  test('one that is put is in force when the answer comes, changed with its ETag, and gone when deleted', async () => {
    expect(await outcome('api-ledger')).toBe('invalid_target');
    const created = await put('mappings/api', mapping('api', 'api-ledger'), 'editor');
    expect(created).toMatchObject({
      status: 201,
      body: { dryRun: false, inForce: true, changes: { added: [{ kind: 'FederationMapping', name: 'api' }] } },
    });
    expect(await outcome('api-ledger')).toBe('issued');

    const read = await get('mappings/api');
    expect(read).toMatchObject({ status: 200, etag: created.etag, body: { source: { type: 'store' }, faults: [] } });
    expect(read.body['document']).toEqual(mapping('api', 'api-ledger'));

    const changed = mapping('api', 'api-ledger', { ttl: { max: '10m' } });
    const second = await put('mappings/api', changed, 'editor', { 'if-match': String(created.etag) });
    expect(second).toMatchObject({ status: 200, body: { changes: { added: [], changed: [{ name: 'api' }] } } });
    expect(second.etag).not.toBe(created.etag);

    expect((await remove('mappings/api', 'editor', { 'if-match': String(second.etag) })).status).toBe(200);
    expect(await outcome('api-ledger')).toBe('invalid_target');
    expect((await get('mappings/api')).status).toBe(404);
  });

  test('nobody writes over or deletes what he has not read', async () => {
    const body = mapping('twice', 'twice');
    const { etag } = await put('mappings/twice', body, 'editor');
    const { etag: now } = await put('mappings/twice', body, 'editor', { 'if-match': String(etag) });
    const attempts = [
      await put('mappings/twice', body, 'editor'),
      await put('mappings/twice', body, 'editor', { 'if-match': String(etag) }),
      await put('mappings/twice', body, 'editor', { 'if-none-match': '*' }),
      await remove('mappings/twice', 'editor'),
      await remove('mappings/twice', 'editor', { 'if-match': String(etag) }),
      await put('mappings/new', mapping('new', 'new'), 'editor', { 'if-match': '"1"' }),
    ];
    expect(attempts.map(({ status }) => status)).toEqual([428, 412, 412, 428, 412, 412]);
    expect((await get('mappings/twice')).etag).toBe(now);
    expect((await get('mappings/new')).status).toBe(404);
  });

  test('a dry run tells what would change and changes nothing', async () => {
    const before = await get('mappings');
    const answer = await put('mappings/dry?dryRun=true', mapping('dry', 'dry'), 'editor');
    expect(answer).toMatchObject({
      status: 200,
      body: { dryRun: true, inForce: false, changes: { added: [{ kind: 'FederationMapping', name: 'dry' }] } },
    });
    expect((await get('mappings')).body).toEqual(before.body);
    expect(await outcome('dry')).toBe('invalid_target');
  });

  test('one that is wrong is refused with each fault, its field and its mend', async () => {
    const answer = await put('mappings/wrong', mapping('wrong', 'wrong', { ttll: { max: '1h' } }), 'editor');
    expect(answer).toMatchObject({
      status: 422,
      type: 'application/problem+json',
      body: {
        type: 'urn:carnet:problem:invalid',
        faults: [{ severity: 'error', field: 'spec.ttll', message: 'is not a known field', mend: 'did you mean ttl?' }],
      },
    });
    expect((await get('mappings/wrong')).status).toBe(404);
  });

  test.each<[string, unknown, number]>([
    ['of another name', mapping('other', 'x'), 422],
    ['of another kind', guardrail('named', { maxTtl: '1h' }), 422],
    ['that is two documents', '{}\n---\n{}\n', 422],
    ['that is no document', 'nothing: [', 422],
    ['larger than 64 KiB', 'x'.repeat(70_000), 413],
  ])('a body %s is refused', async (_, body, status) => {
    expect((await put('mappings/named', body, 'editor')).status).toBe(status);
  });

  test('a document of a file shows where it comes from and is changed there only', async () => {
    const { etag, body } = await get('mappings/from-file');
    const source = { type: 'file', path: join(carnet.folder, 'resources/resources.yaml') };
    expect([etag, body]).toMatchObject([null, { state: 'in-force', source }]);
    const changed = await put('mappings/from-file', mapping('from-file', 'else'), 'owner');
    const deleted = await remove('mappings/from-file', 'owner');
    expect([changed, deleted]).toMatchObject([
      { status: 409, body: { type: 'urn:carnet:problem:from-file' } },
      { status: 409, body: { type: 'urn:carnet:problem:from-file' } },
    ]);
  });

  test('lists come by name in pages, by source and by label', async () => {
    for (const name of ['page-a', 'page-b', 'page-c']) {
      const body = { ...mapping(name, name), metadata: { name, labels: { team: 'pages' } } };
      expect((await put(`mappings/${name}`, body, 'editor')).status).toBe(201);
    }
    const names = ({ body }: { body: Record<string, unknown> }) =>
      (body['items'] as { document: { metadata: { name: string } } }[]).map(({ document }) => document.metadata.name);
    const first = await get('mappings?label=team%3Dpages&limit=2');
    expect([names(first), first.body['next']]).toEqual([['page-a', 'page-b'], 'page-b']);
    const second = await get('mappings?label=team%3Dpages&limit=2&after=page-b');
    expect([names(second), second.body['next']]).toEqual([['page-c'], undefined]);
    expect(names(await get('mappings?source=file'))).toEqual(['from-file']);
    expect(await get('mappings?limit=0')).toMatchObject({ status: 400, body: { field: 'limit' } });
    expect((await get('mappings?colour=red')).status).toBe(400);
  });

  test('the audience of the admin API is none that an SVID may carry (DESIGN section 8)', async () => {
    expect(await put('mappings/reserved', mapping('reserved', ADMIN_AUDIENCE), 'owner')).toMatchObject({
      status: 422,
      body: { faults: [{ field: 'spec.target.jwtSvid.audiences[0]' }] },
    });
    expect((await put('mappings/reserved', mapping('reserved', `${ADMIN_AUDIENCE}/not`), 'owner')).status).toBe(201);
  });

  test('the name of a deleted mapping is for an owner to use again (DESIGN section 8)', async () => {
    const { etag } = await put('mappings/reused', mapping('reused', 'reused'), 'editor');
    await remove('mappings/reused', 'editor', { 'if-match': String(etag) });
    expect(await put('mappings/reused', mapping('reused', 'reused'), 'editor')).toMatchObject({
      status: 403,
      body: { field: 'metadata.name' },
    });
    expect((await put('mappings/reused', mapping('reused', 'reused'), 'owner')).status).toBe(201);
  });
});

describe('issuers and guardrails by the API', () => {
  test('only an owner writes them', async () => {
    const stop = guardrail('stop-inc-7', { match: { mappings: ['from-file'] }, deny: 'true', message: 'INC-7' });
    for (const role of ['viewer', 'editor', 'approver', 'auditor']) {
      expect((await put('guardrails/stop-inc-7', stop, role)).status, role).toBe(403);
    }
    expect(await outcome('of-file')).toBe('issued');
    const { status, etag } = await put('guardrails/stop-inc-7', stop, 'owner');
    expect([status, await outcome('of-file')]).toEqual([201, 'guardrail']);
    await remove('guardrails/stop-inc-7', 'owner', { 'if-match': String(etag) });
    expect(await outcome('of-file')).toBe('issued');
  });

  test('an issuer shows without the files that it names, and one by the API may name none (DESIGN section 5)', async () => {
    const { body } = await get('issuers/prod-eu');
    expect(JSON.stringify(body['document'])).not.toMatch(/prod-eu-ca\.pem|prod-eu-token/);
    expect(body['document']).toMatchObject({ spec: { keys: { discovery: { caFile: '(a file)' } } } });
    const issuer = {
      apiVersion: 'carnet.dev/v1alpha1',
      kind: 'TrustedIssuer',
      metadata: { name: 'edge' },
      spec: { issuer: 'https://edge.example.org', audiences: ['edge'], kubernetes: {} },
    };
    const keys = (discovery: object) => ({ ...issuer, spec: { ...issuer.spec, keys: { discovery } } });
    expect(await put('issuers/edge', keys({ bearerTokenFile: '/etc/passwd' }), 'owner')).toMatchObject({
      status: 422,
      body: {
        faults: [
          {
            field: 'spec.keys.discovery.bearerTokenFile',
            message: 'is only for documents from files',
            mend: 'put the document into a file that resources of carnet.yaml name',
          },
        ],
      },
    });
    const { status, etag } = await put('issuers/edge', keys({}), 'owner');
    expect(status).toBe(201);
    await remove('issuers/edge', 'owner', { 'if-match': String(etag) });
  });
});

describe('the audit log of the admin API', () => {
  test('has every change with before and after, and every refused attempt, by whom', async () => {
    const { etag } = await put('mappings/audited', mapping('audited', 'audited'), 'editor');
    const changed = mapping('audited', 'audited', { ttl: { max: '10m' } });
    await put('mappings/audited', changed, 'viewer', { 'if-match': String(etag) });
    await put('mappings/audited', changed, 'editor', { 'if-match': String(etag) });
    const about = (record: Record<string, unknown>) =>
      (record['admin'] as { name?: string } | undefined)?.name === 'audited';
    await expect.poll(async () => (await auditRecords()).filter(about).length).toBe(3);
    const [created, refused, updated] = (await auditRecords()).filter(about);
    const by = (role: string) => ({ issuer: idp.issuer, subject: `${role}s@example.org` });
    expect(created).toMatchObject({
      type: 'changed',
      outcome: 'admin',
      admin: { by: by('editor'), action: 'put', kind: 'FederationMapping', after: { version: 1 } },
    });
    expect(refused).toMatchObject({
      type: 'changed',
      outcome: 'admin-refused',
      detail: 'forbidden',
      admin: { by: by('viewer'), action: 'put' },
    });
    expect(updated).toMatchObject({
      admin: {
        before: { version: 1, document: mapping('audited', 'audited') },
        after: { version: 2, document: changed },
      },
    });
  });
});
