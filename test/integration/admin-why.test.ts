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

function mapping(name: string, spec: object, labels: object = {}): string {
  const subject = { issuer: 'prod-eu', namespace: 'payments', serviceAccount: '*' };
  const whole = { owner: 'a', subject, target: { jwtSvid: { audiences: [name] } }, ...spec };
  const document = {
    apiVersion: 'carnet.dev/v1alpha1',
    kind: 'FederationMapping',
    metadata: { name, labels },
    spec: whole,
  };
  return `${JSON.stringify(document)}\n---\n`;
}

const NIGHT = mapping('ledger', { when: "identity.serviceAccount == 'auditor'" });
const TIGHT = mapping('tight', {
  mode: 'shadow',
  target: { jwtSvid: { audiences: ['other'] } },
  addresses: ['shared'],
  when: "identity.serviceAccount == 'nobody'",
});
const TEAM = { team: 'payments' };
const NOBODY = { when: "identity.serviceAccount == 'nobody'" };
const TILL = mapping('till', NOBODY, TEAM);
const TEAM_OPEN = mapping('till-open', {}, TEAM);
/** A mapping of the team's, beside which a shadow of somebody else stands. */
const BESIDE = mapping('till-beside', { addresses: ['crowd'], ...NOBODY }, TEAM);
const THEIRS = mapping('theirs', { mode: 'shadow', target: { jwtSvid: { audiences: ['b'] } }, addresses: ['crowd'] });
const OURS = TILL + TEAM_OPEN + BESIDE + THEIRS;
const OPEN = mapping('open', { addresses: ['shared'] });

let cluster: FakeCluster;
let idp: FakeOidcIssuer;
let carnet: RunningCarnet;

beforeAll(async () => {
  cluster = await FakeCluster.start();
  idp = await FakeOidcIssuer.start();
  const resources = clusterIssuer(cluster) + NIGHT + OPEN + TIGHT + OURS;
  const more = adminConfig(idp, [
    '{ role: viewer, claim: groups, value: payments-viewers, labels: { team: payments } }',
  ]);
  carnet = await start(await install({ cluster, resources, allowOrigins: [idp.issuer], more }));
});

afterAll(async () => {
  await carnet.stop();
  await cluster.close();
  await idp.close();
  await carnet.remove();
});

async function exchange(audience: string): Promise<string> {
  const pod = { kind: 'pod', name: 'reporter-7d9f' } as const;
  const token = cluster.token({
    audiences: [AUDIENCE],
    boundTo: pod,
    namespace: 'payments',
    serviceAccount: 'reporter',
  });
  const { body } = await carnet.exchange(exchangeForm(token, audience));
  return String(body['trace_id'] ?? '');
}

function explain(body: object, role = 'viewer') {
  return askAdmin(carnet.url, 'explain', { token: adminToken(idp, [`${role}s`]), method: 'POST', body });
}

/** A refusal is recorded without anybody waiting for it. */
async function told(trace: string) {
  await expect.poll(async () => (await explain({ trace })).status).toBe(200);
  return explain({ trace });
}

describe('why, by POST /admin/v1/explain with a trace', () => {
  test('tells a refusal and decides its request again, by the resources of today', async () => {
    const trace = await exchange('ledger');
    const before = await told(trace);
    expect(before).toMatchObject({
      status: 200,
      body: {
        trace,
        records: [{ type: 'refused', reason: 'condition_not_met', mapping: 'ledger' }],
        today: {
          decision: { outcome: 'refused', mapping: 'ledger', reason: 'condition_not_met' },
          candidates: [{ mapping: 'ledger', failing: { step: 'when', passed: false } }],
        },
        coverage: { streams: ['carnet'] },
      },
    });
    const said = before.body['story'] as string[];
    expect(said[0]).toContain('payments/reporter of prod-eu, pod reporter-7d9f, asked for ledger.');
    expect(said.at(-1)).toMatch(/Under the same resources today .* still be refused, by mapping ledger, at gate when/);

    await carnet.writeResource('resources.yaml', clusterIssuer(cluster) + mapping('ledger', {}) + OPEN + TIGHT + OURS);
    await expect
      .poll(async () => ((await explain({ trace })).body['story'] as string[]).at(-1))
      .toMatch(/Under the resources of today .* would now be allowed, by mapping ledger: ledger for 300 s/);
  });

  test('is an answer for who may read, and for nobody else', async () => {
    const trace = await exchange('nowhere');
    await told(trace);
    expect((await explain({ trace }, 'editor')).status).toBe(200);
    expect((await explain({ trace }, 'stranger')).status).toBe(403);
  });

  test('of a trace that nobody left is nothing there, and says what was looked at', async () => {
    const { status, body } = await explain({ trace: 'f'.repeat(32) });
    expect([status, body['field']]).toEqual([404, 'trace']);
    expect(body['detail']).toMatch(/looked at since .*: carnet/);
  });

  test.each([
    [{ trace: 'a b' }, 'trace'],
    [{ trace: 'abc', address: 'ledger' }, 'trace'],
    [{ identity: { issuer: 'prod-eu', namespace: 'a', serviceAccount: 'b' } }, 'address'],
  ])('refuses %o', async (body, field) => {
    const answer = await explain(body);
    const faults = answer.body['faults'] as { field: string }[] | undefined;
    expect([answer.status, answer.body['field'] ?? faults?.[0]?.field]).toEqual([422, field]);
  });
});

