import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeCluster } from '../fakes/cluster.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { adminConfig, adminToken, askAdmin } from '../support/admin-api.ts';
import { FakeClock } from '../support/fake-clock.ts';
import {
  AUDIENCE,
  clusterIssuer,
  exchangeForm,
  install,
  type RunningCarnet,
  start,
} from '../support/running-carnet.ts';

const POD = { kind: 'pod', name: 'reporter-7d9f' } as const;
const API = 'carnet.dev/v1alpha1';

function mapping(name: string, serviceAccount: string, more: object = {}) {
  const subject = { issuer: 'prod-eu', namespace: 'payments', serviceAccount };
  const spec = { owner: 'a', subject, target: { jwtSvid: { audiences: [name] } }, ...more };
  return { apiVersion: API, kind: 'FederationMapping', metadata: { name }, spec };
}

/** The mapping that everybody uses at first. */
function main(serviceAccount: string, more: object = {}) {
  return mapping('main', serviceAccount, { target: { jwtSvid: { audiences: ['ledger'] } }, ...more });
}

function stream(...documents: readonly object[]): string {
  return documents.map((one) => `---\n${JSON.stringify(one)}\n`).join('');
}

/** It stands still: which requests are decided once must not hang on when a second ends. */
const clock = new FakeClock(Date.now());
let cluster: FakeCluster;
let idp: FakeOidcIssuer;
let carnet: RunningCarnet;

beforeAll(async () => {
  cluster = await FakeCluster.start({ now: () => clock.now() });
  idp = await FakeOidcIssuer.start({ now: () => clock.now() });
  const resources = clusterIssuer(cluster) + stream(main('*', { ttl: { default: '5m' } }), mapping('idle', 'nobody'));
  const options = { cluster, resources, allowOrigins: [idp.issuer], more: adminConfig(idp) };
  carnet = await start(await install(options), clock);
  for (const serviceAccount of ['reporter', 'reporter', 'reporter', 'clerk', 'clerk'])
    await exchange('ledger', serviceAccount);
  await exchange('till', 'reporter');
  // A window ends before the moment at which it is asked for.
  clock.advance(1);
});

afterAll(async () => {
  await carnet.stop();
  await cluster.close();
  await idp.close();
  await carnet.remove();
});

async function exchange(address: string, serviceAccount: string, wishes: Record<string, string> = {}): Promise<string> {
  const token = cluster.token({ audiences: [AUDIENCE], boundTo: POD, serviceAccount });
  const { status, body } = await carnet.exchange(exchangeForm(token, address, wishes));
  return status === 200 ? `allowed ${body['expires_in']}` : String(body['reason'] ?? body['error']);
}

function replay(body: string, { role = 'auditor', query = 'window=1h', type = 'application/yaml' } = {}) {
  const token = adminToken(idp, [`${role}s`]);
  return askAdmin(carnet.url, `replay?${query}`, { token, method: 'POST', body, headers: { 'content-type': type } });
}

/** Each group as text: how many, from what to what. */
function flips(body: Record<string, unknown>, which: 'toRefused' | 'toAllowed'): string[] {
  const { [which]: found } = body['candidate'] as Record<
    string,
    { groups: { count: number; label: Record<string, string> }[] }
  >;
  return (found?.groups ?? []).map(
    ({ count, label: { before, after, reason } }) => `${count} ${before} ${after} ${reason}`,
  );
}

