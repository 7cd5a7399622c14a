import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { run as carnetCommand } from '../../src/cli/program.ts';
import { FakeSurroundings } from '../cli/fake-surroundings.ts';
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

let cluster: FakeCluster;
let idp: FakeOidcIssuer;
let carnet: RunningCarnet;

beforeEach(async () => {
  cluster = await FakeCluster.start();
  idp = await FakeOidcIssuer.start();
});

afterEach(async () => {
  await carnet.stop();
  await cluster.close();
  await idp.close();
  await carnet.remove();
});

async function run(rules: string): Promise<void> {
  const more = adminConfig(idp).replace('admin:\n', `admin:\n  ${rules}\n`);
  carnet = await start(await install({ cluster, resources: clusterIssuer(cluster), allowOrigins: [idp.issuer], more }));
}

function mapping(name: string, more: object = {}) {
  const subject = { issuer: 'prod-eu', namespace: 'payments', serviceAccount: '*' };
  return {
    apiVersion: 'carnet.dev/v1alpha1',
    kind: 'FederationMapping',
    metadata: { name },
    spec: { owner: 'platform@example.org', subject, target: { jwtSvid: { audiences: [name] } }, ...more },
  };
}

const stop = {
  apiVersion: 'carnet.dev/v1alpha1',
  kind: 'Guardrail',
  metadata: { name: 'stop' },
  spec: { deny: 'true' },
};

/** Somebody with the right to change mappings, or of the role that is named. */
function by(sub: string, role = 'owner') {
  const token = adminToken(idp, [`${role}s`], sub);
  return {
    put: (path: string, body: unknown, etag?: unknown) =>
      askAdmin(carnet.url, path, { token, method: 'PUT', body, headers: etag ? { 'if-match': String(etag) } : {} }),
    delete: (path: string, etag?: unknown) =>
      askAdmin(carnet.url, path, { token, method: 'DELETE', headers: etag ? { 'if-match': String(etag) } : {} }),
    get: (path: string) => askAdmin(carnet.url, path, { token }),
  };
}

/** A command in the words of an owner. */
async function command(sub: string, ...args: readonly string[]) {
  const around = new FakeSurroundings({ workingDirectory: carnet.folder });
  await writeFile(join(carnet.folder, sub), adminToken(idp, ['owners'], sub));
  const code = await carnetCommand([...args, '--endpoint', carnet.url, '--token-file', sub], around);
  return { code, out: around.stdout, err: around.stderr };
}

async function outcome(audience: string): Promise<string> {
  const token = cluster.token({ audiences: [AUDIENCE], boundTo: { kind: 'pod', name: 'reporter-7d9f' } });
  const { status, body } = await carnet.exchange(exchangeForm(token, audience));
  return status === 200 ? 'issued' : String(body['reason'] ?? body['error']);
}

async function adminRecords(): Promise<Record<string, unknown>[]> {
  const folder = join(carnet.folder, 'data/audit/carnet');
  const files = (await readdir(folder)).filter((name) => name !== 'lock').toSorted();
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
  const records = texts.flatMap((text) => text.trimEnd().split('\n')).map((line) => JSON.parse(line));
  return records.filter((record) => String(record['outcome']).startsWith('admin'));
}

