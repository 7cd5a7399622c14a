import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AwsSts } from '../fakes/aws-sts.ts';
import { FakeCluster } from '../fakes/cluster.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { AUDIENCE, exchangeForm, freePort, install, type RunningCarnet, start } from '../support/running-carnet.ts';

const ROLE = 'arn:aws:iam::123456789012:role/deploy';
const JOB = { repository_owner_id: '1234567', repository_id: '987654', environment: 'production' };

let cluster: FakeCluster;
let ci: FakeOidcIssuer;
let sts: AwsSts;
let carnet: RunningCarnet;

beforeAll(async () => {
  [cluster, ci] = await Promise.all([FakeCluster.start(), FakeOidcIssuer.start()]);
  const port = await freePort();
  const provider = `http://127.0.0.1:${port}`;
  sts = await AwsSts.start({
    providers: [{ url: provider, clientIds: ['sts.amazonaws.com'] }],
    roles: [{ arn: ROLE, provider, audiences: ['sts.amazonaws.com'], subjects: ['mapping:deploy'] }],
  });
  const resources = `apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: github, labels: { env: ci } }
spec:
  issuer: ${ci.issuer}
  audiences: ['${AUDIENCE}']
  keys: { discovery: {} }
  oidc: { requireClaims: { repository_owner_id: "1234567" } }
---
apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: deploy }
spec:
  owner: team-shop@example.org
  subject: { issuer: github, claims: { repository_id: "987654", environment: production } }
  target: { aws: { roleArn: '${ROLE}', region: eu-west-1 } }
  intents: unrestricted
  ttl: { default: 15m, max: 30m, outliveSubject: true }
`;
  const more = `clouds: { aws: { stsEndpoint: '${sts.url}' } }\n`;
  carnet = await start(await install({ cluster, resources, more, port, allowOrigins: [ci.issuer] }));
});

afterAll(async () => {
  await carnet.stop();
  await Promise.all([cluster.close(), ci.close(), sts.close()]);
  await carnet.remove();
});

function jobToken(claims: Record<string, unknown>): string {
  return ci.token(AUDIENCE, { sub: 'repo:acme/shop:environment:production', ...claims });
}

describe('A CI job with a token of five minutes', () => {
  test('gets a session of fifteen, because its mapping says so and AWS gives none shorter', async () => {
    const { status, body } = await carnet.exchange(exchangeForm(jobToken(JOB), 'deploy'));
    expect(status).toBe(200);
    expect(body['expires_in']).toBeGreaterThan(890);
    expect(sts.calls.at(-1)?.parameters).toMatchObject({ DurationSeconds: '900', RoleSessionName: 'deploy' });
  });

  test('may call its token an ID token (P3)', async () => {
    const form = exchangeForm(jobToken(JOB), 'deploy');
    const idToken = { ...form, subject_token_type: 'urn:ietf:params:oauth:token-type:id_token' };
    expect((await carnet.exchange(idToken)).status).toBe(200);
  });

  test('of another repository of the same organisation finds no target', async () => {
    const { status, body } = await carnet.exchange(
      exchangeForm(jobToken({ ...JOB, repository_id: '987655' }), 'deploy'),
    );
    expect([status, body['error'], body['reason']]).toEqual([400, 'invalid_target', undefined]);
  });

  test('of another organisation is no verified identity at all (requireClaims)', async () => {
    const foreign = jobToken({ ...JOB, repository_owner_id: '7654321' });
    const { status, body } = await carnet.exchange(exchangeForm(foreign, 'deploy'));
    expect([status, body['error']]).toEqual([400, 'invalid_request']);
  });

  test('cannot become a Kubernetes identity by claims of that name', async () => {
    const posing = jobToken({
      ...JOB,
      environment: 'staging',
      'kubernetes.io': { namespace: 'payments', serviceaccount: { name: 'reporter', uid: 'x' } },
    });
    const { status, body } = await carnet.exchange(exchangeForm(posing, 'deploy'));
    expect([status, body['error'], body['reason']]).toEqual([400, 'invalid_target', undefined]);
  });
});
