import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeCluster } from '../fakes/cluster.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { type AdminAnswer, adminConfig, adminToken, askAdmin } from '../support/admin-api.ts';
import { CLUSTER, clusterIssuer, install, type RunningCarnet, start } from '../support/running-carnet.ts';

const LIMITED = [
  '{ role: editor, claim: groups, value: payments, labels: { team: payments } }',
  '{ role: editor, claim: groups, value: shop, labels: { team: shop } }',
  '{ role: editor, claim: groups, value: by-till, grants: [till] }',
  '{ role: editor, claim: groups, value: by-desk, grants: [desk] }',
];

let cluster: FakeCluster;
let idp: FakeOidcIssuer;
let carnet: RunningCarnet;

type Json = Record<string, unknown>;

function resource(kind: string, name: string, spec: object, labels: object = {}): Json {
  return { apiVersion: 'carnet.dev/v1alpha1', kind, metadata: { name, labels }, spec };
}

function mapping(name: string, team?: string, changes: object = {}): Json {
  const subject = { issuer: CLUSTER, namespace: 'payments', serviceAccount: name };
  const spec = { owner: 'team@example.org', subject, target: { jwtSvid: { audiences: ['till'] } }, ...changes };
  return resource('FederationMapping', name, spec, team === undefined ? {} : { team });
}

const SHORTER = { ttl: { default: '5m', max: '10m' } };
const named = (...names: string[]) => names.map((name) => ({ kind: 'FederationMapping', name }));

/** Somebody of a group: `payments`, `shop`, `owners`. */
function as(...groups: string[]) {
  const ask = (path: string, method: string, body?: unknown, headers: Record<string, string> = {}) =>
    askAdmin(carnet.url, path, { token: adminToken(idp, groups), method, body, headers });
  return {
    get: (path: string) => ask(path, 'GET'),
    put: (path: string, body: unknown, etag?: unknown) =>
      ask(path, 'PUT', body, etag === undefined ? {} : { 'if-match': String(etag) }),
    delete: (path: string, etag: unknown) => ask(path, 'DELETE', undefined, { 'if-match': String(etag) }),
    apply: (query: string, ...documents: readonly object[]) =>
      ask(`apply?${query}`, 'POST', documents.map((one) => JSON.stringify(one)).join('\n---\n'), {
        'content-type': 'application/yaml',
      }),
  };
}

const owner = as('owners');
const payments = as('payments');
const shop = as('shop');

/** An answer without what differs from one request to the next. */
function said({ status, body: { trace_id: _, ...body } }: AdminAnswer) {
  return { status, body };
}

beforeAll(async () => {
  cluster = await FakeCluster.start();
  idp = await FakeOidcIssuer.start();
  const resources = clusterIssuer(cluster) + JSON.stringify(mapping('of-file', 'shop'));
  const more = adminConfig(idp, LIMITED);
  carnet = await start(await install({ cluster, resources, allowOrigins: [idp.issuer], more }));
  const grant = (name: string, authors?: string[]) =>
    owner.put(
      `grants/${name}`,
      resource('FederationGrant', name, {
        from: { namespaces: ['payments'], ...(authors && { authors }) },
        to: { audiences: [name] },
      }),
    );
  expect((await grant('till')).status).toBe(201);
  expect((await grant('desk', ['by-desk'])).status).toBe(201);
  // For whoever is `by-till`, beside what limits him.
  const wide = { from: { authors: ['by-till'] }, to: { audiences: ['desk', 'till'] } };
  expect((await owner.put('grants/wide', resource('FederationGrant', 'wide', wide))).status).toBe(201);
});

afterAll(async () => {
  await carnet.stop();
  await cluster.close();
  await idp.close();
  await carnet.remove();
});

