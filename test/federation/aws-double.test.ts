import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AwsSts } from '../fakes/aws-sts.ts';
import type { AwsRole } from '../fakes/aws-sts-roles.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { CloudIssuer } from './cloud-issuer.ts';

const ROLE = 'arn:aws:iam::123456789012:role/pay';
const TAGS = 'https://aws.amazon.com/tags';
const ROLES = 'https://aws.amazon.com/roles';
const SOURCE_IDENTITY = 'https://aws.amazon.com/source_identity';
const ONE_ARN = 'arn:aws:iam::aws:policy/P0';
const NO_KEY = /^Couldn't retrieve verification key from your identity provider, {2}please/;

let issuer: CloudIssuer;
let sts: AwsSts;
let clock: FakeClock;
let now: number;

beforeAll(async () => {
  issuer = await CloudIssuer.start();
});
afterAll(() => issuer.close());
beforeEach(async () => {
  clock = new FakeClock();
  now = clock.now() / 1000;
  issuer.reset();
  sts = await startSts();
});
afterEach(() => sts.close());

function startSts(role: Partial<AwsRole> = {}): Promise<AwsSts> {
  return AwsSts.start({
    clock,
    providers: [{ url: issuer.url, clientIds: ['sts.amazonaws.com', 'party'] }],
    roles: [
      {
        arn: ROLE,
        provider: issuer.url,
        audiences: ['sts.amazonaws.com', 'party'],
        subjects: ['mapping:a'],
        ...role,
      },
    ],
  });
}

async function withRole(role: Partial<AwsRole>): Promise<void> {
  await sts.close();
  sts = await startSts(role);
}

function claims(change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    iss: issuer.url,
    sub: 'mapping:a',
    aud: 'sts.amazonaws.com',
    iat: now,
    exp: now + 300,
    [ROLES]: [ROLE],
    ...change,
  };
}

/** A session policy of so many characters. */
function policy(characters: number): string {
  const frame = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":""}]}';
  return frame.replace('""}', `"${'a'.repeat(characters - frame.length)}"}`);
}

function policyArns(count: number): Record<string, string> {
  const names = Array.from({ length: count }, (_, index) => `PolicyArns.member.${index + 1}.arn`);
  return Object.fromEntries(names.map((name, index) => [name, `arn:aws:iam::aws:policy/P${index}`]));
}

/** The code and text of the answer, `answered` for a session. */
async function post(token: string, change: Record<string, string> = {}) {
  const form = new URLSearchParams({
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: ROLE,
    RoleSessionName: 'name',
    WebIdentityToken: token,
    ...change,
  });
  const response = await fetch(sts.url, { method: 'POST', body: form });
  const text = await response.text();
  const code = /<Code>([^<]*)<\/Code>/.exec(text)?.[1];
  const message = (/<Message>([^<]*)<\/Message>/.exec(text)?.[1] ?? '').replaceAll('&#39;', "'");
  return { outcome: code ?? 'answered', status: response.status, message, text };
}

async function assume(change: Record<string, unknown> = {}, header: Record<string, unknown> = {}) {
  return await post(await issuer.token(claims(change), header));
}

describe('the AWS double: claims (clouds.md 1.1)', () => {
  test('accepts a token with what AWS requires', async () => {
    const { outcome, text } = await assume();
    expect(outcome).toBe('answered');
    expect(text).toContain('<Arn>arn:aws:sts::123456789012:assumed-role/pay/name</Arn>');
    expect(text).toContain('<Expiration>2026-11-22T10:00:00Z</Expiration>');
  });

  test.each(['iss', 'sub', 'aud', 'iat', 'exp'])('refuses one without %s', async (name) => {
    const refused = await assume({ [name]: undefined });
    expect(refused).toMatchObject({ outcome: 'InvalidIdentityToken', status: 400 });
    expect(refused.message).toBe(`Missing a required claim: ${name}`);
  });

  test('refuses an empty claim, an unknown issuer and an audience that is not registered', async () => {
    expect((await assume({ aud: '' })).message).toBe('Claim is not allowed to be empty: aud');
    expect((await assume({ iss: `${issuer.url}/` })).outcome).toBe('InvalidIdentityToken');
    expect((await assume({ aud: 'other' })).outcome).toBe('InvalidIdentityToken');
  });

  test('takes one audience in a list, several only beside azp, and azp in the place of aud', async () => {
    const two = ['sts.amazonaws.com', 'b'];
    expect((await assume({ aud: ['sts.amazonaws.com'] })).outcome).toBe('answered');
    expect((await assume({ aud: two })).message).toContain('more than one audience');
    expect((await assume({ aud: two, azp: 'party' })).outcome).toBe('answered');
    expect((await assume({ azp: 'other' })).outcome).toBe('InvalidIdentityToken');
  });

  test('allows five minutes of skew on exp, iat and nbf and no second more', async () => {
    expect((await assume({ exp: now - 299 })).outcome).toBe('answered');
    expect((await assume({ exp: now - 300 })).outcome).toBe('ExpiredTokenException');
    expect((await assume({ iat: now + 300 })).outcome).toBe('answered');
    expect((await assume({ iat: now + 301 })).message).toBe(`Token issued in the future: ${now + 301}`);
    expect((await assume({ nbf: now + 300 })).outcome).toBe('answered');
    expect((await assume({ nbf: now + 301 })).message).toContain('Token not yet valid');
  });

  test('takes integers and strings of them for times, and no fraction', async () => {
    expect((await assume({ exp: String(now + 10) })).outcome).toBe('answered');
    expect((await assume({ exp: now + 10.5 })).message).toBe('Invalid timestamp in token claims.');
    expect((await assume({ iat: null })).outcome).toBe('InvalidIdentityToken');
  });
});

