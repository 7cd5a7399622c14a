import { describe, expect, test } from 'vitest';
import { checkSigned, payloadOf } from '../../src/authority/token-profile.ts';
import { fc } from '../support/properties.ts';

const encode = (text: string) => Buffer.from(text).toString('base64url');
const HEADER = { alg: 'ES256', kid: 'k', typ: 'JWT' };
const PAYLOAD = '{"sub":"a"}';
const expected = { header: encode(JSON.stringify(HEADER)), payload: PAYLOAD };
const token = (header: object, payload = PAYLOAD) => `${encode(JSON.stringify(header))}.${encode(payload)}.c2ln`;

describe('checkSigned', () => {
  test('accepts the header of the key, which is alg kid typ, over the payload that was checked (spiffe.md clause 8)', () => {
    checkSigned(token(HEADER), expected);
  });

  test.each([
    ['a further header', token({ ...HEADER, crit: [] })],
    ['jwk', token({ ...HEADER, jwk: {} })],
    ['no kid', token({ alg: 'ES256', typ: 'JWT' })],
    ['no typ', token({ alg: 'ES256', kid: 'k' })],
    ['another kid', token({ ...HEADER, kid: 'l' })],
    ['another alg', token({ ...HEADER, alg: 'RS256' })],
    ['alg none', token({ ...HEADER, alg: 'none' })],
    ['its members in another order', token({ typ: 'JWT', kid: 'k', alg: 'ES256' })],
    ['another typ', token({ ...HEADER, typ: 'at+jwt' })],
    ['another payload', token(HEADER, '{"sub":"b"}')],
    ['a payload that means the same', token(HEADER, '{"sub": "a"}')],
    ['no signature', `${encode(JSON.stringify(HEADER))}.${encode(PAYLOAD)}.`],
    ['two parts', `${encode(JSON.stringify(HEADER))}.${encode(PAYLOAD)}`],
    ['four parts', `${token(HEADER)}.c2ln`],
    ['a header that is a list', `${encode('["alg","kid","typ"]')}.${encode(PAYLOAD)}.c2ln`],
    ['nothing', ''],
  ])('refuses a token with %s', (_, wrong) => {
    expect(() => checkSigned(wrong, expected)).toThrow();
  });
});

describe('payloadOf', () => {
  const ISSUER = 'https://carnet.example.org/svid';
  const SVID = { sub: 'spiffe://example.org/a', aud: 'ledger', iat: 1_795_000_000, exp: 1_795_000_300, jti: 'one' };

  test('is the JSON of the claims after iss, whatever their texts hold (spiffe.md clause 12)', () => {
    const text = fc.string({ unit: 'binary', minLength: 1 });
    fc.assert(
      fc.property(text, text, (aud, jti) => {
        const claims = { ...SVID, aud, jti };
        expect(payloadOf('svid', ISSUER, claims)).toBe(JSON.stringify({ iss: ISSUER, ...claims }));
      }),
    );
  });

  test('has one iss, that of the purpose: an SVID is not signed for claims that bring their own', () => {
    expect(() => payloadOf('svid', ISSUER, { ...SVID, iss: ISSUER })).toThrow('no further claims');
  });
});