describe('why for whoever may read some mappings only', () => {
  const asked = (trace: string) => explain({ trace }, 'payments-viewer');

  async function refusedAt(audience: string): Promise<string> {
    const trace = await exchange(audience);
    await told(trace);
    return trace;
  }

  test('tells a refusal at a mapping that is theirs, and what it would come to today', async () => {
    const trace = await refusedAt('till');
    expect(await asked(trace)).toMatchObject({
      status: 200,
      body: {
        records: [{ type: 'refused', mapping: 'till', reason: 'condition_not_met' }],
        story: [expect.stringContaining('asked for till.'), expect.stringContaining('at gate when')],
        today: { decision: { outcome: 'refused', mapping: 'till' } },
      },
    });
  });

  test('answers to all else what it answers to a trace that nobody left', async () => {
    const others = await refusedAt('tight');
    const nobodys = await refusedAt('nowhere');
    await exchange('till-open');
    const log = await askAdmin(carnet.url, 'audit?type=allowed&mapping=till-open', {
      token: adminToken(idp, ['auditors']),
    });
    const [allowed] = (log.body['items'] as { traceId: string }[]).map(({ traceId }) => traceId);
    expect((await explain({ trace: allowed })).status).toBe(200);
    const { trace_id: _, ...unknown } = (await asked('f'.repeat(32))).body;
    expect(unknown).toMatchObject({ status: 404, field: 'trace' });
    for (const trace of [others, nobodys, String(allowed)]) {
      const { trace_id: __, ...body } = (await asked(trace)).body;
      expect(body).toEqual(unknown);
    }
  });

  test('leaves out what mappings of others have to do with it, then and today', async () => {
    const trace = await refusedAt('crowd');
    const whole = (await explain({ trace })).body;
    expect(whole['records']).toMatchObject([{ mapping: 'till-beside', beside: [{ mapping: 'theirs' }] }]);
    const { status, body } = await asked(trace);
    expect([status, body['today']]).toEqual([200, undefined]);
    expect(JSON.stringify(body)).not.toContain('theirs');
    expect((body['story'] as string[]).at(-1)).toContain('cannot be told');
  });

  test('is for a mapping that was theirs at that time, not for one that became theirs', async () => {
    const owner = adminToken(idp, ['owners']);
    const put = (text: string, headers = {}) => {
      const body = JSON.parse(text.replace('\n---\n', ''));
      const path = `mappings/${String(body.metadata.name)}`;
      return askAdmin(carnet.url, path, { token: owner, method: 'PUT', body, headers });
    };
    expect((await put(mapping('kept', NOBODY, TEAM))).status).toBe(201);
    const made = await put(mapping('moved', NOBODY, { team: 'shop' }));
    const [kept, moved] = [await refusedAt('kept'), await refusedAt('moved')];
    expect((await put(mapping('moved', NOBODY, TEAM), { 'if-match': made.etag })).status).toBe(200);
    const get = (name: string) =>
      askAdmin(carnet.url, `mappings/${name}`, { token: adminToken(idp, ['payments-viewers']) });
    expect([(await get('kept')).status, (await get('moved')).status]).toEqual([200, 200]);
    expect([(await asked(kept)).status, (await asked(moved)).status]).toEqual([200, 404]);
  });
});

describe('an explanation', () => {
  test('has what mappings that do not enforce would have come to', async () => {
    const identity = { issuer: 'prod-eu', namespace: 'payments', serviceAccount: 'reporter' };
    const { body } = await explain({ identity, address: 'shared' });
    expect(body['decision']).toMatchObject({
      outcome: 'allowed',
      beside: [{ mode: 'shadow', outcome: 'refused', mapping: 'tight', reason: 'condition_not_met' }],
    });
  });
});
