import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeCluster } from '../fakes/cluster.ts';
import {
  AUDIENCE,
  clusterIssuer,
  exchangeForm,
  install,
  type RunningCarnet,
  start,
} from '../support/running-carnet.ts';

const POD = { kind: 'pod', name: 'reporter-7d9f' } as const;

function svidMapping(name: string, audience: string, more = ''): string {
  return `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: ${name} }
spec:
  owner: platform@example.org
  subject: { issuer: prod-eu, namespace: payments, serviceAccount: '*' }
  target: { jwtSvid: { audiences: [${audience}] } }
${more}`;
}

const STOP = `apiVersion: carnet.dev/v1alpha1
kind: Guardrail
metadata: { name: stop-inc-42 }
spec: { match: { issuers: [prod-eu], namespace: payments, serviceAccount: reporter }, deny: "true", message: INC-42 }
`;

const UNLISTED = `apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: edge-9 }
spec:
  issuer: https://edge-9.example.org
  audiences: ['${AUDIENCE}']
  keys: { jwks: { url: https://10.9.9.9/keys } }
  kubernetes: {}
`;

let cluster: FakeCluster;
let carnet: RunningCarnet;

beforeAll(async () => {
  cluster = await FakeCluster.start();
  carnet = await start(await install({ cluster, resources: clusterIssuer(cluster) + svidMapping('mesh', 'ledger') }));
});

afterAll(async () => {
  await carnet.stop();
  await cluster.close();
  await carnet.remove();
});

async function outcome(audience: string): Promise<string> {
  const token = cluster.token({ audiences: [AUDIENCE], boundTo: POD });
  const { status, body } = await carnet.exchange(exchangeForm(token, audience));
  return status === 200 ? 'issued' : String(body['reason'] ?? body['error']);
}

describe('Files that change while Carnet runs (DESIGN section 5)', () => {
  test('a new mapping counts, and a broken file beside it stops nothing else', async () => {
    expect(await outcome('billing')).toBe('invalid_target');
    await carnet.writeResource('broken.yaml', 'kind: [never closed\n');
    await carnet.writeResource('billing.yaml', svidMapping('billing', 'billing'));
    await expect.poll(() => outcome('billing')).toBe('issued');
    expect(await outcome('ledger')).toBe('issued');
    const ready = await fetch(`${carnet.url}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([200, { status: 'degraded' }]);
  });

  test('an issuer at a private address that outbound.allowOrigins lacks is a degraded part, named, and no 503', async () => {
    await carnet.writeResource('edge.yaml', UNLISTED);
    const ready = async () => {
      const answer = await fetch(`${carnet.url}/readyz`);
      const { parts } = (await answer.json()) as { parts: { name: string }[] };
      return [answer.status, ...parts.filter(({ name }) => name.startsWith('issuer '))];
    };
    const detail = 'https://10.9.9.9 is a private address that outbound.allowOrigins lacks: the keys cannot be fetched';
    await expect
      .poll(ready)
      .toEqual([200, { name: 'issuer edge-9', state: 'degraded', detail }, { name: 'issuer prod-eu', state: 'ok' }]);
    await carnet.writeResource('edge.yaml', '# gone\n');
    await expect.poll(ready).toEqual([200, { name: 'issuer prod-eu', state: 'ok' }]);
  });

  test('a mapping that a typo breaks refuses as inactive instead of giving way to a wider one', async () => {
    await carnet.writeResource('billing.yaml', svidMapping('billing', 'billing', '  ttll: { max: 1h }\n'));
    await expect.poll(() => outcome('billing')).toBe('inactive');
    await carnet.writeResource('billing.yaml', svidMapping('billing', 'billing'));
    await expect.poll(() => outcome('billing')).toBe('issued');
  });

  test('an emergency stop counts while another file is broken, and its removal ends it', async () => {
    await carnet.writeResource('stop.yaml', STOP);
    await expect.poll(() => outcome('ledger')).toBe('guardrail');
    await carnet.writeResource('stop.yaml', '# ended\n');
    await expect.poll(() => outcome('ledger')).toBe('issued');
  });

  test('the log tells each fault with its file and line', () => {
    const told = carnet.log.map((line) => JSON.parse(line)).filter(({ message }) => message === 'faulty resource');
    expect(told.some(({ source, line }) => String(source).endsWith('broken.yaml') && Number(line) > 0)).toBe(true);
    expect(told.some(({ source, field }) => String(source).endsWith('billing.yaml') && field === 'spec.ttll')).toBe(
      true,
    );
  });
});