describe('the AWS double: signature and keys', () => {
  test('refuses a changed payload and another key under the same kid', async () => {
    const [header, , signature] = (await issuer.token(claims())).split('.');
    const payload = Buffer.from(JSON.stringify(claims({ sub: 'mapping:b' }))).toString('base64url');
    expect((await post(`${header}.${payload}.${signature}`)).outcome).toBe('InvalidIdentityToken');
    const { privateKey } = await generateKeyPair('RS256');
    const forged = await new SignJWT(claims()).setProtectedHeader({ alg: 'RS256', kid: issuer.kid }).sign(privateKey);
    expect((await post(forged)).outcome).toBe('InvalidIdentityToken');
  });

  test('takes ES256 and RS512, and neither PS256, HS256, EdDSA nor none', async () => {
    for (const alg of ['ES256', 'RS512', 'PS256', 'EdDSA']) {
      const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
      issuer.keys = [{ ...(await exportJWK(publicKey)), kid: alg, use: 'sig' }];
      const token = await new SignJWT(claims()).setProtectedHeader({ alg, kid: alg }).sign(privateKey);
      const legal = alg === 'ES256' || alg === 'RS512';
      expect((await post(token)).outcome, alg).toBe(legal ? 'answered' : 'InvalidIdentityToken');
    }
    const secret = new TextEncoder().encode('x'.repeat(32));
    const mac = await new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid: issuer.kid }).sign(secret);
    expect((await post(mac)).outcome).toBe('InvalidIdentityToken');
    const none = [{ alg: 'none', kid: issuer.kid }, claims()].map((part) =>
      Buffer.from(JSON.stringify(part)).toString('base64url'),
    );
    expect((await post(`${none.join('.')}.`)).outcome).toBe('InvalidIdentityToken');
  });

  test('refuses a header without kid, with an unknown kid, and text that is no JWT', async () => {
    expect((await assume({}, { kid: undefined })).message).toMatch(NO_KEY);
    expect((await assume({}, { kid: 'other' })).message).toMatch(NO_KEY);
    for (const text of ['nonsense', 'aa.bb', 'a.b.c', '....']) {
      expect((await post(text)).message, text).toContain('is not a valid JWT');
    }
  });

  test.each([
    'response_types_supported',
    'subject_types_supported',
    'id_token_signing_alg_values_supported',
    'jwks_uri',
  ])('refuses an issuer whose discovery lacks %s', async (member) => {
    delete issuer.discovery[member];
    expect((await assume()).message).toMatch(NO_KEY);
  });

  test('refuses an issuer whose discovery names another issuer', async () => {
    issuer.discovery['issuer'] = `${issuer.url}/`;
    expect((await assume()).message).toMatch(NO_KEY);
  });

  test.each([
    ['key_ops', ['verify']],
    ['use', 'enc'],
    ['kid', undefined],
  ])('refuses a key with %s = %j', async (member, value) => {
    issuer.keys = issuer.keys.map((key) => ({ ...key, [member]: value }));
    expect((await assume()).message).toMatch(NO_KEY);
  });

  test('does not let the alg of a key choose the hash', async () => {
    issuer.keys = issuer.keys.map((key) => ({ ...key, alg: 'RS512' }));
    expect((await assume()).outcome).toBe('answered');
  });

  test('takes 100 RSA keys and not 101', async () => {
    const others = (count: number) =>
      Array.from({ length: count }, (_, n) => ({ ...issuer.pristine.keys[0], kid: `k${n}` }));
    issuer.keys = [...issuer.pristine.keys, ...others(99)];
    expect((await assume()).outcome).toBe('answered');
    clock.advance(300_000);
    now += 300;
    issuer.keys = [...issuer.pristine.keys, ...others(100)];
    expect((await assume()).message).toMatch(NO_KEY);
  });

  test('keeps keys for a while, and fetches anew for a kid it does not know', async () => {
    await assume();
    await assume();
    expect(sts.keys.fetches).toBe(1);
    issuer.keys = [{ ...issuer.pristine.keys[0], kid: 'key-2' }];
    expect((await assume({}, { kid: 'key-2' })).outcome).toBe('answered');
    expect(sts.keys.fetches).toBe(2);
    expect((await assume()).message).toMatch(NO_KEY);
  });
});

