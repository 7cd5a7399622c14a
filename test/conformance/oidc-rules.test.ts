import { createPublicKey } from 'node:crypto';
import { CompactSign, compactVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import type { ErrorKey } from '../../src/core/oauth-error.ts';
import { Secret } from '../../src/core/secret.ts';
import { TokenType } from '../../src/core/token-types.ts';
import type { TrustedIssuer } from '../../src/resources/issuers.ts';
import { createVerifier } from '../../src/verifiers/verify.ts';
import { newKey } from '../fakes/cluster-keys.ts';
import { FakeClock } from '../support/fake-clock.ts';
import {
  AUDIENCE,
  ciIssuer,
  clusterIssuer,
  keysUnderTest,
  refusal,
  staticKeys,
  trustedIssuers,
} from '../verifiers/issuers-under-test.ts';

const clock = new FakeClock();
const now = clock.now() / 1000;
const rsa = newKey('RS256', 'rsa');
const ec = newKey('ES256', 'ec');
const stranger = newKey('RS256', 'rsa');
const ISS = 'https://ci.example.org';
const OTHER = 'https://other.example.org';

/** A case: what differs from a token and an issuer that fit each other, and how it ends. */
interface Row {
  readonly claims?: object;
  readonly header?: object;
  readonly issuer?: Partial<TrustedIssuer>;
  readonly signedBy?: typeof rsa;
  /** An algorithm other than the key's own. */
  readonly alg?: string;
  readonly ends: 'accepted' | ErrorKey;
}
type Table = Readonly<Record<string, Row>>;

/**
 * The rules by which an API server judges OIDC tokens, told again as cases that apply to an exchange: what its own tests
 * cover of issuer, audience, time, algorithm, keys and claims. Expressions and user mappings are not Carnet's.
 */
const AUDIENCES: Table = {
  'one, as text': { ends: 'accepted' },
  'one, as a list': { claims: { aud: [AUDIENCE] }, ends: 'accepted' },
  none: { claims: { aud: undefined }, ends: 'token_audience' },
  another: { claims: { aud: OTHER }, ends: 'token_audience' },
  'two others': { claims: { aud: [OTHER, 'x'] }, ends: 'token_audience' },
  'ours first of two': { claims: { aud: [AUDIENCE, OTHER] }, ends: 'token_audience' },
  'ours last of two': { claims: { aud: [OTHER, AUDIENCE] }, ends: 'token_audience' },
  'ours of two where others are allowed': {
    claims: { aud: [OTHER, AUDIENCE] },
    issuer: { allowExtraAudiences: true },
    ends: 'accepted',
  },
  'two others where others are allowed': {
    claims: { aud: [OTHER, 'x'] },
    issuer: { allowExtraAudiences: true },
    ends: 'token_audience',
  },
  'the second of two that are configured': {
    claims: { aud: 'b' },
    issuer: { audiences: ['a', 'b'] },
    ends: 'accepted',
  },
  'neither of two that are configured': {
    claims: { aud: 'c' },
    issuer: { audiences: ['a', 'b'] },
    ends: 'token_audience',
  },
  'a part of ours': { claims: { aud: AUDIENCE.slice(0, -1) }, ends: 'token_audience' },
  'ours and more': { claims: { aud: `${AUDIENCE}/token` }, ends: 'token_audience' },
  'ours in capitals': { claims: { aud: AUDIENCE.toUpperCase() }, ends: 'token_audience' },
  'ours only as azp': { claims: { aud: OTHER, azp: AUDIENCE }, ends: 'token_audience' },
  'ours beside a foreign azp': { claims: { azp: OTHER }, ends: 'accepted' },
  'a number': { claims: { aud: 7 }, ends: 'token_audience' },
  'an object': { claims: { aud: { [AUDIENCE]: true } }, ends: 'token_audience' },
  'ours and a number': { claims: { aud: [AUDIENCE, 7] }, ends: 'token_audience' },
};

const ISSUERS: Table = {
  'the configured one': { ends: 'accepted' },
  another: { claims: { iss: OTHER }, ends: 'token_issuer' },
  none: { claims: { iss: undefined }, ends: 'token_issuer' },
  'with a slash more': { claims: { iss: `${ISS}/` }, ends: 'token_issuer' },
  'without the slash of the configured one': { issuer: { issuer: `${ISS}/` }, ends: 'token_issuer' },
  'with a path': { claims: { iss: `${ISS}/a` }, issuer: { issuer: `${ISS}/a` }, ends: 'accepted' },
  'with another path': { claims: { iss: `${ISS}/b` }, issuer: { issuer: `${ISS}/a` }, ends: 'token_issuer' },
  'over http': { claims: { iss: ISS.replace('https', 'http') }, ends: 'token_issuer' },
  'without its scheme': { claims: { iss: 'ci.example.org' }, ends: 'token_issuer' },
  'with a port that the scheme implies': { claims: { iss: `${ISS}:443` }, ends: 'token_issuer' },
  'as a list': { claims: { iss: [ISS] }, ends: 'token_issuer' },
  'in capitals': { claims: { iss: ISS.toUpperCase() }, ends: 'token_issuer' },
};

const TIMES: Table = {
  'exp ahead': { ends: 'accepted' },
  'exp long past': { claims: { iat: now - 7200, exp: now - 3600 }, ends: 'token_expired' },
  'exp past by less than the skew': { claims: { iat: now - 60, exp: now - 29 }, ends: 'accepted' },
  'exp past by the skew': { claims: { iat: now - 60, exp: now - 30 }, ends: 'token_expired' },
  'no exp': { claims: { exp: undefined }, ends: 'token_claims' },
  'exp as text': { claims: { exp: String(now + 300) }, ends: 'token_claims' },
  'exp as null': { claims: { exp: null }, ends: 'token_claims' },
  'exp of zero': { claims: { exp: 0 }, ends: 'token_claims' },
  'exp below zero': { claims: { exp: -1 }, ends: 'token_claims' },
  'exp with a fraction': { claims: { exp: now + 300.5 }, ends: 'accepted' },
  'exp beyond all dates': { claims: { exp: 1e300 }, ends: 'token_lifetime' },
  'no iat': { claims: { iat: undefined }, ends: 'token_claims' },
  'iat ahead': { claims: { iat: now + 60 }, ends: 'token_not_yet_valid' },
  'nbf past': { claims: { nbf: now - 10 }, ends: 'accepted' },
  'nbf ahead within the skew': { claims: { nbf: now + 30 }, ends: 'accepted' },
  'nbf ahead': { claims: { nbf: now + 31 }, ends: 'token_not_yet_valid' },
  'nbf as text': { claims: { nbf: 'now' }, ends: 'token_claims' },
  'a life longer than accepted': { claims: { exp: now + 86_401 }, ends: 'token_lifetime' },
};

const SIGNATURES: Table = {
  RS256: { ends: 'accepted' },
  ES256: { signedBy: ec, ends: 'accepted' },
  'RS512 of a key for RS256, where the issuer lists it': {
    alg: 'RS512',
    issuer: { algorithms: ['RS256', 'RS512'] },
    ends: 'token_signature',
  },
  'PS256 of a key for RS256, where the issuer lists it': {
    alg: 'PS256',
    issuer: { algorithms: ['RS256', 'PS256'] },
    ends: 'token_signature',
  },
  'RS384, which the issuer does not list': { alg: 'RS384', ends: 'token_signature' },
  'ES256, where the issuer lists RS256 alone': {
    signedBy: ec,
    issuer: { algorithms: ['RS256'] },
    ends: 'token_signature',
  },
  'a stranger under the right kid': { signedBy: stranger, ends: 'token_signature' },
  'a kid that nobody has': { header: { kid: 'new' }, ends: 'token_signature' },
  'the kid of another key': { header: { kid: 'ec' }, ends: 'token_signature' },
  'no kid': { header: { kid: undefined }, ends: 'token_malformed' },
  'a key of use enc': {
    issuer: { keys: { kind: 'static', jwks: { keys: [{ ...rsa.jwk, use: 'enc' }, ec.jwk] } } },
    ends: 'token_signature',
  },
  'a set without the key': { issuer: { keys: staticKeys(ec) }, ends: 'token_signature' },
  'typ JWT': { header: { typ: 'JWT' }, ends: 'accepted' },
  'typ of an access token': { header: { typ: 'at+jwt' }, ends: 'token_malformed' },
  'typ of a logout token': { header: { typ: 'logout+jwt' }, ends: 'token_malformed' },
};

const CLAIMS: Table = {
  'no sub': { claims: { sub: undefined }, ends: 'token_claims' },
  'an empty sub': { claims: { sub: '' }, ends: 'token_claims' },
  'a sub that is a number': { claims: { sub: 7 }, ends: 'token_claims' },
  'a sub that is a list': { claims: { sub: ['job'] }, ends: 'token_claims' },
  'a required claim that fits': required({ hd: 'example.com' }, { hd: 'example.com' }, 'accepted'),
  'a required claim that is missing': required({ hd: 'example.com' }, {}, 'token_claims'),
  'a required claim that differs': required({ hd: 'example.com' }, { hd: 'example.org' }, 'token_claims'),
  'a required claim in capitals': required({ hd: 'example.com' }, { hd: 'EXAMPLE.COM' }, 'token_claims'),
  'a required claim as a list': required({ hd: 'example.com' }, { hd: ['example.com'] }, 'token_claims'),
  'a required claim as an object': required({ hd: 'a' }, { hd: { a: 'a' } }, 'token_claims'),
  'a required claim that is the boolean of its name': required({ ok: 'true' }, { ok: true }, 'token_claims'),
  'one of two required claims': required({ a: '1', b: '2' }, { a: '1' }, 'token_claims'),
  'both of two required claims': required({ a: '1', b: '2' }, { a: '1', b: '2' }, 'accepted'),
  'a required claim one level down': required({ 'a.b': '1' }, { a: { b: '1' } }, 'token_claims'),
  'a required claim whose name has dots': required({ 'a.b': '1' }, { 'a.b': '1' }, 'accepted'),
  'claims that point elsewhere instead of standing here': required(
    { hd: 'example.com' },
    { _claim_names: { hd: 'src' }, _claim_sources: { src: { endpoint: 'https://claims.example.org' } } },
    'token_claims',
  ),
  'claims that point elsewhere and are not needed': {
    claims: { _claim_names: { groups: 'src' }, _claim_sources: { src: { endpoint: 'https://claims.example.org' } } },
    ends: 'accepted',
  },
  'groups of every shape, which nothing reads': {
    claims: { groups: [1, null, { a: [] }], roles: 'x' },
    ends: 'accepted',
  },
  'an address that is not verified, which nothing reads': {
    claims: { email: 'a@example.org', email_verified: false },
    ends: 'accepted',
  },
};

function required(claims: Readonly<Record<string, string>>, shown: object, ends: Row['ends']): Row {
  return { claims: shown, issuer: { profile: { kind: 'oidc', requireClaims: claims } }, ends };
}

const about = {
  namespace: 'payments',
  serviceaccount: { name: 'reporter', uid: 'sa-uid' },
  pod: { name: 'reporter-1', uid: 'pod-uid' },
};
const SUB = 'system:serviceaccount:payments:reporter';
const account = (changes: object, ends: Row['ends']): Row => ({
  claims: { sub: SUB, nbf: now, 'kubernetes.io': about, ...changes },
  ends,
});
const SERVICE_ACCOUNTS: Table = {
  'whose claims agree': account({}, 'accepted'),
  'of another namespace than its claims': account(
    { sub: 'system:serviceaccount:kube-system:reporter' },
    'token_claims',
  ),
  'of another name than its claims': account({ sub: 'system:serviceaccount:payments:admin' }, 'token_claims'),
  'whose sub is a user': account({ sub: 'admin' }, 'token_claims'),
  'whose sub is a node': account({ sub: 'system:node:n1' }, 'token_claims'),
  'without claims of its cluster': account({ 'kubernetes.io': undefined }, 'token_claims'),
  'without uid': account({ 'kubernetes.io': { ...about, serviceaccount: { name: 'reporter' } } }, 'token_claims'),
  'bound to a node alone': account(
    { 'kubernetes.io': { ...about, pod: undefined, node: { name: 'n1', uid: 'u' } } },
    'accepted',
  ),
  'bound to a Secret and a pod': account(
    { 'kubernetes.io': { ...about, secret: { name: 's', uid: 'u' } } },
    'token_claims',
  ),
  'past warnafter': account(
    { iat: now - 4000, nbf: now - 4000, exp: now + 9000, 'kubernetes.io': { ...about, warnafter: now - 393 } },
    'token_expired',
  ),
  'of the legacy kind': account({ 'kubernetes.io/serviceaccount/namespace': 'payments' }, 'token_claims'),
  'with an aud of its API server': account({ aud: ISS }, 'token_audience'),
  'with claims for webhooks': account({ 'kubernetes.io': { ...about, attestationClaims: {} } }, 'token_claims'),
};

async function signed({ claims, header, signedBy = rsa, alg = signedBy.alg }: Row): Promise<string> {
  const payload = { iss: ISS, aud: AUDIENCE, sub: 'job', iat: now, exp: now + 300, ...claims };
  // A member of undefined is left out, as JSON leaves it out.
  const written = JSON.parse(JSON.stringify({ alg, kid: signedBy.kid, ...header }));
  return new CompactSign(Buffer.from(JSON.stringify(payload))).setProtectedHeader(written).sign(signedBy.privateKey);
}

async function end(row: Row, base: TrustedIssuer): Promise<string> {
  const { keys, outbound } = keysUnderTest(clock);
  const verify = createVerifier({ keys, clock });
  const issuer = { ...base, issuer: ISS, keys: staticKeys(rsa, ec), ...row.issuer };
  const answer = verify(new Secret(await signed(row)), TokenType.jwt, trustedIssuers(issuer));
  const ended = row.ends === 'accepted' ? await answer.then(() => 'accepted') : (await refusal(answer)).key;
  expect(outbound.requests).toEqual([]);
  return ended;
}

describe.each<[string, Table, TrustedIssuer]>([
  ['aud (V8)', AUDIENCES, ciIssuer('ci')],
  ['iss (V3)', ISSUERS, ciIssuer('ci')],
  ['time (V9)', TIMES, ciIssuer('ci')],
  ['key and algorithm (V2, V4, V6, V11)', SIGNATURES, ciIssuer('ci')],
  ['claims (V8)', CLAIMS, ciIssuer('ci')],
  ['a ServiceAccount (V10, K20 to K25)', SERVICE_ACCOUNTS, clusterIssuer('edge-7')],
])('%s', (_, table, base) => {
  test.each(Object.entries(table))('%s', async (_name, row) => {
    expect(await end(row, base)).toBe(row.ends);
  });
});

describe('the tables', () => {
  test('have the number of cases that docs/corpora.md tells', () => {
    const tables = [AUDIENCES, ISSUERS, TIMES, SIGNATURES, CLAIMS, SERVICE_ACCOUNTS];
    expect(tables.map((table) => Object.keys(table).length)).toEqual([19, 12, 18, 15, 19, 13]);
  });

  test('are signed as they say, also by an algorithm that is not the key’s own', async () => {
    const token = await signed({ alg: 'PS256', ends: 'accepted' });
    const { protectedHeader } = await compactVerify(token, createPublicKey(rsa.privateKey));
    expect(protectedHeader).toEqual({ alg: 'PS256', kid: 'rsa' });
  });
});
