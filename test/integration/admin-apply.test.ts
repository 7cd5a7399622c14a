import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readAuditLog } from '../../src/audit/read-log.ts';
import { run } from '../../src/cli/program.ts';
import { FakeSurroundings } from '../cli/fake-surroundings.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { adminConfig, adminToken, askAdmin } from '../support/admin-api.ts';
import { clusterIssuer, install, type RunningCarnet, start } from '../support/running-carnet.ts';

const CARNET = join(import.meta.dirname, '../../bin/carnet');

let cluster: FakeCluster;
let idp: FakeOidcIssuer;
let carnet: RunningCarnet;

const installation = () =>
  install({
    cluster,
    resources: clusterIssuer(cluster) + JSON.stringify(mapping('from-file')),
    allowOrigins: [idp.issuer],
    more: adminConfig(idp),
  });

beforeAll(async () => {
  cluster = await FakeCluster.start();
  idp = await FakeOidcIssuer.start();
  carnet = await start(await installation());
});

afterAll(async () => {
  await carnet.stop();
  await cluster.close();
  await idp.close();
  await carnet.remove();
});

function mapping(name: string, ttl = '10m') {
  return {
    apiVersion: 'carnet.dev/v1alpha1',
    kind: 'FederationMapping',
    metadata: { name },
    spec: {
      owner: 'platform@example.org',
      subject: { issuer: 'prod-eu', namespace: 'payments', serviceAccount: '*' },
      target: { jwtSvid: { audiences: [`for-${name}`] } },
      ttl: { default: '5m', max: ttl },
    },
  };
}

function guardrail(name: string) {
  return { apiVersion: 'carnet.dev/v1alpha1', kind: 'Guardrail', metadata: { name }, spec: { maxTtl: '2h' } };
}

const stream = (...documents: object[]) => documents.map((one) => JSON.stringify(one)).join('\n---\n');

function apply(body: string, query: string, role = 'owner', url = carnet.url) {
  const headers = { 'content-type': 'application/yaml' };
  return askAdmin(url, `apply?${query}`, { token: adminToken(idp, [`${role}s`]), method: 'POST', body, headers });
}

function get(path: string, url = carnet.url) {
  return askAdmin(url, path, { token: adminToken(idp, ['viewers']) });
}

function put(path: string, body: unknown, headers: Record<string, string> = {}, role = 'owner') {
  return askAdmin(carnet.url, path, { token: adminToken(idp, [`${role}s`]), method: 'PUT', body, headers });
}

const named = (...names: string[]) => names.map((name) => ({ kind: 'FederationMapping', name }));

