import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AUDIENCE, exchangeForm, type RunningCarnet } from '../support/running-carnet.ts';
import { type CiDeployment, JOB, startCiDeployment } from './ci-deployment.ts';

let deployment: CiDeployment;
let carnet: RunningCarnet;

beforeAll(async () => {
  deployment = await startCiDeployment();
  carnet = deployment.carnet;
});

afterAll(() => deployment.stop());

function jobToken(claims: Record<string, unknown>): string {
  return deployment.ci.token(AUDIENCE, { sub: 'repo:acme/shop:environment:production', ...claims });
}

describe('A CI job with a token of five minutes', () => {
  test('gets a session of fifteen, because its mapping says so and AWS gives none shorter', async () => {
    const { status, body } = await carnet.exchange(exchangeForm(jobToken(JOB), 'deploy'));
    expect(status).toBe(200);
    expect(body['expires_in']).toBeGreaterThan(890);
    expect(deployment.sts.calls.at(-1)?.parameters).toMatchObject({
      DurationSeconds: '900',
      RoleSessionName: 'deploy',
    });
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