describe('the AWS double: AWS claims', () => {
  test('takes tags in lists of one and refuses every other form', async () => {
    const tags = (principal_tags: unknown, transitive_tag_keys?: unknown) => ({
      [TAGS]: { principal_tags, transitive_tag_keys },
    });
    expect((await assume(tags({ 'carnet:a': ['x'] }, ['carnet:a']))).outcome).toBe('answered');
    const wrong = [
      tags({ a: 'x' }),
      tags({ a: ['x', 'y'] }),
      tags({ a: [] }),
      tags({ a: [1] }),
      tags({ '': ['x'] }),
      tags({ ['a'.repeat(129)]: ['x'] }),
      tags({ a: ['x'.repeat(257)] }),
      tags({ a: ['x;y'] }),
      tags({ 'a*': ['x'] }),
      tags({ 'aws:a': ['x'] }),
      tags({ a: ['x'], A: ['y'] }),
      tags(Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`k${n}`, ['x']]))),
      tags({ a: ['x'] }, ['b']),
      tags({ a: ['x'] }, 'a'),
      tags(undefined, ['a']),
      { [TAGS]: 'a' },
    ];
    for (const claim of wrong)
      expect((await assume(claim)).outcome, JSON.stringify(claim)).toBe('InvalidIdentityToken');
  });

  test('holds the token to the roles it names', async () => {
    expect((await assume({ [ROLES]: `other;${ROLE}` })).outcome).toBe('answered');
    expect((await assume({ [ROLES]: [`${ROLE}2`] })).outcome).toBe('InvalidIdentityToken');
    expect((await assume({ [ROLES]: [] })).outcome).toBe('InvalidIdentityToken');
    expect((await assume({ [ROLES]: undefined })).outcome).toBe('answered');
    await withRole({ requireRoleAuthorizedByIdp: true });
    expect((await assume()).outcome).toBe('answered');
    expect((await assume({ [ROLES]: undefined })).outcome).toBe('AccessDenied');
  });

  test('takes a source identity of 2 to 64 legal characters', async () => {
    expect((await assume({ [SOURCE_IDENTITY]: 'a.b' })).text).toContain('<SourceIdentity>a.b</SourceIdentity>');
    for (const text of ['a', 'a:b', 'a'.repeat(65), ['ab']]) {
      expect((await assume({ [SOURCE_IDENTITY]: text })).outcome).toBe('InvalidIdentityToken');
    }
  });
});

