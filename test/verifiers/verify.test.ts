import { createHmac, createPublicKey } from 'node:crypto';
import { CompactSign, compactVerify } from 'jose';
import { beforeEach, describe, expect, test } from 'vitest';
import type { KubernetesIdentity } from '../../src/core/identity.ts';
import { Secret } from '../../src/core/secret.ts';
import { TokenType } from '../../src/core/token-types.ts';
import type { TrustedIssuer } from '../../src/resources/issuers.ts';
import { readCompactJws } from '../../src/verifiers/compact-jws.ts';
import { createVerifier } from '../../src/verifiers/verify.ts';
import { type FakeKey, newKey, signClaims, signText } from '../fakes/cluster-keys.ts';
import {
  AUDIENCE,
  ciIssuer,
  clusterIssuer,
  ISS,
  keysUnderTest,
  refusal,
  staticKeys,
  trustedIssuers,
} from './issuers-under-test.ts';

const key = newKey('ES256');
const rsa = newKey('RS256');
const CI = 'https://ci.example.org';
const JWKS = 'https://keys.example.org/jwks';
let under: ReturnType<typeof keysUnderTest>;
let seconds: number;

beforeEach(() => {
  under = keysUnderTest();
  seconds = under.clock.now() / 1000;
});

function verify(token: string, issuers: readonly TrustedIssuer[], type: TokenType = TokenType.jwt) {
  const verifier = createVerifier({ keys: under.keys, clock: under.clock });
  return verifier(new Secret(token), type, trustedIssuers(...issuers));
}

const edge7 = clusterIssuer('edge-7', { keys: staticKeys(key, rsa) });
const ci = ciIssuer('ci', { keys: staticKeys(key, rsa) });

function podClaims(changes: object = {}, about: object = {}) {
  return {
    iss: ISS,
    aud: [AUDIENCE],
    sub: 'system:serviceaccount:payments:reporter',
    iat: seconds,
    nbf: seconds,
    exp: seconds + 3600,
    'kubernetes.io': {
      namespace: 'payments',
      serviceaccount: { name: 'reporter', uid: 'sa-uid' },
      pod: { name: 'reporter-7d9f', uid: 'pod-uid' },
      ...about,
    },
    ...changes,
  };
}
const pod = (changes: object = {}, about: object = {}) => signClaims(key, podClaims(changes, about));
const job = (changes: object = {}, by: FakeKey = key) => {
  const usual = { iss: CI, aud: AUDIENCE, sub: 'job', iat: seconds, exp: seconds + 300, repository_owner_id: '42' };
  return signClaims(by, { ...usual, ...changes }, { typ: 'JWT' });
};
const keyOf = async (token: string, issuers: readonly TrustedIssuer[] = [edge7], type?: TokenType) =>
  (await refusal(verify(token, issuers, type))).key;

describe('the names that claims of a key are expected to have', () => {
  /** Those that were expected give an object a shape, and with it a prototype. */
  const isExpected = (token: string) =>
    Object.getPrototypeOf(readCompactJws(new Secret(token)).unverifiedClaims) !== null;

  test('are those of tokens that it signed, and of no forgery with the same header', async () => {
    const signer = newKey('ES256');
    const one = ciIssuer('one', { keys: staticKeys(signer) });
    const stranger: FakeKey = { ...newKey('ES256'), kid: signer.kid };
    for (let number = 0; number < 200; number += 1)
      expect(await keyOf(job({ forged: 1 }, stranger), [one])).toBe('token_signature');
    expect(isExpected(job({ forged: 1 }, stranger))).toBe(false);
    for (let number = 0; number < 2; number += 1) await verify(job({}, signer), [one]);
    expect(isExpected(job({}, signer))).toBe(true);
  });
});