describe('POST /admin/v1/apply (docs/adr/0021)', () => {
  test('makes a set what the documents say: adds, changes, leaves alone, and deletes only when it prunes', async () => {
    expect(await apply(stream(mapping('s1-a'), mapping('s1-b'), mapping('s1-c')), 'set=s1')).toMatchObject({
      status: 200,
      body: { set: 's1', inForce: true, added: named('s1-a', 's1-b', 's1-c'), removed: [], unchanged: 0, left: [] },
    });
    const changed = stream(mapping('s1-a'), mapping('s1-b', '20m'));
    const nothing = { added: [], removed: [] };
    expect((await apply(changed, 'set=s1&dryRun=true')).body).toMatchObject({
      ...{ ...nothing, dryRun: true, inForce: false, changed: named('s1-b'), unchanged: 1, left: named('s1-c') },
      changes: { changed: named('s1-b'), added: [], removed: [] },
    });
    expect((await apply(changed, 'set=s1')).body).toMatchObject({ ...nothing, changed: named('s1-b') });
    expect((await apply(changed, 'set=s1&prune=true')).body).toMatchObject({
      ...{ changed: [], removed: named('s1-c'), unchanged: 2, left: [] },
    });
    expect((await get('mappings/s1-c')).status).toBe(404);
    expect((await apply(changed, 'set=s1&prune=true')).body).toMatchObject({ ...nothing, changed: [], unchanged: 2 });
  });

  test('touches no document of another set, of none or of a file, names each, and changes nothing then', async () => {
    await apply(stream(mapping('s2-other')), 'set=s2-other');
    await put('mappings/s2-bare', mapping('s2-bare'));
    const wanted = [mapping('s2-new'), mapping('s2-other', '20m'), mapping('s2-bare', '20m')];
    const refused = await apply(stream(...wanted), 'set=s2&prune=true');
    expect(refused).toMatchObject({ status: 409, body: { type: 'urn:carnet:problem:of-another-set' } });
    const messages = (refused.body['faults'] as { message: string }[]).map(({ message }) => message);
    expect(messages).toEqual([
      'FederationMapping s2-other belongs to set s2-other',
      'FederationMapping s2-bare is in the store without a set',
    ]);
    const ofFile = await apply(stream(mapping('s2-new'), mapping('from-file')), 'set=s2');
    expect(ofFile).toMatchObject({ status: 409, body: { type: 'urn:carnet:problem:from-file' } });
    expect(ofFile.body['detail']).toMatch(/^FederationMapping from-file is in .+\.yaml$/);
    expect((await get('mappings/s2-new')).status).toBe(404);
    // What is the same already is no conflict, and stays where it belongs.
    const same = stream(mapping('s2-new'), mapping('s2-other'), mapping('s2-bare'));
    expect((await apply(same, 'set=s2')).body).toMatchObject({ added: named('s2-new'), unchanged: 2 });
    expect((await get('mappings/s2-other')).body).toMatchObject({ source: { type: 'store', set: 's2-other' } });
  });

  test('changes nothing where one document is wrong, and judges all of them together', async () => {
    const wrong = { ...mapping('s3-b'), spec: { ...mapping('s3-b').spec, nonsense: true } };
    expect(await apply(stream(mapping('s3-a'), wrong), 'set=s3')).toMatchObject({
      status: 422,
      body: { faults: [{ kind: 'FederationMapping', name: 's3-b', field: 'spec.nonsense' }] },
    });
    expect((await get('mappings/s3-a')).status).toBe(404);
    // Twins that nobody could tell apart, neither of which is there yet.
    const twin = (name: string) => ({ ...mapping('s3-c'), metadata: { name } });
    expect((await apply(stream(twin('s3-c'), twin('s3-d')), 'set=s3')).status).toBe(422);
  });

  test('is for whoever may change each of the kinds: mappings an editor, the rest an owner, nothing a viewer', async () => {
    const mixed = stream(mapping('s4-a'), guardrail('s4-cap'));
    expect((await apply(mixed, 'set=s4', 'editor')).status).toBe(403);
    expect((await apply(stream(mapping('s4-a')), 'set=s4', 'viewer')).status).toBe(403);
    expect((await apply(mixed, 'set=s4')).status).toBe(200);
    // To prune is to delete.
    expect((await apply(stream(mapping('s4-a')), 'set=s4&prune=true', 'editor')).status).toBe(403);
    expect((await apply(stream(mapping('s4-a', '20m')), 'set=s4', 'editor')).status).toBe(200);
    expect((await get('guardrails/s4-cap')).status).toBe(200);
  });

  test.each(['', 'set=', 'set=A', 'set=a&prune=yes', 'set=a&why=', 'set=a&why=%07', `set=a&why=${'x'.repeat(257)}`])(
    'refuses the query "%s"',
    async (query) => {
      expect(await apply(stream(mapping('s5')), query)).toMatchObject({ status: 400 });
    },
  );

  test('takes 4 MiB and no more', async () => {
    const padding = `\n${'#'.repeat(1000)}`.repeat(900);
    const text = Array.from({ length: 4 }, (_, n) => stream(mapping(`s6-${n}`)) + padding).join('\n---\n');
    expect((await apply(text, 'set=s6')).body).toMatchObject({ added: named('s6-0', 's6-1', 's6-2', 's6-3') });
    expect(await apply(text + padding, 'set=s6')).toMatchObject({ status: 413 });
  });

  test('records each change with its author, its set and his reason before it is written', async () => {
    const answer = await apply(stream(mapping('s7-a'), mapping('s7-b')), 'set=s7&why=opening%20day');
    const records: unknown[] = [];
    const directory = join(carnet.folder, 'data/audit');
    for await (const record of readAuditLog({ directory, stream: 'carnet' })) {
      if (record.admin?.set === 's7') records.push(record);
    }
    expect(answer.status).toBe(200);
    expect(records).toMatchObject(
      ['s7-a', 's7-b'].map((name) => ({
        type: 'changed',
        outcome: 'admin',
        admin: {
          by: { subject: 'owners@example.org' },
          action: 'put',
          name,
          why: 'opening day',
          after: { version: 1 },
        },
      })),
    );
  });
});

