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

function mapping(name: string, spec: object): string {
  const subject = { issuer: 'prod-eu', namespace: 'payments', serviceAccount: '*' };
  const whole = { owner: 'a', subject, target: { jwtSvid: { audiences: [name] } }, ...spec };
  const document = { apiVersion: 'carnet.dev/v1alpha1', kind: 'FederationMapping', metadata: { name }, spec: whole };
  return `${JSON.stringify(document)}\n---\n`;
}

const NIGHT = mapping('ledger', { when: "identity.serviceAccount == 'auditor'" });
const TIGHT = mapping('tight', {
  mode: 'shadow',
  target: { jwtSvid: { audiences: ['other'] } },
  addresses: ['shared'],
  when: "identity.serviceAccount == 'nobody'",
});
const OPEN = mapping('open', { addresses: ['shared'] });

let cluster: FakeCluster;
let idp: FakeOidcIssuer;
let carnet: RunningCarnet;

beforeAll(async () => {
  cluster = await FakeCluster.start();
  idp = await FakeOidcIssuer.start();
  const resources = clusterIssuer(cluster) + NIGHT + OPEN + TIGHT;
  carnet = await start(await install({ cluster, resources, allowOrigins: [idp.issuer], more: adminConfig(idp) }));
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
  await expect.poll(async () => (await explain({ trace })).status, { timeout: 10_000 }).toBe(200);
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

    await carnet.writeResource('resources.yaml', clusterIssuer(cluster) + mapping('ledger', {}) + OPEN + TIGHT);
    await expect
      .poll(async () => ((await explain({ trace })).body['story'] as string[]).at(-1), { timeout: 20_000 })
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
