import { describe, expect, test } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { MAX_TOKEN_BYTES, readCompactJws } from '../../src/verifiers/compact-jws.ts';
import { refusal } from './issuers-under-test.ts';

const b64 = (text: string) => Buffer.from(text).toString('base64url');
const HEADER = '{"alg":"RS256","kid":"k1"}';
const token = (header = HEADER, claims = '{"iss":"x"}', signature = 'AAAA') =>
  `${b64(header)}.${b64(claims)}.${signature}`;
const read = (text: string) => readCompactJws(new Secret(text));
const detailOf = async (text: string) => {
  const error = await refusal(() => read(text));
  expect(error.key).toBe('token_malformed');
  return error.detail;
};
const withHeader = (members: object) => token(JSON.stringify({ alg: 'RS256', kid: 'k1', ...members }));

describe('the form of a token (V1)', () => {
  test('reads three canonical segments', () => {
    expect(read(token())).toMatchObject({ alg: 'RS256', kid: 'k1', unverifiedClaims: { iss: 'x' } });
    expect(read(token()).signingInput).toBe(token().slice(0, -5));
  });

  test('reads a header again as it read it first, and refuses one that is refused, however often they come', async () => {
    for (const kid of ['k1', 'k2', 'k1', 'x'.repeat(256), 'k2', 'x'.repeat(256)]) {
      expect(read(withHeader({ kid }))).toMatchObject({ alg: 'RS256', kid });
    }
    for (let time = 0; time < 3; time += 1) {
      expect(await detailOf(withHeader({ crit: ['exp'] }))).toBe('header: crit is not accepted');
      expect(read(withHeader({ alg: 'ES256' }))).toMatchObject({ alg: 'ES256', kid: 'k1' });
    }
    for (let number = 0; number < 1000; number += 1)
      expect(read(withHeader({ kid: `k${number}` })).kid).toBe(`k${number}`);
  });

  test('keeps 256 headers of 384 bytes in memory at most, so that nobody fills it (V16)', () => {
    /** Of a header that was there already. */
    const isKept = (text: string) => read(text).claimNames !== undefined;
    const ofBytes = (bytes: number) =>
      withHeader({ x: 'y'.repeat(bytes - '{"alg":"RS256","kid":"k1","x":""}'.length) });
    for (const [bytes, kept] of [
      [384, true],
      [385, false],
    ] as const) {
      expect(isKept(ofBytes(bytes))).toBe(false);
      expect(isKept(ofBytes(bytes))).toBe(kept);
    }
    for (let number = 0; number < 256; number += 1) read(withHeader({ kid: `other ${number}` }));
    expect(isKept(ofBytes(384))).toBe(false);
  });

  test.each([
    ['two segments', 'e30.e30'],
    ['one segment', 'e30'],
    ['four segments', `${token()}.AAAA`],
    ['five segments, a JWE', `${token()}.AAAA.AAAA`],
    ['a dot too many at the end', `${token()}.`],
    ['JSON serialisation', '{"payload":"e30","signatures":[]}'],
    ['no text', ''],
    ['a dot alone', '.'],
  ])('refuses %s by the number of segments (V1)', async (_, text) => {
    expect(await detailOf(text)).toBe('not three segments');
  });

  test('refuses dots alone: none of three segments may be empty (V1)', async () => {
    expect(await detailOf('..')).toBe('a segment is empty or not base64url');
  });

  test('tells a fault of the header from one of the claims (V7)', async () => {
    expect(await detailOf(token('{'))).toBe('header: a string is missing');
    expect(await detailOf(token(HEADER, '{'))).toBe('claims: a string is missing');
    expect(await detailOf(withHeader({ kid: '' }))).toBe('header: kid is not 1 to 256 printable characters');
  });

  test.each([
    ['padding', '=='],
    ['a newline', '\n'],
    ['a space', ' '],
    ['a NUL', '\0'],
  ])('refuses a signature followed by %s (V1)', async (_, suffix) => {
    expect(await detailOf(token() + suffix)).toContain('base64url');
  });

  test('refuses white space inside and standard base64 characters (V1)', async () => {
    await detailOf(token(HEADER, '{"iss":"x"}', 'AA AA'));
    await detailOf(token(HEADER, '{"iss":"x"}', 'AA+A'));
    await detailOf(token(HEADER, '{"iss":"x"}', 'AA/A'));
    await detailOf(` ${token()}`);
  });

  test('refuses flipped unused trailing bits in each segment (V1)', async () => {
    expect(() => read(token(HEADER, '{"iss":"x"}', 'AA'))).not.toThrow();
    expect(await detailOf(token(HEADER, '{"iss":"x"}', 'AB'))).toBe('base64url is not canonical');
    const [header = '', , signature = ''] = token().split('.');
    expect(await detailOf(`${header}.${b64('{"is":"x"}').slice(0, -1)}R.${signature}`)).toBe(
      'base64url is not canonical',
    );
  });

  test('refuses an empty signature and a signature of one character', async () => {
    await detailOf(token(HEADER, '{}', ''));
    await detailOf(token(HEADER, '{}', 'A'));
  });

  test('reads 16 KiB and refuses one byte more, before anything else (V16)', async () => {
    const base = token().length;
    const fits = token() + 'A'.repeat(MAX_TOKEN_BYTES - base);
    expect(fits.length).toBe(MAX_TOKEN_BYTES);
    expect(() => read(fits)).not.toThrow();
    expect(await detailOf(`${fits}A`)).toBe('larger than 16 KiB');
    expect(await detailOf('.'.repeat(1_000_000))).toBe('larger than 16 KiB');
    expect(await detailOf('.'.repeat(16_000))).toBe('not three segments');
  });
});