describe('history and rollback', () => {
  test('tell every version with who, when and why, and bring one back by an ordinary put', async () => {
    const first = await put('mappings/h1?why=first%20words', mapping('h1'), {}, 'editor');
    const etag = { 'if-match': String(first.etag) };
    await put('mappings/h1', mapping('h1', '30m'), etag);
    expect((await get('mappings/h1?history=true')).body).toMatchObject({
      items: [
        { version: 2, author: { subject: 'owners@example.org' }, document: { spec: { ttl: { max: '30m' } } } },
        { version: 1, author: { subject: 'editors@example.org' }, why: 'first words', at: expect.stringMatching(/Z$/) },
      ],
    });
    expect((await get('mappings/h1?history=true&before=2')).body).toMatchObject({ items: [{ version: 1 }] });
    expect((await put('mappings/h1?rollback=1', {})).status).toBe(428);
    expect((await put('mappings/h1?rollback=1', {}, etag)).status).toBe(412);
    expect((await put('mappings/h1?rollback=1', {}, { 'if-match': '"2"' }, 'viewer')).status).toBe(403);
    expect((await put('mappings/h1?rollback=9', {}, { 'if-match': '"2"' })).status).toBe(404);
    expect((await put('mappings/h1?rollback=1', mapping('h1'), { 'if-match': '"2"' })).status).toBe(400);
    const back = await put('mappings/h1?rollback=1&why=too%20long', {}, { 'if-match': '"2"' });
    expect(back).toMatchObject({ status: 200, etag: '"3"', body: { inForce: true } });
    expect((await get('mappings/h1')).body).toMatchObject({
      document: { spec: { ttl: { max: '10m' } } },
      source: { type: 'store', why: 'too long', author: { subject: 'owners@example.org', as: ['owners'] } },
    });
  });

  test('go over a deletion, of which no document can be brought back', async () => {
    await put('guardrails/h2', guardrail('h2'));
    const token = adminToken(idp, ['owners']);
    await askAdmin(carnet.url, 'guardrails/h2', { token, method: 'DELETE', headers: { 'if-match': '"1"' } });
    const { items } = (await get('guardrails/h2?history=true')).body as { items: object[] };
    expect(items).toMatchObject([{ version: 2, deleted: true }, { version: 1 }]);
    expect((await put('guardrails/h2?rollback=2', {})).status).toBe(422);
    expect(await put('guardrails/h2?rollback=1', {})).toMatchObject({ status: 201, etag: '"3"' });
  });

  test('are not there for what never was, and not for what a file says', async () => {
    expect((await get('mappings/never?history=true')).status).toBe(404);
    expect((await get('mappings/h1?before=1')).status).toBe(400);
    expect((await put('mappings/from-file?rollback=1', {})).status).toBe(409);
  });
});

