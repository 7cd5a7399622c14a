import { describe, expect, test } from 'vitest';
import { type ErrorKey, OAuthError } from '../../src/core/oauth-error.ts';
import { Secret } from '../../src/core/secret.ts';
import { GRANT_TYPE_TOKEN_EXCHANGE, TokenType } from '../../src/core/token-types.ts';
import type { ExchangeRequest } from '../../src/exchange/exchange-request.ts';
import { errorBody } from '../../src/routes/schemas/errors.ts';
import { credential, type Door, openDoor, post, send, TOKEN } from './door-fixture.ts';

const PROVIDER = '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/carnet/providers/carnet';
const PATH = '/sdk/gcp/reports/token';
const BOUNDARY = {
  accessBoundary: {
    accessBoundaryRules: [
      {
        availablePermissions: ['inRole:roles/storage.objectViewer'],
        availableResource: '//storage.googleapis.com/projects/_/buckets/b',
      },
    ],
  },
};

/** What google-auth sends. */
const GOOD = {
  grant_type: GRANT_TYPE_TOKEN_EXCHANGE,
  audience: PROVIDER,
  scope: 'https://www.googleapis.com/auth/cloud-platform',
  requested_token_type: TokenType.accessToken,
  subject_token: TOKEN,
  subject_token_type: TokenType.jwt,
};

/** A door behind which access tokens are issued, and what was asked at which door. */
async function gcpDoor() {
  const asked: (ExchangeRequest & { readonly door: string })[] = [];
  const door: Door = await openDoor({
    exchange: async (request, context) => {
      asked.push({ ...request, door: context.door });
      const token = { accessToken: new Secret('ya29.issued'), issuedTokenType: TokenType.accessToken };
      return credential(door.clock, { ...token, tokenType: 'Bearer', scope: 'https://example.org/a b' });
    },
  });
  return { door, asked };
}

function ask(door: Door, changes: Readonly<Record<string, string | undefined>> = {}, path = PATH) {
  const entries = Object.entries({ ...GOOD, ...changes });
  const present = entries.filter((entry): entry is [string, string] => entry[1] !== undefined);
  return post(door, new URLSearchParams(present).toString(), { path });
}