describe('the AWS double: trust and limits', () => {
  test.each([
    ['another subject', { subjects: ['mapping:b'] }, {}],
    ['another audience', { audiences: ['party'] }, {}],
    ['another provider', { provider: 'https://other.test' }, {}],
    ['no tags', { allowTagSession: false }, { [TAGS]: { principal_tags: { a: ['x'] } } }],
    ['no source identity', { allowSetSourceIdentity: false }, { [SOURCE_IDENTITY]: 'ab' }],
  ])('refuses where the role trusts %s', async (_case, role, change) => {
    expect((await assume(change)).outcome).toBe('answered');
    await withRole(role);
    expect(await assume(change)).toMatchObject({ outcome: 'AccessDenied', status: 403 });
  });

  test.each([
    [{ RoleArn: 'arn:aws:iam::123456789012:role/other' }, 'InvalidIdentityToken'],
    [{ RoleArn: 'short' }, 'ValidationError'],
    [{ RoleSessionName: 'a' }, 'ValidationError'],
    [{ RoleSessionName: 'a b' }, 'ValidationError'],
    [{ RoleSessionName: 'a'.repeat(65) }, 'ValidationError'],
    [{ DurationSeconds: '899' }, 'ValidationError'],
    [{ DurationSeconds: '900' }, 'answered'],
    [{ DurationSeconds: '3600' }, 'answered'],
    [{ DurationSeconds: '3601' }, 'ValidationError'],
    [{ DurationSeconds: '43201' }, 'ValidationError'],
    [{ Policy: '{"Version":"2012-10-17","Statement":[]}' }, 'answered'],
    [{ Policy: policy(2048) }, 'answered'],
    [{ Policy: policy(2049) }, 'ValidationError'],
    [{ Policy: '[' }, 'MalformedPolicyDocument'],
    [{ Policy: '{"Version":"2012-10-17"}' }, 'MalformedPolicyDocument'],
    [{ Policy: policy(200).replace('2012-10-17', '2013-10-17') }, 'MalformedPolicyDocument'],
    [{ Policy: policy(200).replace('Allow', 'Maybe') }, 'MalformedPolicyDocument'],
    [{ Policy: policy(200).replace('"Action"', '"Actions"') }, 'MalformedPolicyDocument'],
    [{ Policy: policy(200).replace('"Action"', '"Principal":"*","Action"') }, 'MalformedPolicyDocument'],
    [policyArns(10), 'answered'],
    [policyArns(11), 'ValidationError'],
    [{ 'PolicyArns.member.1.arn': 'arn:aws:iam::123456789012:role/pay' }, 'ValidationError'],
    [{ 'PolicyArns.member.2.arn': 'arn:aws:iam::aws:policy/P' }, 'ValidationError'],
    [{ ...policyArns(1), Policy: policy(2048 - ONE_ARN.length) }, 'answered'],
    [{ ...policyArns(1), Policy: policy(2049 - ONE_ARN.length) }, 'ValidationError'],
    [{ ProviderId: 'www.amazon.com' }, 'ValidationError'],
    [{ Action: 'GetCallerIdentity' }, 'InvalidAction'],
    [{ Version: '2010-01-01' }, 'InvalidAction'],
  ])('answers %j with %s', async (change, outcome) => {
    expect((await post(await issuer.token(claims()), change)).outcome).toBe(outcome);
  });

  test('packs subject, tags and policies into one allowance, of which a short subject takes 24 percent', async () => {
    const size = async (change: Record<string, unknown>, parameters: Record<string, string> = {}) =>
      /<PackedPolicySize>(\d+)</.exec((await post(await issuer.token(claims(change)), parameters)).text)?.[1];
    expect(await size({})).toBe('24');
    await withRole({ subjects: [`mapping:${'s'.repeat(239)}`, 'mapping:a'] });
    expect(await size({ sub: `mapping:${'s'.repeat(239)}` })).toBe('33');
    expect(await size({}, { Policy: policy(280) })).toBe('34');
    expect(await size({ [TAGS]: { principal_tags: { team: ['x'.repeat(52)] } } }, { Policy: policy(280) })).toBe('36');
  });

  test('takes what packs into 100 percent and no more', async () => {
    const tags = (characters: number) => ({ [TAGS]: { principal_tags: { team: ['x'.repeat(characters - 4)] } } });
    const Policy = policy(2048);
    expect((await post(await issuer.token(claims(tags(80))), { Policy })).outcome).toBe('answered');
    const refused = await post(await issuer.token(claims(tags(81))), { Policy });
    expect(refused).toMatchObject({ outcome: 'PackedPolicyTooLarge', status: 400 });
    expect(refused.message).toContain('consumes 101% of allotted space');
  });

  test('refuses a role that does not exist, when the token names none', async () => {
    const token = await issuer.token(claims({ [ROLES]: undefined }));
    const RoleArn = 'arn:aws:iam::123456789012:role/none';
    expect((await post(token, { RoleArn })).outcome).toBe('AccessDenied');
  });

  test('takes tokens of 4 to 20000 characters', async () => {
    expect((await post('abc')).outcome).toBe('ValidationError');
    const token = await issuer.token(claims({ pad: 'x'.repeat(15_000) }));
    expect(token.length).toBeGreaterThan(20_000);
    expect((await post(token)).outcome).toBe('ValidationError');
  });

  test('keeps what it saw, but never the token', async () => {
    const token = await issuer.token(claims());
    await post(token);
    expect(sts.calls[0]).toMatchObject({ outcome: 'answered', claims: decodeJwt(token) });
    expect(JSON.stringify(sts.calls)).not.toContain(token.split('.')[2]);
  });
});