describe('the header of a token', () => {
  test.each([
    'none',
    'None',
    'nOnE',
    '',
    'HS256',
    'HS512',
    'ES256K',
    'EdDSA',
    'rs256',
    'es256',
    'RS256 ',
    'RSA-OAEP',
    'toString',
    '__proto__',
  ])('refuses alg %j whatever the issuer accepts (V2)', async (alg) => {
    expect(await detailOf(withHeader({ alg }))).toContain('alg');
  });

  test.each([undefined, null, 7, ['RS256'], { toString: 'RS256' }])('refuses alg %j (V2)', async (alg) => {
    await detailOf(withHeader({ alg }));
  });

  test('refuses a duplicate alg, in either order (V7)', async () => {
    expect(await detailOf(token('{"alg":"none","alg":"RS256","kid":"k1"}'))).toContain('twice');
    expect(await detailOf(token('{"alg":"RS256","alg":"none","kid":"k1"}'))).toContain('twice');
  });

  test.each([
    { crit: ['exp'] },
    { crit: [] },
    { crit: ['b64', 'b64'], b64: true },
    { crit: null },
    { b64: true },
    { b64: false },
    { zip: 'DEF' },
    { cty: 'JWT' },
    { cty: 'jwt' },
    { enc: 'A256GCM' },
  ])('refuses %j (V5)', async (members) => {
    expect(await detailOf(withHeader(members))).toContain('is not accepted');
  });

  test.each(['JWT', 'jwt', 'application/jwt', 'Application/JWT'])('accepts typ %s (V6)', (typ) => {
    expect(() => read(withHeader({ typ }))).not.toThrow();
  });

  test.each([
    'dpop+jwt',
    'at+jwt',
    'JOSE',
    'application/at+jwt',
    'wit+jwt',
    'JWT ',
    'xjwt',
    'application/application/jwt',
    '',
    null,
    1,
    ['JWT'],
  ])('refuses typ %j (V6)', async (typ) => {
    expect(await detailOf(withHeader({ typ }))).toContain('typ');
  });

  test('refuses a missing kid (K18)', async () => {
    expect(await detailOf(token('{"alg":"RS256"}'))).toContain('kid is missing');
  });

  test('accepts a kid of 1 to 256 printable ASCII characters and nothing else (V4)', async () => {
    expect(() => read(withHeader({ kid: 'k'.repeat(256) }))).not.toThrow();
    expect(() => read(withHeader({ kid: "../../etc/passwd' OR 1=1" }))).not.toThrow();
    for (const kid of ['', 'k'.repeat(257), 'k\n', 'k\0', 'é', 7, null, ['k1']]) await detailOf(withHeader({ kid }));
  });

  test('ignores keys and addresses that a token brings along (V4)', () => {
    const { alg, kid, ...rest } = read(
      withHeader({
        jwk: { kty: 'oct', k: 'AAAA' },
        jku: 'https://evil.example',
        x5u: 'https://evil.example',
        x5c: ['AAAA'],
      }),
    );
    expect([alg, kid, Object.keys(rest).sort()]).toEqual([
      'RS256',
      'k1',
      ['claimNames', 'signature', 'signingInput', 'unverifiedClaims'],
    ]);
  });

  test.each([
    ['duplicate members in the claims', '{"iss":"x","iss":"y"}'],
    ['a byte order mark in the claims', '\ufeff{"iss":"x"}'],
    ['a __proto__ claim', '{"iss":"x","__proto__":{}}'],
    ['an infinite exp', '{"iss":"x","exp":1e999}'],
    ['deep claims', `{"iss":"x","a":${'['.repeat(1000)}${']'.repeat(1000)}}`],
    ['claims that are an array', '[]'],
    ['claims that are a nested token', '"e30.e30.AA"'],
    ['claims that are no JSON', 'iss=x'],
  ])('refuses %s (V7)', async (_, claims) => {
    expect(await detailOf(token(HEADER, claims))).toContain('claims:');
  });

  test('refuses claims that are not UTF-8 (V7)', async () => {
    const claims = Buffer.from('{"iss":"\xff"}', 'latin1').toString('base64url');
    expect(await detailOf(`${b64(HEADER)}.${claims}.AAAA`)).toContain('not UTF-8');
  });

  test('says nothing of the token in the error (V16)', async () => {
    const error = await refusal(() => read(token('{"alg":"s3cr3t-alg","kid":"s3cr3t"}', '{"sub":"s3cr3t"}')));
    expect(`${error.message} ${error.detail} ${error.stack} ${String(error.cause)}`).not.toContain('s3cr3t');
  });
});