describe('admin.fourEyes', () => {
  test('a widening change is in force once somebody else sends the same, and both are on record', async () => {
    await run('fourEyes: true');
    const body = mapping('ledger');
    const proposed = await by('alice', 'editor').put('mappings/ledger', body);
    expect(proposed).toMatchObject({
      status: 202,
      body: { inForce: false, widening: { widens: true }, proposal: { by: { subject: 'alice' } } },
    });
    const again = await by('alice', 'editor').put('mappings/ledger', body);
    expect([again.status, again.body['proposal']]).toEqual([202, proposed.body['proposal']]);
    expect(await outcome('ledger')).toBe('invalid_target');
    const listed = await by('bob', 'viewer').get('mappings?proposed=true');
    expect(listed.body['proposals']).toEqual([proposed.body['proposal']]);

    expect((await by('bob', 'viewer').put('mappings/ledger', body)).status).toBe(403);
    expect(await by('bob', 'editor').put('mappings/ledger', body)).toMatchObject({
      status: 201,
      body: { inForce: true },
    });
    expect(await outcome('ledger')).toBe('issued');
    expect((await by('bob').get('mappings?proposed=true')).body['proposals']).toEqual([]);
    const { id } = proposed.body['proposal'] as { id: string };
    const records = (await adminRecords()).filter(({ outcome: word }) => word !== 'admin-refused');
    expect(records).toMatchObject([
      { outcome: 'admin-proposed', admin: { by: { subject: 'alice' }, proposal: id, after: { document: body } } },
      { outcome: 'admin', admin: { by: { subject: 'bob' }, confirms: { proposal: id, by: { subject: 'alice' } } } },
    ]);
  });

  test('other content by somebody else is a proposal of its own', async () => {
    await run('fourEyes: true');
    await by('alice').put('mappings/ledger', mapping('ledger'));
    const other = await by('bob').put('mappings/ledger', mapping('ledger', { ttl: { max: '30m' } }));
    expect([other.status, await outcome('ledger')]).toEqual([202, 'invalid_target']);
  });

  test('what narrows needs nobody else: a stop, a lower ttl, a deletion', async () => {
    await run('fourEyes: true');
    await by('alice').put('mappings/ledger', mapping('ledger'));
    const { etag } = await by('bob').put('mappings/ledger', mapping('ledger'));
    const lower = await by('alice').put('mappings/ledger', mapping('ledger', { ttl: { max: '10m' } }), etag);
    expect(lower).toMatchObject({ status: 200, body: { widening: { widens: false, reasons: [] } } });
    expect((await by('alice').put('guardrails/stop', stop)).status).toBe(201);
    expect(await outcome('ledger')).toBe('guardrail');
    expect((await by('alice').delete('mappings/ledger', lower.etag)).status).toBe(200);
  });

  test('taking a stop off needs a second person', async () => {
    await run('fourEyes: true');
    const { etag } = await by('alice').put('guardrails/stop', stop);
    const off = await by('alice').delete('guardrails/stop', etag);
    expect(off).toMatchObject({
      status: 202,
      body: { proposal: { resources: [{ kind: 'Guardrail', name: 'stop' }] } },
    });
    const shown = await by('bob').get('guardrails/stop');
    expect(shown.body['proposals']).toEqual([off.body['proposal']]);
    expect((await by('bob').delete('guardrails/stop', etag)).status).toBe(200);
  });

  test('a change in between makes the proposal void: it was made on another version', async () => {
    await run('fourEyes: true');
    await by('alice').put('mappings/ledger', mapping('ledger', { ttl: { max: '30m' } }));
    const { etag } = await by('bob').put('mappings/ledger', mapping('ledger', { ttl: { max: '30m' } }));
    const wider = mapping('ledger', { ttl: { max: '1h' } });
    expect((await by('alice').put('mappings/ledger', wider, etag)).status).toBe(202);
    const between = await by('carol').put('mappings/ledger', mapping('ledger', { ttl: { max: '20m' } }), etag);
    expect(between.status).toBe(200);
    expect((await by('bob').put('mappings/ledger', wider, etag)).status).toBe(412);
    const anew = await by('bob').put('mappings/ledger', wider, between.etag);
    expect(anew).toMatchObject({ status: 202, body: { proposal: { by: { subject: 'bob' } } } });
  });

  test('the command shows a second person what waits, and takes back what one has proposed oneself', async () => {
    await run('fourEyes: true');
    await by('alice').put('mappings/ledger', mapping('ledger'));
    const listed = await command('bob', 'get', 'mappings', '--proposed');
    expect(listed.out).toMatch(/^FederationMapping ledger +alice .* FederationMapping ledger comes into force$/m);
    const json = await command('bob', 'get', 'mappings', '--proposed', '-o', 'json');
    expect(JSON.parse(json.out)).toMatchObject({ proposals: [{ by: { subject: 'alice' } }] });
    for (const odd of [['ledger'], ['--history'], ['-o', 'yaml']]) {
      expect((await command('bob', 'get', 'mappings', '--proposed', ...odd)).code).toBe(2);
    }
    expect((await command('bob', 'delete', 'mappings', 'ledger', '--proposed')).code).toBe(1);
    const taken = await command('alice', 'delete', 'mappings', 'ledger', '--proposed');
    expect([taken.code, taken.out]).toEqual([0, expect.stringMatching(/^proposal [0-9a-f]{64} is taken back\n$/)]);
    expect((await command('bob', 'get', 'mappings', '--proposed')).out).toMatch(/^changes.*\n$/);
  });

  test('the command ends with 5 while a change waits, says how to go on, and with 0 once the second has given it', async () => {
    await run('fourEyes: true');
    await writeFile(join(carnet.folder, 'set.yaml'), JSON.stringify(mapping('ledger')));
    const apply = ['apply', '-f', 'set.yaml', '--set', 'team'];
    const first = await command('alice', ...apply);
    expect([first.code, first.out]).toEqual([5, 'waits + FederationMapping ledger\n']);
    expect(first.err).toMatch(
      /^set team: 1 added, .* once confirmed\nnothing is changed yet: proposal [0-9a-f]{64} waits/,
    );
    expect(first.err).toContain('somebody else gives the same command');
    expect(first.err).toContain('gives carnet delete mappings ledger --proposed\n');
    expect((await command('alice', ...apply, '-o', 'json')).code).toBe(5);
    const second = await command('bob', ...apply);
    expect([second.code, second.out]).toEqual([0, '+ FederationMapping ledger\n']);
    expect((await by('alice').put('guardrails/stop', stop)).status).toBe(201);
    const off = await command('alice', 'delete', 'guardrails', 'stop');
    expect([off.code, off.out]).toEqual([5, 'waits - Guardrail stop\n']);
    expect((await command('bob', 'delete', 'guardrails', 'stop')).code).toBe(0);
  });

  test('the first person, and nobody else, takes a proposal back', async () => {
    await run('fourEyes: true');
    await by('alice').put('mappings/ledger', mapping('ledger'));
    expect((await by('bob').delete('mappings/ledger?proposed=true')).status).toBe(404);
    expect(await by('alice').delete('mappings/ledger?proposed=true')).toMatchObject({
      status: 200,
      body: { withdrawn: [{ by: { subject: 'alice' } }] },
    });
    expect((await by('bob').put('mappings/ledger', mapping('ledger'))).status).toBe(202);
    const records = (await adminRecords()).filter(({ admin }) => (admin as { action: string }).action === 'delete');
    expect(records).toMatchObject([
      { outcome: 'admin-refused', detail: 'not_found', admin: { by: { subject: 'bob' }, name: 'ledger' } },
      { outcome: 'admin-withdrawn', admin: { by: { subject: 'alice' }, name: 'ledger' } },
    ]);
  });
});