describe('a projected token (K20 to K26)', () => {
  test('proves cluster, namespace, account and pod', async () => {
    expect(await verify(pod({ jti: 'j' }, { node: { name: 'n1', uid: 'node-uid' } }), [edge7])).toEqual({
      kind: 'kubernetes',
      issuer: 'edge-7',
      subject: 'system:serviceaccount:payments:reporter',
      spiffeId: 'spiffe://example.org/cluster/edge-7/ns/payments/sa/reporter',
      issuedAt: seconds,
      expiresAt: seconds + 3600,
      // SHA-256 of "j".
      jtiSha256: '189f40034be7a199f1fa9891668ee3ab6049f82d38c68be70f596eab2e1857b7',
      hasJti: true,
      cluster: 'edge-7',
      namespace: 'payments',
      serviceAccount: 'reporter',
      serviceAccountUid: 'sa-uid',
      pod: { name: 'reporter-7d9f', uid: 'pod-uid' },
      node: { name: 'n1', uid: 'node-uid' },
      binding: 'pod',
      liveness: 'not_asked',
    });
  });

  test('without jti is named by its signing input (K26)', async () => {
    const [one, other] = await Promise.all([verify(pod(), [edge7]), verify(pod({ iat: seconds - 1 }), [edge7])]);
    expect(one.jtiSha256).toMatch(/^[0-9a-f]{64}$/);
    expect(one.jtiSha256).not.toBe(other.jtiSha256);
  });

  test.each([
    ['secret', { pod: undefined, secret: { name: 's', uid: 'u' } }],
    ['node', { pod: undefined, node: { name: 'n', uid: 'u' } }],
    ['node', { pod: undefined, node: { name: 'n' } }],
    ['none', { pod: undefined }],
  ])('tells that it is bound to: %s (K25)', async (binding, about) => {
    const identity = (await verify(pod({}, about), [edge7])) as KubernetesIdentity;
    expect([identity.binding, identity.pod]).toEqual([binding, undefined]);
  });

  test.each([
    ['sub of another namespace', { sub: 'system:serviceaccount:kube-system:reporter' }, {}],
    ['sub of another account', { sub: 'system:serviceaccount:payments:admin' }, {}],
    ['sub with more parts', { sub: 'system:serviceaccount:payments:reporter:x' }, {}],
    ['sub of another kind', { sub: 'system:node:payments:reporter' }, {}],
    ['no kubernetes.io', { 'kubernetes.io': undefined }, {}],
    ['kubernetes.io as text', { 'kubernetes.io': 'payments' }, {}],
    ['no nbf', { nbf: undefined }, {}],
    ['no exp', { exp: undefined }, {}],
    ['no uid', {}, { serviceaccount: { name: 'reporter' } }],
    ['an empty uid', {}, { serviceaccount: { name: 'reporter', uid: '' } }],
    ['a uid with a NUL', {}, { serviceaccount: { name: 'reporter', uid: 'a\0' } }],
    ['no account', {}, { serviceaccount: undefined }],
    ['no namespace', {}, { namespace: undefined }],
    ['a pod without uid', {}, { pod: { name: 'p' } }],
    ['a pod without name', {}, { pod: { uid: 'u' } }],
    ['a pod as text', {}, { pod: 'p' }],
    ['a pod that is null', {}, { pod: null }],
    ['a pod whose name is no DNS name', {}, { pod: { name: 'P_1', uid: 'u' } }],
    ['a node as a list', {}, { node: ['n'] }],
    ['a Secret and a pod', {}, { secret: { name: 's', uid: 'u' } }],
    ['a Secret and a node', {}, { pod: undefined, secret: { name: 's', uid: 'u' }, node: { name: 'n', uid: 'u' } }],
    ['a Secret without uid', {}, { pod: undefined, secret: { name: 's' } }],
    ['warnafter as text', {}, { warnafter: '1' }],
    ['warnafter before it begins', {}, { warnafter: 0 }],
    ['a webhook binding', {}, { pod: undefined, validatingWebhookConfiguration: { name: 'w', uid: 'u' } }],
    ['a mutating webhook binding', {}, { pod: undefined, mutatingWebhookConfiguration: { name: 'w', uid: 'u' } }],
    ['attestation claims', {}, { attestationClaims: {} }],
    ['attestation claims at the top', { attestationClaims: {} }, {}],
    ['a flat legacy claim', { 'kubernetes.io/serviceaccount/namespace': 'payments' }, {}],
  ])('is refused with %s (K20, K24, K25)', async (_, changes, about) => {
    expect(await keyOf(pod(changes, about))).toBe('token_claims');
  });

  test.each(['', 'Payments', 'pay_ments', '-a', 'a-', 'a.b', 'a'.repeat(64), '*', 'pay ments', 'payments\n'])(
    'is refused with the namespace %j even where sub agrees (K24)',
    async (namespace) => {
      expect(await keyOf(pod({ sub: `system:serviceaccount:${namespace}:reporter` }, { namespace }))).toBe(
        'token_claims',
      );
    },
  );

  test('may have an account name that is a DNS subdomain of 253 characters, not of 254 (K24)', async () => {
    const named = (name: string) =>
      pod({ sub: `system:serviceaccount:payments:${name}` }, { serviceaccount: { name, uid: 'u' } });
    const name = `a.${'b'.repeat(251)}`;
    expect(await verify(named(name), [edge7])).toMatchObject({ serviceAccount: name });
    expect(await keyOf(named(`${name}c`))).toBe('token_claims');
    expect(await keyOf(named('a..b'))).toBe('token_claims');
    expect(await keyOf(named('a:b'))).toBe('token_claims');
  });

  test('may have a uid of 128 characters, not of 129 (K24)', async () => {
    const with128 = { name: 'reporter', uid: 'u'.repeat(128) };
    expect(await verify(pod({}, { serviceaccount: with128 }), [edge7])).toMatchObject({
      serviceAccountUid: with128.uid,
    });
    expect(await keyOf(pod({}, { serviceaccount: { ...with128, uid: 'u'.repeat(129) } }))).toBe('token_claims');
  });

  test('asked for with 3607 s lives a year on paper and until warnafter here (K22)', async () => {
    const token = pod({ exp: seconds + 31_536_000 }, { warnafter: seconds + 3607 });
    expect(await verify(token, [edge7])).toMatchObject({ expiresAt: seconds + 3607 });
    under.clock.advance(3_637_000);
    expect(await keyOf(token)).toBe('token_expired');
  });

  test('of the legacy kind is refused by its own words, configured or not (K20)', async () => {
    const iss = 'kubernetes/serviceaccount';
    const legacy = signClaims(key, {
      iss,
      sub: 'system:serviceaccount:a:b',
      'kubernetes.io/serviceaccount/namespace': 'a',
    });
    const [unknown, known] = [
      await refusal(verify(legacy, [edge7])),
      await refusal(verify(legacy, [{ ...edge7, issuer: iss }])),
    ];
    expect([unknown.key, known.key]).toEqual(['token_issuer', 'token_claims']);
    for (const { detail } of [unknown, known]) expect(detail).toContain('legacy ServiceAccount token');
  });

  test('has the SPIFFE ID its issuer’s template gives, by its own names alone', async () => {
    const path = (spiffePath: string) => ({
      ...edge7,
      profile: { kind: 'kubernetes', cluster: 'blue', spiffePath } as const,
    });
    expect(await verify(pod(), [path('/ns/{namespace}/sa/{serviceAccount}')])).toMatchObject({
      spiffeId: 'spiffe://example.org/ns/payments/sa/reporter',
      cluster: 'blue',
    });
    expect(await verify(pod(), [path('/x/{toString}')])).not.toHaveProperty('spiffeId');
    expect(await verify(pod(), [path('/x/{claims.sub}')])).not.toHaveProperty('spiffeId');
  });
});

