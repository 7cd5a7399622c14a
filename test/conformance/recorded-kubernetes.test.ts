import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { Secret } from '../../src/core/secret.ts';
import { TokenType } from '../../src/core/token-types.ts';
import type { TrustedIssuer } from '../../src/resources/issuers.ts';
import { createVerifier } from '../../src/verifiers/verify.ts';
import { FakeClock } from '../support/fake-clock.ts';
import {
  AUDIENCE,
  clusterIssuer,
  keysUnderTest,
  refusal,
  ScriptedOutbound,
  trustedIssuers,
} from '../verifiers/issuers-under-test.ts';

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly cacheControl: string;
  readonly body: JsonObject;
}
interface Recording {
  readonly recordedAt: string;
  readonly issuer: string;
  readonly pod: { readonly name: string; readonly uid: string };
  readonly tokens: Readonly<Record<string, { readonly token: string }>>;
  readonly discovery: Readonly<Record<string, Readonly<Record<string, Answer>>>>;
}

const DISCOVERY = '/.well-known/openid-configuration';
const JWKS = '/openid/v1/jwks';
const recording = (cluster: string): Recording =>
  JSON.parse(readFileSync(new URL(`../fixtures/recorded/kubernetes-1.20.2/${cluster}.json`, import.meta.url), 'utf8'));
const edge7 = recording('edge-7');
const edge8 = recording('edge-8');

const ownKeys = ({ discovery }: Recording): TrustedIssuer['keys'] => {
  const jwks = discovery['admin']?.[JWKS]?.body;
  if (jwks === undefined) throw new Error('the recording has no key set');
  return { kind: 'static', jwks };
};
const issuers = [
  clusterIssuer('edge-7', { issuer: edge7.issuer, keys: ownKeys(edge7) }),
  clusterIssuer('edge-8', { issuer: edge8.issuer, keys: ownKeys(edge8) }),
];

function tokenOf({ tokens }: Recording, name: string): Secret {
  const recorded = tokens[name];
  if (recorded === undefined) throw new Error(`no token ${name} was recorded`);
  return new Secret(recorded.token);
}

function verifier(at: number, among = issuers, outbound = new ScriptedOutbound()) {
  const clock = new FakeClock(at);
  const { keys } = keysUnderTest(clock, outbound);
  const verify = createVerifier({ keys, clock });
  return (recorded: Recording, name: string) =>
    verify(tokenOf(recorded, name), TokenType.jwt, trustedIssuers(...among));
}

const recordedAt = Date.parse(edge7.recordedAt);

describe.each([
  ['edge-7', edge7],
  ['edge-8', edge8],
])('tokens of a real API server 1.20.2, %s', (name, recorded) => {
  const at = Date.parse(recorded.recordedAt);
  const verify = verifier(at);

  test.each(['pod-bound-1h', 'pod-bound-3607s'])(
    '%s is this cluster’s pod, at the time of recording',
    async (token) => {
      expect(await verify(recorded, token)).toMatchObject({
        kind: 'kubernetes',
        issuer: name,
        cluster: name,
        namespace: 'payments',
        serviceAccount: 'reporter',
        pod: recorded.pod,
        binding: 'pod',
        spiffeId: `spiffe://example.org/cluster/${name}/ns/payments/sa/reporter`,
      });
    },
  );

  test.each(['sa-only-1h', 'sa-only-10min'])('%s is bound to nothing (K25)', async (token) => {
    expect(await verify(recorded, token)).toMatchObject({ issuer: name, binding: 'none' });
  });

  test.each([
    ['api-audience', 'token_audience'],
    ['other-audience', 'token_audience'],
    ['two-audiences', 'token_audience'],
    ['ten-years', 'token_lifetime'],
  ])('%s is refused (K21, K22)', async (token, key) => {
    expect(await refusal(verify(recorded, token))).toMatchObject({ key, issuer: name });
  });

  test('two-audiences is accepted only where extra audiences are (K21)', async () => {
    const lenient = issuers.map((one) => ({ ...one, allowExtraAudiences: true }));
    expect(await verifier(at, lenient)(recorded, 'two-audiences')).toMatchObject({ issuer: name });
    expect((await refusal(verifier(at, lenient)(recorded, 'other-audience'))).key).toBe('token_audience');
  });

  test('pod-bound-3607s ends at its warnafter, not in a year (K22)', async () => {
    const { expiresAt, issuedAt } = await verify(recorded, 'pod-bound-3607s');
    expect(expiresAt - issuedAt).toBe(3607);
    expect(await verifier((expiresAt + 29) * 1000)(recorded, 'pod-bound-3607s')).toMatchObject({ issuer: name });
    expect((await refusal(verifier((expiresAt + 30) * 1000)(recorded, 'pod-bound-3607s'))).key).toBe('token_expired');
  });

  test('pod-bound-1h ends with its hour, and none is valid before it was written (V9)', async () => {
    const { expiresAt, issuedAt } = await verify(recorded, 'pod-bound-1h');
    expect((await refusal(verifier((expiresAt + 30) * 1000)(recorded, 'pod-bound-1h'))).key).toBe('token_expired');
    expect((await refusal(verifier((issuedAt - 31) * 1000)(recorded, 'pod-bound-1h'))).key).toBe('token_not_yet_valid');
    expect(await verifier((issuedAt - 30) * 1000)(recorded, 'pod-bound-1h')).toMatchObject({ issuer: name });
  });
});