describe('whoever is limited', () => {
  test('applies documents within his labels, and nothing where one of them is outside', async () => {
    expect((await payments.apply('set=a', mapping('a1', 'payments'))).status).toBe(200);
    for (const other of [mapping('a2', 'shop'), mapping('a2'), resource('Guardrail', 'a2', { maxTtl: '1h' })]) {
      expect((await payments.apply('set=a', mapping('a1', 'payments', SHORTER), other)).status).toBe(403);
    }
    expect((await payments.get('mappings/a1')).body).toMatchObject({
      document: { spec: { subject: { serviceAccount: 'a1' } } },
      source: { set: 'a', author: { as: ['payments'], scoped: true } },
    });
    expect((await payments.get('mappings/a1')).etag).toBe('"1"');
  });

  test('applies only what a grant covers', async () => {
    const beyond = mapping('b1', 'payments', { target: { jwtSvid: { audiences: ['others'] } } });
    expect(await payments.apply('set=b', mapping('b2', 'payments'), beyond)).toMatchObject({
      status: 422,
      body: { faults: [{ name: 'b1', field: 'spec.target.jwtSvid.audiences' }] },
    });
    expect((await payments.get('mappings/b2')).status).toBe(404);
  });

  test('takes over no document of others, and learns neither its set nor its content nor its version', async () => {
    const theirs = mapping('c1', 'shop');
    await shop.apply('set=shops-secret-set', theirs);
    const answers = [
      await payments.apply('set=c', theirs),
      await payments.apply('set=c', mapping('c1', 'payments')),
      await payments.apply('set=shops-secret-set', theirs),
      await payments.apply('set=c&dryRun=true', theirs),
      await payments.put('mappings/c1', mapping('c1', 'payments')),
      await payments.put('mappings/c1', mapping('c1', 'payments'), '"1"'),
      await payments.put('mappings/c1', mapping('c1', 'payments'), '"7"'),
      await payments.put('mappings/c1?rollback=1', {}, '"1"'),
      await payments.put('mappings/c1?rollback=9', {}, '"1"'),
      await payments.delete('mappings/c1', '"1"'),
      await payments.delete('mappings/c1', '"7"'),
    ];
    expect(new Set(answers.map((answer) => JSON.stringify(said(answer)))).size).toBe(1);
    expect(answers[0]?.status).toBe(403);
    expect(JSON.stringify(answers[0]?.body)).not.toContain('secret');
    expect((await shop.apply('set=shops-secret-set', theirs)).body).toMatchObject({ unchanged: 1 });
  });

  test('is not told which file has what he may not read', async () => {
    const [theirs, ours] = [
      await payments.put('mappings/of-file', mapping('of-file', 'payments')),
      await shop.put('mappings/of-file', mapping('of-file', 'shop')),
    ];
    expect([theirs.status, theirs.body['detail']]).toEqual([409, 'FederationMapping of-file is in a file']);
    expect([ours.status, ours.body['detail']]).toMatchObject([409, expect.stringMatching(/resources\.yaml$/)]);
  });

  test('is not told what his change means to a guardrail that he may not read; who may read it is', async () => {
    const guarded = resource('Guardrail', 'j-secret', { match: { mappings: ['j1', 'j2'] }, maxTtl: '2h' });
    await owner.put('guardrails/j-secret', guarded);
    const faults = ({ body }: AdminAnswer) =>
      [body, body['replay'] as Json | undefined].flatMap((one) => one?.['changes'] ?? []);
    const told = { kind: 'Guardrail', name: 'j-secret', field: 'spec.match.mappings[0]' };
    const none = { newFaults: [], goneFaults: [] };
    const both = await payments.put('mappings/j1?dryRun=true&replay=1d', mapping('j1', 'payments'));
    expect(faults(both)).toMatchObject([none, none]);
    expect(faults(await owner.put('mappings/j1', mapping('j1', 'payments')))).toMatchObject([{ goneFaults: [told] }]);
    expect(faults(await payments.apply('set=j&dryRun=true', mapping('j2', 'payments')))).toMatchObject([none]);
    expect(faults(await payments.delete('mappings/j1', '"1"'))).toMatchObject([none]);
  });

  test('prunes what is his of a set; what others put into it neither goes, nor is told, nor stands in the way', async () => {
    await shop.apply('set=d', mapping('d1', 'shop'), mapping('d2', 'shop'));
    expect((await payments.apply('set=d', mapping('d3', 'payments'))).body).toMatchObject({ left: [] });
    await owner.apply('set=d', resource('Guardrail', 'd4', { maxTtl: '2h' }, { team: 'shop' }));
    expect(await shop.apply('set=d&prune=true', mapping('d1', 'shop'))).toMatchObject({
      status: 200,
      body: { removed: named('d2'), left: [{ kind: 'Guardrail', name: 'd4' }] },
    });
    expect((await owner.get('mappings/d3')).status).toBe(200);
    expect((await owner.get('guardrails/d4')).status).toBe(200);
    // Whoever is not limited prunes all of it.
    expect((await owner.apply('set=d&prune=true', mapping('d1', 'shop'))).body).toMatchObject({
      removed: expect.arrayContaining(named('d3')),
    });
  });

  test('reads the versions within his labels, not those of before or after nor their deletion', async () => {
    const first = await owner.put('mappings/e1', mapping('e1', 'shop'));
    const second = await owner.put('mappings/e1', mapping('e1', 'payments'), first.etag);
    const third = await owner.put('mappings/e1', mapping('e1', 'shop', SHORTER), second.etag);
    const versions = async (who: typeof owner) => {
      const { status, body } = await who.get('mappings/e1?history=true');
      return status === 200 ? (body['items'] as { version: number }[]).map(({ version }) => version) : status;
    };
    expect([await versions(payments), await versions(shop), await versions(owner)]).toEqual([[2], [3, 1], [3, 2, 1]]);
    expect((await payments.get('mappings/e1')).status).toBe(404);
    await owner.delete('mappings/e1', third.etag);
    expect([await versions(payments), await versions(shop)]).toEqual([[2], [4, 3, 1]]);
    expect(await versions(as('by-desk'))).toBe(404);
  });

  test('goes back to a version of his, to none of others, and over no deletion', async () => {
    const first = await owner.put('mappings/f1', mapping('f1', 'shop'));
    await owner.put('mappings/f1', mapping('f1', 'payments'), first.etag);
    await payments.put('mappings/f1', mapping('f1', 'payments', SHORTER), '"2"');
    expect((await payments.put('mappings/f1?rollback=1', {}, '"3"')).status).toBe(404);
    const back = await payments.put('mappings/f1?rollback=2', {}, '"3"');
    expect(back).toMatchObject({ status: 200, etag: '"4"' });
    expect((await payments.delete('mappings/f1', '"4"')).status).toBe(200);
    expect((await payments.put('mappings/f1?rollback=4', {})).status).toBe(403);
    expect((await owner.put('mappings/f1?rollback=4', {})).status).toBe(201);
  });

  test('writes as what lets him write the new version, not as what let him write the old one', async () => {
    const desk = (name: string) => mapping(name, undefined, { target: { jwtSvid: { audiences: ['desk'] } } });
    const both = as('by-till', 'by-desk');
    const made = await both.put('mappings/g1', mapping('g1'));
    expect(made.status).toBe(201);
    expect((await both.put('mappings/g1', desk('g1'), made.etag)).status).toBe(200);
    expect((await both.get('mappings/g1')).body).toMatchObject({ source: { author: { as: ['by-desk'] } } });
    expect((await as('by-till').put('mappings/g2', desk('g2'))).status).toBe(403);
  });

  test('forges no author: what a document says of one is a fault', async () => {
    const forged = { ...mapping('h1', 'payments'), author: { issuer: 'x', subject: 'y', as: ['owners'] } };
    expect((await payments.put('mappings/h1', forged)).status).toBe(422);
    const inside = { ...mapping('h1', 'payments'), metadata: { name: 'h1', labels: { team: 'payments' }, source: {} } };
    expect((await payments.put('mappings/h1', inside)).status).toBe(422);
    expect((await payments.put('mappings/h1', mapping('h1', 'payments'))).status).toBe(201);
  });

  test('replays with a dry run what it may write, and nothing where it may not', async () => {
    const dryRun = 'dryRun=true&replay=1d';
    const { status, body } = await payments.put(`mappings/i1?${dryRun}`, mapping('i1', 'payments'));
    expect([status, body['replay']]).toMatchObject([200, { requests: { seen: 0 } }]);
    const names = (body['replay'] as { unused: { mappings: readonly string[] } }).unused.mappings;
    expect(names).toContain('i1');
    const { items } = (await payments.get('mappings?limit=500')).body as { items: readonly { document: Json }[] };
    const own = items.map(({ document }) => (document['metadata'] as { name: string }).name);
    expect([...own, 'i1']).toEqual(expect.arrayContaining([...names]));
    expect((await payments.put(`mappings/i1?${dryRun}`, mapping('i1', 'shop'))).status).toBe(403);
    expect((await payments.put(`mappings/of-file?${dryRun}`, mapping('of-file', 'payments'))).status).not.toBe(200);
    expect((await payments.apply('set=i&dryRun=true', mapping('i1', 'payments'))).status).toBe(200);
  });
});
