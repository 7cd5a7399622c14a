import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeCluster } from '../fakes/cluster.ts';
import { signClaims } from '../fakes/cluster-keys.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { redisServer } from '../support/redis-server.ts';
import { AUDIENCE, exchangeForm, install, type RunningCarnet, start } from '../support/running-carnet.ts';

let cluster: FakeCluster;
let ci: FakeOidcIssuer;
let carnet: RunningCarnet;

const mapping = (name: string, audience: string, more = '') => `---
apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: ${name} }
spec:
  owner: team-shop@example.org
  subject: { issuer: ci, claims: { repository_id: "987654" } }
  target: { jwtSvid: { audiences: [${audience}] } }
${more}`;

const resources = () => `apiVersion: carnet.dev/v1alpha1
kind: TrustedIssuer
metadata: { name: ci }
spec:
  issuer: ${ci.issuer}
  audiences: ['${AUDIENCE}']
  keys: { discovery: {} }
  oidc: { spiffePath: '/job/{claims.repository_id}' }
${mapping('once', 'till', '  replay: once')}
${mapping('also-once', 'safe', '  replay: once')}
${mapping('ended', 'attic', '  replay: once\n  expiresAt: 2020-01-01T00:00:00Z')}
${mapping('often', 'ledger')}
`;

beforeAll(async () => {
  [cluster, ci] = await Promise.all([FakeCluster.start(), FakeOidcIssuer.start()]);
  carnet = await start(await install({ cluster, resources: resources(), allowOrigins: [ci.issuer] }));
});

afterAll(async () => {
  await carnet.stop();
  await Promise.all([cluster.close(), ci.close()]);
  await carnet.remove();
});

let tokens = 0;
function jobToken(claims: Record<string, unknown> = {}): string {
  tokens += 1;
  return ci.token(AUDIENCE, { sub: `job ${tokens}`, repository_id: '987654', jti: `run ${tokens}`, ...claims });
}

async function outcome(token: string, audience: string, at = carnet): Promise<string> {
  const { status, body } = await at.exchange(exchangeForm(token, audience));
  return status === 200 ? '200' : `${status} ${String(body['error'])}: ${String(body['error_description'])}`;
}

const REPLAYED = '400 invalid_request: the subject token has been used already and may be used once; request a new one';

describe('replay: once', () => {
  test('gives 100 equal requests at once one credential (R3)', async () => {
    const token = jobToken();
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => outcome(token, 'till')));
    expect(outcomes.filter((one) => one === '200')).toHaveLength(1);
    expect(new Set(outcomes)).toEqual(new Set(['200', REPLAYED]));
  });

  test('counts a token for all mappings that ask for it, and leaves the others alone (R1)', async () => {
    const token = jobToken();
    expect(await outcome(token, 'ledger')).toBe('200');
    expect(await outcome(token, 'till')).toBe('200');
    expect(await outcome(token, 'safe')).toBe(REPLAYED);
    expect(await outcome(token, 'ledger')).toBe('200');
  });

  test('knows a token by its jti, not by its text: the same claims signed again are the same token (R2)', async () => {
    const claims = { iss: ci.issuer, aud: AUDIENCE, sub: 'job', repository_id: '987654', jti: 'run x' };
    const seconds = Math.floor(Date.now() / 1000);
    const sign = (exp: number) => signClaims(ci.signingKey, { ...claims, iat: seconds, exp });
    expect(await outcome(sign(seconds + 300), 'till')).toBe('200');
    expect(await outcome(sign(seconds + 200), 'till')).toBe(REPLAYED);
  });

  test('refuses a token without jti, which other mappings take (R2)', async () => {
    const token = jobToken({ jti: undefined });
    expect(await outcome(token, 'till')).toMatch(/^400 invalid_request: a claim of the subject token is missing/);
    expect(await outcome(token, 'ledger')).toBe('200');
  });

  test('uses nothing up where policy refuses (R5)', async () => {
    const token = jobToken();
    expect(await outcome(token, 'attic')).toMatch(/^400 invalid_target/);
    expect(await outcome(token, 'nowhere')).toMatch(/^400 invalid_target/);
    expect(await outcome(token, 'till')).toBe('200');
  });

  test('uses nothing up for a forged token with the jti of a real one', async () => {
    const token = jobToken();
    expect(await outcome(`${token.slice(0, -8)}AAAAAAAA`, 'till')).toMatch(/^400 invalid_request/);
    expect(await outcome(token, 'till')).toBe('200');
  });
});

describe('replay: once with replicas', () => {
  test('holds over all of them, and fails closed while Redis is dead (R3, R4)', async (context) => {
    const redis = await redisServer(context);
    const more = `cache: { redis: { url: 'redis://127.0.0.1:${redis.port}' } }\n`;
    const replicas: RunningCarnet[] = [];
    for (let number = 0; number < 2; number += 1) {
      const installed = await install({ cluster, resources: resources(), more, allowOrigins: [ci.issuer] });
      // Replicas are one Carnet: they have one issuer, and with it one part of Redis.
      const configText = installed.configText.replace(`issuer: ${installed.url}`, `issuer: ${carnet.url}`);
      const replica = await start({ ...installed, configText });
      replicas.push(replica);
      context.onTestFinished(() => replica.stop().then(() => replica.remove()));
    }
    const [one = carnet, other = carnet] = replicas;
    for (const replica of replicas) {
      await expect.poll(() => outcome(jobToken(), 'till', replica)).toBe('200');
    }
    const token = jobToken();
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, number) => outcome(token, 'till', number % 2 === 0 ? one : other)),
    );
    expect(outcomes.filter((answer) => answer === '200')).toHaveLength(1);
    expect(new Set(outcomes)).toEqual(new Set(['200', REPLAYED]));
    await redis.kill();
    const refused = await one.exchange(exchangeForm(jobToken(), 'till'));
    expect([refused.status, refused.body['error']]).toEqual([503, 'temporarily_unavailable']);
    expect(await outcome(jobToken(), 'ledger', one)).toBe('200');
  });
});