describe('POST /admin/v1/apply under admin.fourEyes', () => {
  const apply = (sub: string, documents: readonly object[], query = 'set=team', role = 'owner') =>
    askAdmin(carnet.url, `apply?${query}`, {
      token: adminToken(idp, [`${role}s`], sub),
      method: 'POST',
      body: documents.map((one) => JSON.stringify(one)).join('\n---\n'),
      headers: { 'content-type': 'application/yaml' },
    });

  test('a batch of which one document widens waits whole, and the same batch by somebody else is in force', async () => {
    await run('fourEyes: true');
    const batch = [stop, mapping('ledger')];
    const proposed = await apply('alice', batch, 'set=team&why=opening');
    expect(proposed).toMatchObject({
      status: 202,
      body: {
        inForce: false,
        proposal: { by: { subject: 'alice' }, resources: [{ name: 'stop' }, { name: 'ledger' }] },
      },
    });
    expect(await apply('alice', batch)).toMatchObject({ status: 202, body: { proposal: proposed.body['proposal'] } });
    expect((await by('bob').get('guardrails/stop')).status).toBe(404);
    expect((await apply('bob', [mapping('ledger')])).status).toBe(202);
    expect((await apply('bob', [mapping('ledger', { ttl: { max: '30m' } }), stop])).status).toBe(202);
    expect((await apply('bob', batch, 'set=team', 'viewer')).status).toBe(403);
    expect(await outcome('ledger')).toBe('invalid_target');
    expect(await apply('bob', batch)).toMatchObject({ status: 200, body: { inForce: true } });
    expect(await outcome('ledger')).toBe('guardrail');
    const { id } = proposed.body['proposal'] as { id: string };
    const records = (await adminRecords()).filter(({ outcome: word }) => word === 'admin');
    expect(records).toMatchObject(
      ['stop', 'ledger'].map((name) => ({
        admin: { by: { subject: 'bob' }, name, set: 'team', confirms: { proposal: id, by: { subject: 'alice' } } },
      })),
    );
  });

  test('the same batch for another set is a conflict, and changes neither the store nor the proposal', async () => {
    await run('fourEyes: true');
    const batch = [mapping('ledger')];
    const proposed = await apply('alice', batch);
    expect(proposed.body['proposal']).toMatchObject({ resources: [{ name: 'ledger', set: 'team' }] });
    expect(await apply('bob', batch, 'set=shop')).toMatchObject({
      status: 409,
      body: { type: 'urn:carnet:problem:proposed-for-another-set' },
    });
    expect((await by('bob').put('mappings/ledger', mapping('ledger'))).status).toBe(409);
    expect((await by('bob').get('mappings?proposed=true')).body['proposals']).toEqual([proposed.body['proposal']]);
    expect((await apply('bob', batch)).status).toBe(200);
    expect((await by('bob').get('mappings/ledger')).body['source']).toMatchObject({ set: 'team' });
  });

  test('pruning a guardrail of the set waits, pruning a mapping does not', async () => {
    await run('fourEyes: true');
    const cap = { ...stop, metadata: { name: 'cap' }, spec: { maxTtl: '1h' } };
    const batch = [stop, cap, mapping('ledger')];
    await apply('alice', batch);
    expect((await apply('bob', batch)).status).toBe(200);
    expect(await apply('alice', [stop, cap], 'set=team&prune=true')).toMatchObject({
      status: 200,
      body: { removed: [{ name: 'ledger' }] },
    });
    expect((await apply('alice', [cap], 'set=team&prune=true')).status).toBe(202);
    expect((await by('alice').get('guardrails/stop')).status).toBe(200);
    expect(await apply('bob', [cap], 'set=team&prune=true')).toMatchObject({
      status: 200,
      body: { removed: [{ name: 'stop' }] },
    });
  });

  test('going back to a wider version waits, going back to a narrower one does not', async () => {
    await run('fourEyes: true');
    await by('alice').put('mappings/ledger', mapping('ledger', { ttl: { max: '30m' } }));
    const { etag } = await by('bob').put('mappings/ledger', mapping('ledger', { ttl: { max: '30m' } }));
    const low = await by('alice').put('mappings/ledger', mapping('ledger', { ttl: { max: '10m' } }), etag);
    const back = (who: string, version: number, over: unknown) =>
      by(who).put(`mappings/ledger?rollback=${version}`, {}, over);
    expect((await back('alice', 1, low.etag)).status).toBe(202);
    // The content counts, however it is sent.
    const wide = await by('bob').put('mappings/ledger', mapping('ledger', { ttl: { max: '30m' } }), low.etag);
    expect(wide.status).toBe(200);
    expect((await back('alice', 2, wide.etag)).status).toBe(200);
  });
});