describe('carnet apply, get, delete and rollback', () => {
  async function command(args: readonly string[], { role = 'owner', terminal = false } = {}) {
    const tokenFile = join(carnet.folder, `${role}.token`);
    await writeFile(tokenFile, adminToken(idp, [`${role}s`]));
    const env = { CARNET_ENDPOINT: carnet.url, CARNET_TOKEN_FILE: tokenFile };
    const around = new FakeSurroundings({ env, terminal, workingDirectory: carnet.folder });
    const code = await run(args, around);
    return { code, out: around.stdout, err: around.stderr };
  }

  test('apply a folder, show what it made, take a document back and away again', async () => {
    const folder = join(carnet.folder, 'team');
    await mkdir(folder);
    await writeFile(join(folder, 'one.yaml'), JSON.stringify(mapping('c1-a')));
    await writeFile(join(folder, 'two.yml'), JSON.stringify(mapping('c1-b')));
    const args = ['apply', '-f', 'team', '--set', 'c1', '--why', 'by hand'];
    expect(await command([...args, '--dry-run'])).toMatchObject({
      code: 0,
      out: '+ FederationMapping c1-a\n+ FederationMapping c1-b\n',
      err: 'set c1: 2 added, 0 changed, 0 removed, 0 unchanged\ndry run: nothing is changed\n',
    });
    expect(await command(args)).toMatchObject({ code: 0 });
    await writeFile(join(folder, 'one.yaml'), JSON.stringify(mapping('c1-a', '40m')));
    await rm(join(folder, 'two.yml'));
    expect((await command(args)).err).toContain('1 of the set are not in the files and stay; --prune deletes them\n');
    expect((await command([...args, '--prune'], { terminal: true })).out).toBe(
      '\u001b[31m- FederationMapping c1-b\u001b[39m\n',
    );
    const table = await command(['get', 'mappings']);
    expect(table.out).toMatch(/^name +state +source +author +at +why\n/);
    expect(table.out).toMatch(/^c1-a +in-force +set c1 +owners@example.org +\S+ +by hand$/m);
    expect(table.out).toMatch(/^from-file +in-force +\S+\.yaml:[0-9]+$/m);
    const history = await command(['get', 'mapping', 'c1-a', '--history']);
    expect(history.out.split('\n').map((line) => line.split(' ')[0])).toEqual(['version', '2', '1', '']);
    expect(await command(['rollback', 'FederationMapping', 'c1-a', '1'])).toMatchObject({
      code: 0,
      out: '~ FederationMapping c1-a\n',
      err: '',
    });
    expect(await command(['rollback', 'FederationMapping', 'c1-a', '1'])).toEqual({
      code: 0,
      out: '',
      err: 'nothing changes: that is what is there\n',
    });
    const yaml = await command(['get', 'mappings', 'c1-a', '-o', 'yaml']);
    expect(yaml.out).toContain('max: 10m');
    // What it prints can be applied.
    await writeFile(join(folder, 'one.yaml'), yaml.out);
    expect((await command(args)).err).toContain('1 unchanged');
    expect(await command(['delete', 'mappings', 'c1-a', '--dry-run'])).toMatchObject({ code: 0 });
    expect(await command(['delete', 'mappings', 'c1-a'])).toMatchObject({ out: '- FederationMapping c1-a\n' });
    expect(await command(['get', 'mappings', 'c1-a'])).toMatchObject({ code: 1, out: '' });
  });

  test('end with what the server says where it refuses, and with what is wrong with the command', async () => {
    await writeFile(join(carnet.folder, 'other.json.yaml'), JSON.stringify(mapping('c2', '20m')));
    await apply(stream(mapping('c2')), 'set=c2-other');
    const conflict = await command(['apply', '-f', 'other.json.yaml', '--set', 'c2']);
    expect(conflict).toMatchObject({ code: 1, out: '' });
    expect(conflict.err).toContain('FederationMapping c2 belongs to set c2-other');
    expect(await command(['delete', 'mappings', 'from-file'])).toMatchObject({ code: 1 });
    expect(await command(['get', 'secrets'])).toMatchObject({ code: 2 });
    expect(await command(['get', 'mappings', '--history'])).toMatchObject({ code: 2 });
    expect(await command(['get', 'mappings', 'from-file', '--history'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('documents of files have their history where the files have it'),
    });
    expect(await command(['apply', '-f', 'nowhere', '\u001b[31m', '--set', 'c2'])).toMatchObject({
      code: 78,
      err: `carnet: ${carnet.folder}/nowhere: does not exist\n  ${carnet.folder}/?[31m: does not exist\n`,
    });
    expect(await command(['apply', '-f', 'other.json.yaml', '--set', 'c2'], { role: 'viewer' })).toMatchObject({
      code: 1,
    });
  });
});

test('after kill -9 during an apply the store has the old state or the new one, never a mixture', async () => {
  const here = await installation();
  const names = Array.from({ length: 1200 }, (_, n) => `k${n}`);
  const generation = (ttl: string) => stream(...names.map((name) => mapping(name, ttl)));
  const serve = async () => {
    const server = spawn(CARNET, ['serve', '--config', here.configFile], { stdio: 'ignore' });
    await expect.poll(async () => (await fetch(`${here.url}/readyz`).catch(() => undefined))?.status).toBe(200);
    return server;
  };
  const generationsOf = async () => {
    const found = new Map<string, number>();
    let after = '';
    do {
      const { body } = await get(`mappings?limit=500&source=store${after}`, here.url);
      for (const { document } of body['items'] as { document: { spec: { ttl: { max: string } } } }[]) {
        const { max } = document.spec.ttl;
        found.set(max, (found.get(max) ?? 0) + 1);
      }
      after = body['next'] === undefined ? '' : `&after=${body['next']}`;
    } while (after !== '');
    return [...found];
  };
  let present = '11m';
  let server = await serve();
  expect((await apply(generation(present), 'set=k', 'owner', here.url)).status).toBe(200);
  for (const [n, delay] of [100, 400, 700, 1000, 1400].entries()) {
    const next = `${n + 12}m`;
    const asked = apply(generation(next), 'set=k', 'owner', here.url).then(
      ({ status }) => status,
      () => undefined,
    );
    await new Promise((resolve) => setTimeout(resolve, delay));
    server.kill('SIGKILL');
    await once(server, 'exit');
    const answered = await asked;
    server = await serve();
    const [[found = '', count] = [], ...others] = await generationsOf();
    expect([count, others]).toEqual([names.length, []]);
    expect([present, next]).toContain(found);
    if (answered === 200) expect(found).toBe(next);
    present = found;
  }
  server.kill('SIGTERM');
  await once(server, 'exit');
  await here.remove();
});
