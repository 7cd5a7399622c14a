import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
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

function resource(kind: string, name: string, spec: object): string {
  return `${JSON.stringify({ apiVersion: 'carnet.dev/v1alpha1', kind, metadata: { name }, spec })}\n---\n`;
}

function mapping(name: string, serviceAccount: string, more: object = {}): string {
  const subject = { issuer: 'prod-eu', namespace: 'payments', serviceAccount };
  const target = { jwtSvid: { audiences: [name] } };
  return resource('FederationMapping', name, { owner: 'a', subject, target, addresses: ['shared'], ...more });
}

/** It stands still: how many seconds are left must not hang on when one ends. */
const clock = new FakeClock(systemClock.now());
let cluster: FakeCluster;
let idp: FakeOidcIssuer;
let carnet: RunningCarnet;

beforeAll(async () => {
  cluster = await FakeCluster.start({ now: () => clock.now() });
  idp = await FakeOidcIssuer.start({ now: () => clock.now() });
  const ci = resource('TrustedIssuer', 'ci', {
    issuer: 'https://ci.example.org',
    audiences: [AUDIENCE],
    keys: { discovery: {} },
    oidc: { requireClaims: { repository_owner: 'acme' }, spiffePath: '/ci/{claims.repository_id}' },
  });
  const job = resource('FederationMapping', 'job', {
    owner: 'a',
    subject: { issuer: 'ci', claims: { repository_id: '42' } },
    target: { jwtSvid: { audiences: ['builds'] } },
  });
  const resources =
    clusterIssuer(cluster) +
    ci +
    job +
    mapping('narrow', 'reporter', { expiresAt: '2020-01-01T00:00:00Z' }) +
    mapping('wide', '*', { ttl: { max: '10m' } }) +
    mapping('once', 'reporter', { addresses: ['single'], replay: 'once' });
  const limited = '{ role: viewer, claim: groups, value: team-viewers, labels: { team: a } }';
  const options = { resources, allowOrigins: [idp.issuer], more: adminConfig(idp, [limited]) };
  carnet = await start(await install({ cluster, ...options }), clock);
});

afterAll(async () => {
  await carnet.stop();
  await cluster.close();
  await idp.close();
  await carnet.remove();
});

const token = (name = 'reporter') =>
  cluster.token({ audiences: [AUDIENCE], boundTo: POD, namespace: 'payments', serviceAccount: name });

function explain(body: object, role = 'viewer') {
  return askAdmin(carnet.url, 'explain', { token: adminToken(idp, [`${role}s`]), method: 'POST', body });
}