describe('two real clusters with one iss, equal accounts and equal pods (K1, K3)', () => {
  test('give two subjects that share nothing but their names', async () => {
    const verify = verifier(recordedAt);
    const [seven, eight] = await Promise.all([verify(edge7, 'pod-bound-1h'), verify(edge8, 'pod-bound-1h')]);
    expect(seven.subject).toBe(eight.subject);
    expect([seven.issuer, eight.issuer]).toEqual(['edge-7', 'edge-8']);
    expect(seven.spiffeId).not.toBe(eight.spiffeId);
  });

  test('refuse each other’s tokens when only one is trusted', async () => {
    const onlySeven = issuers.slice(0, 1);
    expect(await verifier(recordedAt, onlySeven)(edge7, 'pod-bound-1h')).toMatchObject({ issuer: 'edge-7' });
    expect((await refusal(verifier(recordedAt, onlySeven)(edge8, 'pod-bound-1h'))).key).toBe('token_signature');
  });
});

describe('discovery as real API servers answered it (K9, K10)', () => {
  const url = 'https://10.7.0.1:6443';

  function answering(recorded: Recording, caller: string) {
    const outbound = new ScriptedOutbound();
    for (const path of [DISCOVERY, JWKS]) {
      const answer = recorded.discovery[caller]?.[path];
      if (answer === undefined) throw new Error('not recorded');
      outbound.script.set(url + path, {
        status: answer.status,
        headers: { 'content-type': answer.contentType, 'cache-control': answer.cacheControl },
        body: Buffer.from(JSON.stringify(answer.body)),
      });
    }
    const keys = { kind: 'discovery', url: url + DISCOVERY, jwksUri: url + JWKS } as const;
    return verifier(recordedAt, [clusterIssuer('edge-7', { issuer: recorded.issuer, keys })], outbound);
  }

  test('to a token for the API gives the keys', async () => {
    expect(await answering(edge7, 'token-for-the-api')(edge7, 'pod-bound-1h')).toMatchObject({ issuer: 'edge-7' });
  });

  test.each([
    ['an anonymous caller', edge7, 'anonymous', 'system:service-account-issuer-discovery'],
    ['a token without the role binding', edge8, 'token-for-the-api', 'system:service-account-issuer-discovery'],
    ['a token for another audience', edge7, 'token-for-our-audience', "the API server's own audience"],
  ])('to %s is a 503 whose detail names the mend', async (_, recorded, caller, detail) => {
    const error = await refusal(answering(recorded, caller)(recorded, 'pod-bound-1h'));
    expect(error).toMatchObject({ key: 'keys_unavailable', detail: expect.stringContaining(detail) });
  });
});

test('the recorded tokens are meant for the audience that the tests configure', () => {
  expect(issuers.every(({ audiences }) => audiences.includes(AUDIENCE))).toBe(true);
});