describe('a token of an OIDC issuer', () => {
  const owned = { ...ci, profile: { kind: 'oidc', requireClaims: { repository_owner_id: '42' } } } as const;

  test('carries its claims and no Kubernetes fields, whatever they look like', async () => {
    const identity = await verify(job({ 'kubernetes.io': { namespace: 'payments', warnafter: 1 } }), [owned]);
    expect(Object.keys(identity).sort()).toEqual(
      ['claims', 'expiresAt', 'issuedAt', 'issuer', 'jtiSha256', 'kind', 'subject'].sort(),
    );
    expect(identity).toMatchObject({
      kind: 'oidc',
      issuer: 'ci',
      subject: 'job',
      claims: { repository_owner_id: '42' },
    });
  });

  test.each([42, '043', '42 ', ' 42', '4', ['42'], { 42: '42' }, null, undefined, true])(
    'is refused when a required claim is %j and not the text "42"',
    async (value) => {
      expect(await keyOf(job({ repository_owner_id: value }), [owned])).toBe('token_claims');
    },
  );

  test('is refused when a required claim is an inherited name', async () => {
    const profile = { kind: 'oidc', requireClaims: { constructor: '42' } } as const;
    expect(await keyOf(job(), [{ ...ci, profile }])).toBe('token_claims');
  });

  test('needs no nbf, and one in the future refuses it', async () => {
    expect(await verify(job(), [ci])).toMatchObject({ kind: 'oidc' });
    expect(await keyOf(job({ nbf: seconds + 60 }), [ci])).toBe('token_not_yet_valid');
  });

  const withPath = (spiffePath: string) => ({
    ...ci,
    profile: { kind: 'oidc', requireClaims: {}, spiffePath } as const,
  });

  test('has a SPIFFE ID only by a path of its own', async () => {
    const path = withPath('/ci/{claims.repository}');
    expect(await verify(job({ repository: 'reports' }), [path])).toMatchObject({
      spiffeId: 'spiffe://example.org/ci/reports',
    });
    expect(await verify(job({ repository: 'reports' }), [ci])).not.toHaveProperty('spiffeId');
  });

  test.each(['acme/reports', '..', '.', '', 'a b', 'é', 'a%2fb', 7, null, undefined, ['a']])(
    'has none where the claim is %j: illegal characters are never escaped',
    async (repository) => {
      expect(await verify(job({ repository }), [withPath('/ci/{claims.repository}')])).not.toHaveProperty('spiffeId');
    },
  );

  test('may have one by a claim whose name is an address, slashes and all', async () => {
    const path = withPath('/ci/{claims.https://ci.example.org/team}/x');
    expect(await verify(job({ 'https://ci.example.org/team': 'reports' }), [path])).toMatchObject({
      spiffeId: 'spiffe://example.org/ci/reports/x',
    });
    expect(await verify(job({ 'https://ci.example.org/team': 'a/b' }), [path])).not.toHaveProperty('spiffeId');
  });

  test('never has one under /cluster/, which belongs to clusters', async () => {
    const path = withPath('/{claims.a}/edge-7/ns/payments/sa/reporter');
    expect(await verify(job({ a: 'x' }), [path])).toHaveProperty('spiffeId');
    expect(await verify(job({ a: 'cluster' }), [path])).not.toHaveProperty('spiffeId');
  });
});