describe('two replicas under admin.fourEyes', () => {
  test('a proposal made at one is confirmed at the other by somebody else, and by no second token of the first', async () => {
    await run('fourEyes: true');
    const here = await install({
      ...{ cluster, resources: clusterIssuer(cluster), allowOrigins: [idp.issuer] },
      more: adminConfig(idp).replace('admin:\n', 'admin:\n  fourEyes: true\n'),
    });
    const configText = here.configText
      .replace('./data/carnet.db', join(carnet.folder, 'data/carnet.db'))
      .replace('./data/kek', join(carnet.folder, 'data/kek'))
      .replace('audit: { directory: ./data/audit }', 'audit: { directory: ./data/audit, stream: other }');
    const other = await start({ ...here, configText });
    onTestFinished(async () => {
      await other.stop();
      await other.remove();
    });
    const at = (url: string, sub: string, method: string, body?: object, etag?: unknown) =>
      askAdmin(url, 'mappings/ledger', {
        token: adminToken(idp, ['owners'], sub),
        ...{ method, body, headers: etag ? { 'if-match': String(etag) } : {} },
      });
    const first = await at(carnet.url, 'alice', 'PUT', mapping('ledger'));
    const again = await at(other.url, 'alice', 'PUT', mapping('ledger'));
    expect([again.status, again.body['proposal']]).toEqual([202, first.body['proposal']]);
    const made = await at(other.url, 'bob', 'PUT', mapping('ledger'));
    expect(made.status).toBe(201);
    // The replica of the proposal has not heard of it, perhaps, and still judges by what is in force.
    const narrow = await at(other.url, 'bob', 'PUT', mapping('ledger', { ttl: { max: '10m' } }), made.etag);
    const wide = await at(carnet.url, 'bob', 'PUT', mapping('ledger'), narrow.etag);
    expect([narrow.status, wide.status]).toEqual([200, 202]);
  });
});