describe('POST /admin/v1/replay (DESIGN 6)', () => {
  test('shows exactly what flips, with examples, and that nothing flips where nothing changes', async () => {
    const narrower = await replay(stream(main('reporter')));
    expect(narrower.status).toBe(200);
    expect(narrower.body).toMatchObject({
      coverage: { complete: true, unreadable: 0 },
      requests: { seen: 6, replayed: 6, notReplayable: {}, limited: 0 },
      decided: 3,
      changes: { changed: [{ kind: 'FederationMapping', name: 'main' }], added: [], removed: [] },
      recorded: { same: 6, otherMapping: 0 },
      widening: { widens: false },
      unused: { count: 1, mappings: ['idle'] },
      issuersNotReplayed: [],
    });
    expect(flips(narrower.body, 'toRefused')).toEqual(['2 main undefined target_refused']);
    expect(flips(narrower.body, 'toAllowed')).toEqual([]);
    const [group] = (narrower.body['candidate'] as { toRefused: { groups: { examples: object[] }[] } }).toRefused
      .groups;
    expect(group?.examples[0]).toMatchObject({
      identity: 'prod-eu system:serviceaccount:payments:clerk',
      address: 'ledger',
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    });

    const same = await replay(stream(main('*', { ttl: { default: '5m' } })));
    expect([flips(same.body, 'toRefused'), flips(same.body, 'toAllowed')]).toEqual([[], []]);
    expect(same.body['candidate']).toMatchObject({ same: 6, changed: { count: 0 } });
  });

  test('shows who would be let in, a shorter life, and a mapping that takes over', async () => {
    const { body } = await replay(
      stream(
        main('*', { ttl: { default: '2m', max: '2m' } }),
        mapping('till', '*'),
        mapping('clerks', 'clerk', { target: { jwtSvid: { audiences: ['ledger'] } } }),
      ),
    );
    expect(flips(body, 'toAllowed')).toEqual(['1 undefined till target_refused']);
    expect(flips(body, 'toRefused')).toEqual([]);
    expect(body['widening']).toMatchObject({ widens: true });
    const { changed } = body['candidate'] as { changed: { groups: { count: number; label: object }[] } };
    expect(changed.groups.map(({ count, label }) => ({ count, ...label }))).toEqual([
      { count: 3, before: 'main', after: 'main', differs: ['ttl shorter'] },
      { count: 2, before: 'main', after: 'clerks', differs: ['mapping'] },
    ]);
  });

  test('all in force is replaced where that is asked for, and nobody is let in whose issuer is gone', async () => {
    const { body } = await replay(stream(main('*')), { query: 'replace=all' });
    expect(body).toMatchObject({ status: 422 });
    const guard = { apiVersion: API, kind: 'Guardrail', metadata: { name: 'cap' }, spec: { maxTtl: '1h' } };
    const gone = await replay(stream(guard), { query: 'replace=all' });
    expect(flips(gone.body, 'toRefused')).toEqual(['5 main undefined issuer_unknown']);
  });

  test('is for editors, auditors and owners: a viewer does not see who asked for what', async () => {
    const body = stream(main('*'));
    const statuses = ['viewer', 'approver', 'stranger', 'editor', 'auditor', 'owner'].map(
      async (role) => (await replay(body, { role })).status,
    );
    const found = [];
    for (const status of statuses) found.push(await status);
    expect(found.slice(0, 3)).toEqual([403, 403, 403]);
    for (const role of ['editor', 'owner']) expect((await replay(body, { role })).status, role).toBe(200);
  });

  test.each<[string, string, { query?: string; type?: string }, number]>([
    ['a window that is none', stream(main('*')), { query: 'window=week' }, 400],
    ['another way to replace', stream(main('*')), { query: 'replace=some' }, 400],
    ['another type', stream(main('*')), { type: 'text/plain' }, 415],
    ['a document that is wrong', stream(main('*', { ttll: 1 })), {}, 422],
    [
      'a document that ties with another',
      stream(mapping('other', '*', { target: { jwtSvid: { audiences: ['ledger'] } } })),
      {},
      422,
    ],
    ['more than 4 MiB', `# ${'x'.repeat(4 * 1024 * 1024)}`, {}, 413],
  ])('refuses %s', async (_, body, options, status) => {
    const answer = await replay(body, options);
    expect([answer.status, answer.type]).toEqual([status, 'application/problem+json']);
    if (status === 413) expect(answer.body['mend']).toBe('send at most 4 MiB');
  });

  test('a fault is named by its line in the stream', async () => {
    const { body } = await replay(`${stream(mapping('till', '*'))}---\nkind: FederationMapping\n`);
    expect(body['faults']).toContainEqual(expect.objectContaining({ source: 'request body', line: 4 }));
  });

  test('a line that somebody planted is counted and changes nothing', async () => {
    // Another stream: that of this replica is watched, and ends issuance when somebody writes there.
    const folder = join(carnet.folder, 'data/audit/planted');
    await mkdir(folder);
    const lines = [
      { type: 'allowed', outcome: 'x'.repeat(50_000) },
      { v: 1, type: 'allowed', identity: { claims: {} } },
    ];
    await writeFile(join(folder, '0000000000000001.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const { status, body } = await replay(stream(main('*', { ttl: { default: '5m' } })));
    expect(status).toBe(200);
    expect(body).toMatchObject({ requests: { seen: 6 }, candidate: { same: 6 } });
    expect(body['coverage']).toMatchObject({ unreadable: 2 });
  });

  test('goes with a dry run of a change and of a deletion, and with nothing that changes anything', async () => {
    const dry = async (method: string, query: string, body?: object) =>
      askAdmin(carnet.url, `mappings/extra?${query}`, {
        token: adminToken(idp, ['editors']),
        method,
        ...(body !== undefined && { body }),
        ...(method === 'DELETE' && { headers: { 'if-match': '"1"' } }),
      });
    const extra = mapping('extra', '*', { target: { jwtSvid: { audiences: ['till'] } } });
    const would = await dry('PUT', 'dryRun=true&replay=1h', extra);
    expect([would.status, flips(would.body['replay'] as Record<string, unknown>, 'toAllowed')]).toEqual([
      200,
      ['1 undefined extra target_refused'],
    ]);
    expect((await dry('PUT', 'dryRun=true', extra)).body['replay']).toBeUndefined();
    expect(await dry('PUT', 'replay=1h', extra)).toMatchObject({ status: 400, body: { field: 'replay' } });
    expect((await dry('PUT', 'dryRun=true&replay=soon', extra)).status).toBe(400);
    expect((await dry('PUT', '', extra)).status).toBe(201);
    const gone = await dry('DELETE', 'dryRun=true&replay=1h');
    expect(flips(gone.body['replay'] as Record<string, unknown>, 'toRefused')).toEqual([
      '1 extra undefined target_refused',
    ]);
    expect((gone.body['replay'] as { changes: object }).changes).toMatchObject({ removed: [{ name: 'extra' }] });
    expect((await dry('DELETE', '')).status).toBe(200);
  });

  // Last, for it changes what is in force.
  test('what it foretells is what becomes of the same requests once the documents are in force', async () => {
    const documents = [main('reporter', { ttl: { default: '2m', max: '2m' } }), mapping('till', '*')];
    const { body } = await replay(stream(...documents));
    expect(flips(body, 'toRefused')).toEqual(['2 main undefined target_refused']);
    expect(flips(body, 'toAllowed')).toEqual(['1 undefined till target_refused']);
    const before = [
      await exchange('ledger', 'reporter'),
      await exchange('ledger', 'clerk'),
      await exchange('till', 'reporter'),
    ];
    await carnet.writeResource('resources.yaml', clusterIssuer(cluster) + stream(...documents));
    await expect.poll(() => exchange('ledger', 'clerk')).toBe('invalid_target');
    const after = [
      await exchange('ledger', 'reporter'),
      await exchange('ledger', 'clerk'),
      await exchange('till', 'reporter'),
    ];
    expect([before, after]).toEqual([
      ['allowed 300', 'allowed 300', 'invalid_target'],
      ['allowed 120', 'invalid_target', 'allowed 300'],
    ]);
  });
});