describe('the issuer of a token (V3, K2, K6)', () => {
  test.each([
    ['a slash more', `${ISS}/`],
    ['other case', ISS.toUpperCase()],
    ['a prefix', ISS.slice(0, -1)],
    ['a suffix', `${ISS}.evil.example`],
    ['a port', `${ISS}:443`],
    ['white space', ` ${ISS}`],
    ['nothing', ''],
    ['a list with the right one', ['https://evil.example', ISS]],
    ['a list of the right one', [ISS]],
    ['a number', 7],
    ['an inherited name', '__proto__'],
    ['no member', undefined],
  ])('must be exact: %s is refused without a request (CVE-2025-30144, CVE-2024-53861)', async (_, iss) => {
    const fetching = { ...edge7, keys: { kind: 'jwks', url: JWKS } as const };
    expect(await keyOf(pod({ iss }), [fetching])).toBe('token_issuer');
    expect(under.outbound.requests).toEqual([]);
  });

  test('causes no request when unknown, whatever addresses and keys the token brings (K6, CVE-2018-0114)', async () => {
    const token = signClaims(key, podClaims({ iss: 'https://evil.example' }), {
      jku: 'https://evil.example/jwks',
      x5u: 'https://evil.example/x5u',
      jwk: key.jwk,
    });
    expect(await keyOf(token)).toBe('token_issuer');
    expect(under.outbound.requests).toEqual([]);
  });

  test('may be a previous one until its notAfter (K7)', async () => {
    const notAfter = under.clock.now() + 1000;
    const moved = { ...edge7, issuer: 'https://new.example', previousIssuers: [{ issuer: ISS, notAfter }] };
    expect(await verify(pod(), [moved])).toMatchObject({ issuer: 'edge-7' });
    under.clock.advance(1000);
    expect(await refusal(verify(pod(), [moved]))).toMatchObject({ key: 'token_issuer', issuer: 'edge-7' });
    expect(await verify(pod({ iss: 'https://new.example' }), [moved])).toMatchObject({ issuer: 'edge-7' });
  });

  test('decides which token types fit (DESIGN section 5)', async () => {
    expect(await verify(job(), [ci], TokenType.idToken)).toMatchObject({ kind: 'oidc' });
    expect(await verify(job(), [ci], TokenType.jwt)).toMatchObject({ kind: 'oidc' });
    expect(await keyOf(pod(), [edge7], TokenType.idToken)).toBe('token_type_for_issuer');
    expect(await keyOf(job(), [ci], TokenType.accessToken)).toBe('token_type_for_issuer');
    expect(await keyOf(job(), [ci], TokenType.jwtSvid)).toBe('token_type_for_issuer');
  });
});

