import { describe, expect, test } from 'vitest';
import { type ErrorKey, OAuthError } from '../../src/core/oauth-error.ts';
import { Secret } from '../../src/core/secret.ts';
import { TokenType } from '../../src/core/token-types.ts';
import type { ExchangeRequest } from '../../src/exchange/exchange-request.ts';
import { azureRequestAddress } from '../../src/resources/targets/azure.ts';
import { errorBody } from '../../src/routes/schemas/errors.ts';
import { entraToken } from '../../src/routes/schemas/sdk-azure.ts';
import { credential, type Door, openDoor, post, send, TOKEN } from './door-fixture.ts';

const TENANT = '11111111-2222-3333-4444-555555555555';
const CLIENT = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee';
const SCOPE = 'https://storage.azure.com/.default';
const PATH = `/sdk/azure/${TENANT}/oauth2/v2.0/token`;
const ADDRESS = azureRequestAddress(TENANT, CLIENT, SCOPE);

/** What Microsoft's libraries send. */
const GOOD = {
  grant_type: 'client_credentials',
  client_id: CLIENT,
  scope: SCOPE,
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  client_assertion: TOKEN,
  client_info: '1',
  'x-client-SKU': 'msal.js.node',
};

/** A door behind which access tokens are issued, and what was asked at which door. */
async function azureDoor() {
  const asked: (ExchangeRequest & { readonly door: string })[] = [];
  const door: Door = await openDoor({
    exchange: async (request, context) => {
      asked.push({ ...request, door: context.door });
      const token = { accessToken: new Secret('eyJ.issued'), issuedTokenType: TokenType.accessToken };
      return credential(door.clock, { ...token, tokenType: 'Bearer' });
    },
  });
  return { door, asked };
}

function ask(door: Door, changes: Readonly<Record<string, string | undefined>> = {}, path = PATH) {
  const entries = Object.entries({ ...GOOD, ...changes });
  const present = entries.filter((entry): entry is [string, string] => entry[1] !== undefined);
  return post(door, new URLSearchParams(present).toString(), { path });
}

describe('POST /sdk/azure/{tenant}/oauth2/v2.0/token (clouds.md 3.6)', () => {
  test('answers in the shape of Entra; tenant, client and scope select', async () => {
    const { door, asked } = await azureDoor();
    const answer = await ask(door);
    expect([answer.status, entraToken.parse(answer.json)]).toEqual([
      200,
      { token_type: 'Bearer', expires_in: 300, ext_expires_in: 300, access_token: 'eyJ.issued' },
    ]);
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' });
    const [{ subjectToken, ...request } = { subjectToken: new Secret('') }] = asked;
    expect(subjectToken.reveal()).toBe(TOKEN);
    expect(request).toEqual({
      door: 'sdk-azure',
      subjectTokenType: TokenType.jwt,
      ask: { address: ADDRESS, requestedTokenType: TokenType.accessToken, scopes: [] },
    });
    expect(door.log()).not.toContain('eyJ.issued');
  });

  test('takes the query that MSAL adds, a slash at the end, and ids in any case', async () => {
    const { door, asked } = await azureDoor();
    await ask(door, {}, `${PATH}?client-request-id=1`);
    await ask(door, { client_id: CLIENT.toUpperCase() }, `/sdk/azure/${TENANT.toUpperCase()}/oauth2/v2.0/token/`);
    expect(asked.map((request) => request.ask.address)).toEqual([ADDRESS, ADDRESS]);
    expect((await ask(door, {}, `${PATH}?scope=x`)).status).toBe(400);
    expect((await ask(door, {}, `/sdk/azure/${TENANT}/oauth2/token`)).status).toBe(404);
    expect(asked).toHaveLength(2);
  });

  test('asks for the one resource of a scope, whatever a library adds for users', async () => {
    const { door, asked } = await azureDoor();
    await ask(door, { scope: `openid ${SCOPE} profile offline_access` });
    expect(asked[0]?.ask.address).toBe(ADDRESS);
    for (const scope of [undefined, 'openid', `${SCOPE} https://vault.azure.net/.default`]) {
      expect((await ask(door, { scope })).json['error']).toBe('invalid_scope');
    }
    expect(asked).toHaveLength(1);
  });

  test.each<[string, Record<string, string | undefined>, number, string]>([
    ['without a client', { client_id: undefined }, 400, 'invalid_request'],
    ['without an assertion', { client_assertion: undefined }, 400, 'invalid_request'],
    ['with an assertion of another type', { client_assertion_type: 'saml2' }, 400, 'invalid_request'],
    ['with a secret', { client_secret: 'x' }, 400, 'invalid_request'],
    ['with a token of more than 16 KiB', { client_assertion: 'x'.repeat(16 * 1024 + 1) }, 413, 'invalid_request'],
    ['without a grant', { grant_type: undefined }, 400, 'invalid_request'],
    ['of another grant', { grant_type: 'refresh_token' }, 400, 'unsupported_grant_type'],
  ])('refuses a request %s, with error as a text', async (_, changes, status, error) => {
    const { door, asked } = await azureDoor();
    const answer = await ask(door, changes);
    expect([answer.status, errorBody.parse(answer.json).error]).toEqual([status, error]);
    expect(asked).toEqual([]);
  });

  test('refuses a parameter that is sent twice', async () => {
    const { door, asked } = await azureDoor();
    const twice = await post(door, `${new URLSearchParams(GOOD)}&client_id=x`, { path: PATH });
    expect([twice.status, asked]).toEqual([400, []]);
  });

  test('answers POST only', async () => {
    const { door, asked } = await azureDoor();
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