describe('POST /sdk/gcp/{mapping}/token (clouds.md 3.4)', () => {
  test('answers the members that every SDK demands, expires_in as an integer, and the scopes that were granted', async () => {
    const { door, asked } = await gcpDoor();
    const answer = await ask(door);
    expect([answer.status, answer.json]).toEqual([
      200,
      {
        access_token: 'ya29.issued',
        issued_token_type: TokenType.accessToken,
        token_type: 'Bearer',
        expires_in: 300,
        scope: 'https://example.org/a b',
      },
    ]);
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' });
    const [{ subjectToken, ...request } = { subjectToken: new Secret('') }] = asked;
    expect(subjectToken.reveal()).toBe(TOKEN);
    expect(request).toEqual({
      door: 'sdk-gcp',
      subjectTokenType: TokenType.jwt,
      ask: { address: 'reports', requestedTokenType: TokenType.accessToken, scopes: [] },
    });
    expect(door.log()).not.toContain('ya29');
  });

  test('selects by the path alone: audience and scope of the file express no wish', async () => {
    const { door, asked } = await gcpDoor();
    await ask(door, { audience: undefined, scope: undefined }, `/sdk/gcp/${encodeURIComponent(PROVIDER)}/token`);
    await ask(door, { audience: 'other', scope: '' }, '/sdk/gcp/urn:carnet:mapping:reports/token/');
    expect(asked.map(({ ask: { address, scopes } }) => [address, scopes])).toEqual([
      [PROVIDER, []],
      ['reports', []],
    ]);
    expect((await ask(door, {}, '/sdk/gcp//token')).status).toBe(404);
    expect((await ask(door, {}, '/sdk/gcp/token')).status).toBe(404);
    expect(asked).toHaveLength(2);
  });

  test.each([
    ['as JSON', JSON.stringify(BOUNDARY)],
    ['quoted once more, as Python does', encodeURIComponent(JSON.stringify(BOUNDARY))],
  ])('passes an accessBoundary on as a wish to narrow: %s', async (_, options) => {
    const { door, asked } = await gcpDoor();
    await ask(door, { options });
    expect(asked[0]?.ask.narrowing).toEqual({ kind: 'gcp', accessBoundary: JSON.stringify(BOUNDARY) });
  });

  test('takes options without anything in it for no wish', async () => {
    const { door, asked } = await gcpDoor();
    await ask(door, { options: '{}' });
    expect(asked[0]?.ask).not.toHaveProperty('narrowing');
  });

  test.each([
    ['text', 'accessBoundary'],
    ['a list', '[]'],
    ['a broken escape', '%zz'],
    ['another wish', '{"userProject":"p"}'],
    ['a boundary and another wish', JSON.stringify({ ...BOUNDARY, audiences: ['a'] })],
    ['a boundary that is no object', '{"accessBoundary":"x"}'],
    ['a boundary said twice', '{"accessBoundary":{"a":1},"accessBoundary":{}}'],
    ['a boundary that is too long', JSON.stringify({ accessBoundary: { x: 'x'.repeat(2048) } })],
  ])('refuses options that are or hold %s', async (_, options) => {
    const { door, asked } = await gcpDoor();
    const answer = await ask(door, { options });
    expect([answer.status, answer.json['error']]).toEqual([400, 'invalid_request']);
    expect([answer.text.includes('options'), asked]).toEqual([true, []]);
  });

  test.each<[string, Record<string, string | undefined>, string]>([
    ['without a token', { subject_token: undefined }, 'invalid_request'],
    ['with a token of another type', { subject_token_type: TokenType.accessToken }, 'invalid_request'],
    ['for another type', { requested_token_type: TokenType.jwt }, 'invalid_request'],
    ['of another grant', { grant_type: 'client_credentials' }, 'unsupported_grant_type'],
    ['with a client secret', { client_secret: 'x' }, 'invalid_client'],
  ])('refuses a request %s, with error as a text', async (_, changes, error) => {
    const { door, asked } = await gcpDoor();
    expect(errorBody.parse((await ask(door, changes)).json).error).toBe(error);
    expect(asked).toEqual([]);
  });

  test('refuses a parameter that is sent twice, and one in the URL', async () => {
    const { door, asked } = await gcpDoor();
    const twice = await post(door, `${new URLSearchParams(GOOD)}&audience=x`, { path: PATH });
    expect([twice.status, (await ask(door, {}, `${PATH}?options=x`)).status]).toEqual([400, 400]);
    expect((await ask(door, {}, `${PATH}?alt=json`)).status).toBe(200);
    expect(asked).toHaveLength(1);
  });

  test('answers POST only', async () => {
    const { door, asked } = await gcpDoor();
    for (const method of ['GET', 'HEAD', 'PUT']) {
      const answer = await send(door.port, { method, path: PATH });
      expect([answer.status, answer.headers.allow]).toEqual([405, 'POST']);
    }
    expect(asked).toEqual([]);
  });

  test.each<[ErrorKey, number, string]>([
    ['target_denied', 400, 'invalid_target'],
    ['token_expired', 400, 'invalid_request'],
    ['target_unavailable', 503, 'temporarily_unavailable'],
  ])('says %s as %i %s, with Retry-After where a retry helps', async (key, status, error) => {
    const door = await openDoor({ exchange: () => Promise.reject(new OAuthError(key, { detail: 'internal fact' })) });
    const answer = await ask(door);
    expect([answer.status, errorBody.parse(answer.json).error]).toEqual([status, error]);
    expect(answer.headers['retry-after'] !== undefined).toBe(status === 503);
    expect(answer.text).not.toContain('internal fact');
  });
});