describe('a FederationGrant under admin.fourEyes', () => {
  test('waits where a mapping waits for it, and a wider cap too; where none does it opens nothing', async () => {
    const more = adminConfig(idp).replace('admin:\n', 'admin:\n  fourEyes: true\n');
    const resources = clusterIssuer(cluster) + JSON.stringify(mapping('ledger'));
    carnet = await start(
      await install({ cluster, resources, allowOrigins: [idp.issuer], more: `${more}requireGrants: true\n` }),
    );
    const grant = (name: string, audience: string, maxTtl: string) => ({
      apiVersion: 'carnet.dev/v1alpha1',
      kind: 'FederationGrant',
      metadata: { name },
      spec: { to: { audiences: [audience] }, maxTtl },
    });
    expect((await by('alice').put('grants/other', grant('other', 'elsewhere', '1h'))).status).toBe(201);
    expect(await outcome('ledger')).toBe('not_granted');
    const first = await by('alice').put('grants/team', grant('team', 'ledger', '10m'));
    expect(first).toMatchObject({
      status: 202,
      body: { widening: { reasons: [{ kind: 'FederationMapping', name: 'ledger' }] } },
    });
    expect(await outcome('ledger')).toBe('not_granted');
    const { etag } = await by('bob').put('grants/team', grant('team', 'ledger', '10m'));
    expect(await outcome('ledger')).toBe('issued');
    expect((await by('alice').put('grants/team', grant('team', 'ledger', '20m'), etag)).status).toBe(202);
    const lower = await by('alice').put('grants/team', grant('team', 'ledger', '5m'), etag);
    expect(lower.status).toBe(200);
    expect((await by('alice').put('grants/team-too', grant('team-too', 'ledger', '6m'))).status).toBe(202);
    expect((await by('alice').delete('grants/team', lower.etag)).status).toBe(200);
    expect(await outcome('ledger')).toBe('not_granted');
  });
});

describe('admin.readOnly', () => {
  test('what widens is refused and what narrows is taken', async () => {
    await run('readOnly: true');
    expect(await by('alice').put('mappings/ledger', mapping('ledger'))).toMatchObject({
      status: 403,
      body: { type: 'urn:carnet:problem:read-only', mend: expect.stringContaining('files') },
    });
    const dry = await by('alice').put('mappings/ledger?dryRun=true', mapping('ledger'));
    expect(dry).toMatchObject({ status: 200, body: { widening: { widens: true } } });
    const { status, etag } = await by('alice').put('guardrails/stop', stop);
    expect([status, (await by('alice').delete('guardrails/stop', etag)).status]).toEqual([201, 403]);
  });
});