describe('the signature', () => {
  test('by another key under the right kid is refused', async () => {
    const forged = signClaims({ ...newKey('ES256'), kid: key.kid }, podClaims());
    const error = await refusal(verify(forged, [edge7]));
    expect(error).toMatchObject({ key: 'token_signature', issuer: 'edge-7', detail: 'the signature does not verify' });
  });

  test('of a key the issuer does not have is refused by name of the cause', async () => {
    const error = await refusal(verify(signClaims(newKey('ES256'), podClaims()), [edge7]));
    expect(error).toMatchObject({ key: 'token_signature', detail: 'the issuer has no key with this kid' });
  });

  test('with an embedded key that verifies it is refused (CVE-2018-0114)', async () => {
    const own = newKey('ES256');
    expect(await keyOf(signClaims(own, podClaims(), { jwk: own.jwk }))).toBe('token_signature');
    expect(await keyOf(signClaims(own, podClaims(), { jwk: own.jwk, kid: key.kid }))).toBe('token_signature');
  });

  test('of zeros is refused (CVE-2022-21449)', async () => {
    const [header, claims] = pod().split('.');
    expect(await keyOf(`${header}.${claims}.${Buffer.alloc(64).toString('base64url')}`)).toBe('token_signature');
  });

  test('in DER instead of r and s is refused', async () => {
    const [header, claims] = pod().split('.');
    const der = Buffer.concat([Buffer.from([0x30, 0x44, 0x02, 0x20]), Buffer.alloc(66, 1)]);
    expect(await keyOf(`${header}.${claims}.${der.toString('base64url')}`)).toBe('token_signature');
  });

  test('over other claims is refused', async () => {
    const [header, , signature] = pod().split('.');
    const claims = Buffer.from(JSON.stringify(podClaims({ exp: seconds + 7200 }))).toString('base64url');
    expect(await keyOf(`${header}.${claims}.${signature}`)).toBe('token_signature');
  });

  test.each(['pem', 'der', 'jwk', 'space'])(
    'by HS256 over the public key as %s is refused (CVE-2015-9235)',
    async (form) => {
      const publicKey = createPublicKey(rsa.privateKey);
      const pem = publicKey.export({ type: 'spki', format: 'pem' });
      const secrets: Record<string, string | Buffer> = {
        pem,
        der: publicKey.export({ type: 'spki', format: 'der' }),
        jwk: JSON.stringify(rsa.jwk),
        space: ` ${pem}`,
      };
      const input = [{ alg: 'HS256', kid: rsa.kid }, podClaims()]
        .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
        .join('.');
      const mac = createHmac('sha256', secrets[form] ?? '')
        .update(input)
        .digest('base64url');
      expect(await keyOf(`${input}.${mac}`)).toBe('token_malformed');
    },
  );

  test.each(['RS384', 'RS512', 'PS256'])('by an RSA key bound to RS256 is refused as a good %s (V2)', async (alg) => {
    const issuer = { ...edge7, algorithms: ['RS256', 'RS384', 'RS512', 'PS256'] };
    const signed = await new CompactSign(Buffer.from(JSON.stringify(podClaims())))
      .setProtectedHeader({ alg, kid: rsa.kid })
      .sign(rsa.privateKey);
    expect(await compactVerify(signed, createPublicKey(rsa.privateKey))).toMatchObject({ protectedHeader: { alg } });
    expect(await keyOf(signed, [issuer])).toBe('token_signature');
    expect(await verify(signClaims(rsa, podClaims()), [issuer])).toMatchObject({ issuer: 'edge-7' });
  });

  test('by an algorithm the issuer does not list is refused before any key is asked for (V2)', async () => {
    const issuer = { ...edge7, algorithms: ['ES256'], keys: { kind: 'jwks', url: JWKS } as const };
    expect(await keyOf(signClaims(rsa, podClaims()), [issuer])).toBe('token_signature');
    expect(under.outbound.requests).toEqual([]);
  });

  test('of ES256 with s replaced by n - s stays good: nothing may hang on the bytes of a token', async () => {
    const [header = '', claims = '', signature = ''] = pod().split('.');
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const raw = Buffer.from(signature, 'base64url');
    const s = order - BigInt(`0x${raw.subarray(32).toString('hex')}`);
    const other = Buffer.concat([raw.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);
    const [one, two] = [
      await verify(pod(), [edge7]),
      await verify(`${header}.${claims}.${other.toString('base64url')}`, [edge7]),
    ];
    expect(two.jtiSha256).toBe(one.jtiSha256);
  });

  test('is looked at before the claims: a forger learns nothing from them', async () => {
    const forged = signClaims({ ...newKey('ES256'), kid: key.kid }, podClaims({ exp: seconds - 1e6, aud: 'x' }));
    expect(await keyOf(forged)).toBe('token_signature');
  });

  test('says nothing of the token in any error (V16)', async () => {
    const claims = podClaims({ sub: 's3cr3t', aud: 's3cr3t', jti: 's3cr3t' });
    for (const token of [
      signClaims(key, claims),
      signClaims(newKey('ES256', 's3cr3t'), claims),
      signText(key, '{"alg":"ES256","kid":"s3cr3t"}', 's3cr3t'),
    ]) {
      const error = await refusal(verify(token, [edge7]));
      expect(
        `${error.message} ${error.detail} ${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`,
      ).not.toContain('s3cr3t');
    }
  });
});

describe('issuers that share an iss (K1, K3)', () => {
  const key8 = newKey('ES256');
  const edge8 = clusterIssuer('edge-8', { keys: staticKeys(key8) });

  test('are told apart by their keys, and equal names are two subjects', async () => {
    const [seven, eight] = await Promise.all([
      verify(pod(), [edge7, edge8]),
      verify(signClaims(key8, podClaims()), [edge7, edge8]),
    ]);
    expect([seven.issuer, eight.issuer]).toEqual(['edge-7', 'edge-8']);
    expect(seven.subject).toBe(eight.subject);
    expect(seven.spiffeId).not.toBe(eight.spiffeId);
  });

  test('hold each other to their own rules: a token of one is never measured by its twin’s', async () => {
    const lax = { ...edge8, audiences: ['https://other.example.org'], algorithms: ['RS256', 'ES256'] };
    expect(await keyOf(pod({ aud: 'https://other.example.org' }), [edge7, lax])).toBe('token_audience');
  });

  test('may use one kid for different keys: the one that verifies is the signer', async () => {
    const same = { ...newKey('ES256'), kid: key.kid };
    const twin = clusterIssuer('edge-8', { keys: staticKeys({ jwk: { ...same.jwk, kid: key.kid } }) });
    expect(await verify(signClaims(same, podClaims()), [edge7, twin])).toMatchObject({ issuer: 'edge-8' });
    expect(await verify(pod(), [edge7, twin])).toMatchObject({ issuer: 'edge-7' });
    expect(await keyOf(signClaims({ ...newKey('ES256'), kid: key.kid }, podClaims()), [edge7, twin])).toBe(
      'token_signature',
    );
  });

  test('may be four with one kid and not five', async () => {
    const twins = Array.from({ length: 5 }, (_, index) => {
      const own = newKey('ES256', 'one-kid');
      return { own, issuer: clusterIssuer(`twin-${index}`, { keys: staticKeys(own) }) };
    });
    const issuers = twins.map(({ issuer }) => issuer);
    const token = signClaims(twins[2]?.own ?? key, podClaims());
    expect(await verify(token, issuers.slice(0, 4))).toMatchObject({ issuer: 'twin-2' });
    under.keys.follow(trustedIssuers(...issuers));
    await under.keys.warm();
    const error = await refusal(verify(token, issuers));
    expect([error.key, error.detail]).toEqual(['token_signature', 'more than 4 issuers hold this kid']);
  });

  test('cost a twin no request for a token whose key is known', async () => {
    const down = clusterIssuer('edge-8', { keys: { kind: 'jwks', url: JWKS } });
    under.outbound.json(JWKS, { keys: [key8.jwk] });
    await under.keys.find(edge7, key.kid, 'seek');
    expect(await verify(pod(), [edge7, down])).toMatchObject({ issuer: 'edge-7' });
    expect(under.outbound.requests).toEqual([]);
    expect(await verify(signClaims(key8, podClaims()), [edge7, down])).toMatchObject({ issuer: 'edge-8' });
    expect(under.outbound.requests.length).toBe(1);
  });

  test('do not hold each other up: a twin whose keys are old and whose server hangs is not waited for', async () => {
    const slow = clusterIssuer('edge-8', { keys: { kind: 'jwks', url: JWKS } });
    under.outbound.json(JWKS, { keys: [key8.jwk] });
    await under.keys.find(slow, key8.kid, 'seek');
    await under.keys.find(edge7, key.kid, 'seek');
    under.clock.advance(600_000);
    under.outbound.gate = new Promise(() => {});
    const token = pod({ iat: seconds, exp: seconds + 3600 });
    expect(await verify(token, [edge7, slow])).toMatchObject({ issuer: 'edge-7' });
  });

  test('are not held up by a twin that shows their kid as its own, says short max-age and answers slowly', async () => {
    const mine = newKey('ES256', 'same');
    const other = newKey('ES256', 'same');
    const victim = clusterIssuer('edge-7', { keys: { kind: 'jwks', url: `${JWKS}/7` } });
    const hostile = clusterIssuer('edge-8', { keys: { kind: 'jwks', url: JWKS } });
    under.outbound.json(`${JWKS}/7`, { keys: [mine.jwk] }, { 'cache-control': 'max-age=3600' });
    under.outbound.json(JWKS, { keys: [other.jwk] }, { 'cache-control': 'max-age=60' });
    under.keys.follow(trustedIssuers(hostile, victim));
    await under.keys.warm();
    under.clock.advance(61_000);
    under.outbound.gate = new Promise(() => {});
    expect(await verify(signClaims(mine, podClaims()), [hostile, victim])).toMatchObject({ issuer: 'edge-7' });
    expect(await verify(signClaims(mine, podClaims()), [victim, hostile])).toMatchObject({ issuer: 'edge-7' });
  });

  test('are not held up by such a twin either when their own keys have to be renewed or fetched first', async () => {
    const mine = newKey('ES256', 'same');
    const victim = clusterIssuer('edge-7', { keys: { kind: 'jwks', url: `${JWKS}/7` } });
    const hostile = clusterIssuer('edge-8', { keys: { kind: 'jwks', url: JWKS } });
    under.outbound.json(`${JWKS}/7`, { keys: [mine.jwk] }, { 'cache-control': 'max-age=60' });
    under.outbound.json(JWKS, { keys: [newKey('ES256', 'same').jwk] }, { 'cache-control': 'max-age=60' });
    under.outbound.gates.set(JWKS, new Promise(() => {}));
    expect(await verify(signClaims(mine, podClaims()), [hostile, victim])).toMatchObject({ issuer: 'edge-7' });
    under.outbound.gates.delete(JWKS);
    under.keys.follow(trustedIssuers(clusterIssuer('edge-9')));
    under.keys.follow(trustedIssuers(hostile, victim));
    await under.keys.warm();
    under.clock.advance(61_000);
    under.outbound.gates.set(JWKS, new Promise(() => {}));
    expect(await verify(signClaims(mine, podClaims()), [hostile, victim])).toMatchObject({ issuer: 'edge-7' });
  });

  test('answer 503 and not 400 for a kid nobody holds while one of them is down', async () => {
    const down = clusterIssuer('edge-8', { keys: { kind: 'jwks', url: JWKS } });
    const error = await refusal(verify(signClaims(key8, podClaims()), [edge7, down]));
    expect(error).toMatchObject({ key: 'keys_unavailable', status: 503, retryAfterSeconds: 2, issuer: 'edge-8' });
    expect(await verify(pod(), [edge7, down])).toMatchObject({ issuer: 'edge-7' });
    under.outbound.json(JWKS, { keys: [key8.jwk] });
    under.clock.advance(2000);
    expect(await verify(signClaims(key8, podClaims()), [edge7, down])).toMatchObject({ issuer: 'edge-8' });
    expect(await keyOf(signClaims(newKey('ES256'), podClaims()), [edge7, down])).toBe('token_signature');
  });

  test('never share a key: with one key for both the token belongs to its owner alone (K3)', async () => {
    const copy = clusterIssuer('edge-8', { keys: { kind: 'jwks', url: JWKS } });
    under.outbound.json(JWKS, { keys: [key.jwk, key8.jwk] });
    expect(await verify(signClaims(key8, podClaims()), [edge7, copy])).toMatchObject({ issuer: 'edge-8' });
    expect(await verify(pod(), [edge7, copy])).toMatchObject({ issuer: 'edge-7' });
    expect(under.shared).toMatchObject([{ owner: 'edge-7', other: 'edge-8' }]);
  });
});

describe('an issuer that is down', () => {
  const down = { ...edge7, keys: { kind: 'jwks', url: JWKS } as const };

  test('is a 503 with Retry-After and its cause, never a 400 (K39)', async () => {
    const error = await refusal(verify(pod(), [down]));
    expect(error).toMatchObject({ key: 'keys_unavailable', status: 503, retryAfterSeconds: 2, issuer: 'edge-7' });
    expect(error.detail).toBe('unreachable: nothing listens');
  });

  test('takes no other issuer with it', async () => {
    await refusal(verify(pod(), [down, ci]));
    expect(await verify(job(), [down, ci])).toMatchObject({ issuer: 'ci' });
  });
});
