import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeCluster } from '../fakes/cluster.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { AUDIENCE, exchangeForm, install, type RunningCarnet, start } from '../support/running-carnet.ts';

const clock = new FakeClock(Date.now());
let cluster: FakeCluster;
let ci: FakeOidcIssuer;
let carnet: RunningCarnet;

beforeAll(async () => {
  const now = () => clock.now();
  [cluster, ci] = await Promise.all([FakeCluster.start(), FakeOidcIssuer.start({ algorithm: 'ES256', now })]);
  const resources = `apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: ci }
spec:
  issuer: ${ci.issuer}
  audiences: ['${AUDIENCE}']
  keys: { discovery: {} }
  oidc: { spiffePath: '/job/{claims.sub}' }
---
apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: mesh }
spec:
  owner: team-shop@example.org
  subject: { issuer: ci, claims: { repository_id: "987654" } }
  target: { jwtSvid: { audiences: [ledger] } }
`;
  carnet = await start(await install({ cluster, resources, allowOrigins: [ci.issuer] }), clock);
});

afterAll(async () => {
  await carnet.stop();
  await Promise.all([cluster.close(), ci.close()]);
  await carnet.remove();
});

const tokenOf = (sub: string) => ci.token(AUDIENCE, { sub, repository_id: '987654' });

async function outcome(token: string): Promise<string> {
  const body = new URLSearchParams(exchangeForm(token, 'ledger'));
  const answer = await fetch(`${carnet.url}/oauth2/token`, { method: 'POST', body });
  const { error = '' } = (await answer.json()) as { error?: string };
  return [answer.status, error, answer.headers.get('retry-after') ?? ''].join(' ').trim();
}

async function outcomes(token: string, times: number): Promise<Readonly<Record<string, number>>> {
  const all: string[] = [];
  for (let left = times; left > 0; left -= 60) {
    all.push(...(await Promise.all(Array.from({ length: Math.min(60, left) }, () => outcome(token)))));
  }
  return Object.fromEntries([...Map.groupBy(all, (one) => one)].map(([name, found]) => [name, found.length]));
}

describe('the running service', () => {
  test('gives one identity so much and tells it when to come back, and others are none the worse (E10)', async () => {
    const token = tokenOf('busy');
    expect(await outcomes(token, 540)).toEqual({ '200': 500, '429 slow_down 1': 40 });
    expect(await outcome(tokenOf('other'))).toBe('200');
    clock.advance(1000);
    expect(await outcomes(token, 60)).toEqual({ '200': 50, '429 slow_down 1': 10 });
  });

  test('answers a forged token that is shown again without another check', async () => {
    const forged = `${tokenOf('a').slice(0, -8)}AAAAAAAA`;
    const checks = async () => {
      const text = await (await fetch(`${carnet.url}/metrics`)).text();
      return [...text.matchAll(/^carnet_signature_checks_total\{outcome="(failed|repeated)"\} ([0-9]+)$/gm)].map(
        ([, name, count]) => `${name} ${count}`,
      );
    };
    expect(await outcomes(forged, 3)).toEqual({ '400 invalid_request': 3 });
    expect(await outcome(forged)).toBe('400 invalid_request');
    const shown = await checks();
    expect(await outcome(forged)).toBe('400 invalid_request');
    const again = await checks();
    expect(again.find((one) => one.startsWith('failed'))).toBe(shown.find((one) => one.startsWith('failed')));
    expect(again.find((one) => one.startsWith('repeated'))).not.toBe(shown.find((one) => one.startsWith('repeated')));
  });
});