async function auditText(): Promise<string> {
  const folder = join(carnet.folder, 'data/audit/carnet');
  const files = (await readdir(folder)).filter((name) => name !== 'lock');
  return (await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')))).join('');
}

describe('POST /admin/v1/explain', () => {
  test('shows each mapping that matches, the first gate that refuses with its values, and which one decides', async () => {
    const { status, body } = await explain({ token: token(), address: 'shared' });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      identity: { issuer: 'prod-eu', namespace: 'payments', serviceAccount: 'reporter', binding: 'pod' },
      decision: { outcome: 'refused', mapping: 'narrow', error: 'target_denied', reason: 'mapping_expired' },
      candidates: [
        {
          mapping: 'narrow',
          selected: true,
          failing: { step: 'expiry', passed: false, detail: '2020-01-01T00:00:00.000Z' },
        },
        { mapping: 'wide', selected: false },
      ],
      more: 0,
    });
    expect(body['credential']).toBeUndefined();
    expect((body['candidates'] as { failing?: unknown }[])[1]?.failing).toBeUndefined();
  });

  test('shows the credential that would come out, as an exchange then gives it', async () => {
    const asked = { token: token('clerk'), address: 'shared', ttlSeconds: 900 };
    const { body } = await explain(asked);
    expect(body).toMatchObject({
      decision: { outcome: 'allowed', mapping: 'wide' },
      credential: { kind: 'jwtSvid', target: 'wide', ttlSeconds: 600, enforcedBy: [], deliver: 'credentials' },
    });
    const given = await carnet.exchange(exchangeForm(asked.token, 'shared', { requested_expires_in: '900' }));
    expect(given).toMatchObject({ status: 200, body: { expires_in: 600 } });
  });

  test('of stated attributes is what a token that says the same gets', async () => {
    const stated = { issuer: 'prod-eu', namespace: 'payments', serviceAccount: 'clerk', pod: 'reporter-7d9f' };
    const ofToken = await explain({ token: token('clerk'), address: 'shared' });
    const ofStated = await explain({ identity: stated, address: 'shared' });
    const { decision, credential, candidates } = ofToken.body;
    expect(ofStated.body).toMatchObject({ decision, candidates, credential: credential as object });
  });

  test('of stated claims asks of them what the issuer asks of a token', async () => {
    const identity = (claims: object) => ({ issuer: 'ci', claims });
    const fit = { repository_id: '42', repository_owner: 'acme' };
    expect((await explain({ identity: identity(fit), address: 'builds' })).body).toMatchObject({
      identity: { kind: 'oidc', spiffeId: 'spiffe://example.org/ci/42' },
      decision: { outcome: 'allowed', mapping: 'job' },
    });
    const unfit = await explain({ identity: identity({ ...fit, repository_owner: 'mallory' }), address: 'builds' });
    expect(unfit.body['decision']).toMatchObject({ outcome: 'refused', error: 'token_claims' });
  });

  test('of a token that is refused says why, and decides nothing', async () => {
    const forged = `${token().slice(0, -8)}AAAAAAAA`;
    const { status, body } = await explain({ token: forged, address: 'shared' });
    expect([status, body]).toMatchObject([
      200,
      { decision: { outcome: 'refused', error: 'token_signature', steps: [] }, candidates: [] },
    ]);
    expect(body['identity']).toBeUndefined();
  });

  test('to whoever is limited says of a refused token what its bearer is told, and to others the truth', async () => {
    const forged = `${token().slice(0, -8)}AAAAAAAA`;
    const { body: told } = await carnet.exchange(exchangeForm(forged, 'shared'));
    const detailOf = async (role: string) =>
      ((await explain({ token: forged, address: 'shared' }, role)).body['decision'] as Record<string, unknown>)[
        'detail'
      ];
    expect(await detailOf('team-viewer')).toBe(told['error_description']);
    expect(await detailOf('viewer')).toBe('the signature does not verify');
  });

  test('to whoever is limited does not tell which claims an issuer asks for', async () => {
    const stated = (claims: object, role: string) =>
      explain({ identity: { issuer: 'ci', claims }, address: 'builds' }, role);
    const fit = { repository_id: '42', repository_owner: 'acme' };
    const said = ({ status, body: { trace_id: _, ...body } }: Awaited<ReturnType<typeof explain>>) => ({
      status,
      body,
    });
    const [unfit, other] = [await stated({}, 'team-viewer'), await stated(fit, 'team-viewer')].map(said);
    expect(unfit).toEqual(other);
    expect(unfit?.status).toBe(404);
    expect((await stated({}, 'viewer')).body['decision']).toMatchObject({
      detail: 'required claim repository_owner is missing or differs',
    });
  });

  test('uses no token up and issues nothing: a token for single use can be used afterwards', async () => {
    const single = token();
    const explained = await explain({ token: single, address: 'single' });
    expect(explained.body['decision']).toMatchObject({ outcome: 'allowed' });
    const before = await auditText();
    expect(before).not.toContain('"mapping":"once"');
    expect((await carnet.exchange(exchangeForm(single, 'single'))).status).toBe(200);
    expect(carnet.log.join('') + before).not.toContain(single);
  });

  test('is for who may read, and no answer of it repeats a token', async () => {
    const asked = { token: token(), address: 'shared' };
    expect((await explain(asked, 'stranger')).status).toBe(403);
    const wrong = await explain({ ...asked, token: 7, colour: 'red' });
    expect(wrong).toMatchObject({ status: 422, body: { faults: [{ field: 'token' }, { field: 'colour' }] } });
    for (const answer of [await explain(asked), wrong]) {
      expect(JSON.stringify(answer.body)).not.toContain(asked.token.slice(-40));
    }
  });

  test.each([
    ['neither token nor identity', {}],
    ['both', { token: 'x.y.z', identity: { issuer: 'prod-eu' } }],
    ['an issuer that nobody is', { identity: { issuer: 'nobody' } }],
    ['a cluster without a ServiceAccount', { identity: { issuer: 'prod-eu', namespace: 'payments' } }],
  ])('refuses a question with %s, naming the field', async (_, question) => {
    const { status, body } = await explain({ address: 'shared', ...question });
    expect([status, typeof body['field']]).toEqual([422, 'string']);
  });
});
