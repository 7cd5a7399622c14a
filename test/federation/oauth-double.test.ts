import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CloudIssuer } from './cloud-issuer.ts';
import { type OauthFixture, oauthFixture, SUBJECT } from './oauth-fixture.ts';

const JWT = 'urn:ietf:params:oauth:token-type:jwt';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

let carnet: CloudIssuer;
let stranger: CloudIssuer;
let at: OauthFixture;
beforeAll(async () => {
  carnet = await CloudIssuer.start();
  stranger = await CloudIssuer.start();
});
afterAll(() => Promise.all([carnet.close(), stranger.close()]));
beforeEach(async () => {
  at = await oauthFixture(carnet);
});
afterEach(() => at.close());

function claims(): Record<string, unknown> {
  const iat = at.clock.now() / 1000;
  return { iss: carnet.url, sub: SUBJECT, aud: at.server.issuer, iat, nbf: iat, exp: iat + 300, jti: randomUUID() };
}

async function outcomeOf(form: Record<string, string> | string): Promise<string> {
  const answer = await fetch(`${at.server.url}${at.server.tokenPath}`, {
    method: 'POST',
    body: new URLSearchParams(form),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  const body = (await answer.json()) as { readonly error?: string };
  return `${answer.status} ${body.error ?? 'answered'}`;
}

function borne(assertion: string): Record<string, string> {
  return { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion };
}

function exchanged(token: string, change: Record<string, string> = {}): Record<string, string> {
  const grant_type = 'urn:ietf:params:oauth:grant-type:token-exchange';
  const types = { subject_token_type: JWT, requested_token_type: ACCESS_TOKEN };
  return { grant_type, subject_token: token, ...types, ...change };
}

describe('the double of an OAuth server', () => {
  test('accepts an assertion of the issuer that it trusts, under both grants', async () => {
    expect(await outcomeOf(borne(await carnet.token(claims())))).toBe('200 answered');
    expect(await outcomeOf(exchanged(await carnet.token(claims())))).toBe('200 answered');
  });

  test.each<readonly [string, (right: Record<string, unknown>) => object]>([
    ['for another server', (right) => ({ ...right, aud: 'https://login.example.org' })],
    ['for others too', (right) => ({ ...right, aud: [right['aud'], 'https://login.example.org'] })],
    ['of another issuer', (right) => ({ ...right, iss: 'https://login.example.org' })],
    ['that has ended', (right) => ({ ...right, exp: Number(right['iat']) })],
    ['of later', (right) => ({ ...right, nbf: Number(right['iat']) + 60 })],
    ['without an id', ({ jti: _, ...rest }) => rest],
    ['of an unknown subject', (right) => ({ ...right, sub: 'mapping:other' })],
  ])('refuses one %s', async (_case, change) => {
    const token = await carnet.token(change(claims()));
    expect(await outcomeOf(borne(token))).toBe('400 invalid_grant');
    expect(await outcomeOf(exchanged(token))).toBe('400 invalid_request');
  });

  test('refuses one that another has signed in the name of the issuer, and one that was used', async () => {
    expect(await outcomeOf(borne(await stranger.token(claims())))).toBe('400 invalid_grant');
    const token = await carnet.token(claims());
    expect(await outcomeOf(borne(token))).toBe('200 answered');
    expect(await outcomeOf(exchanged(token))).toBe('400 invalid_request');
  });

  test('refuses what is no such request', async () => {
    const token = await carnet.token(claims());
    expect(await outcomeOf({ grant_type: 'client_credentials' })).toBe('400 unsupported_grant_type');
    expect(await outcomeOf(exchanged(token, { subject_token_type: ACCESS_TOKEN }))).toBe('400 invalid_request');
    expect(await outcomeOf(exchanged(token, { requested_token_type: JWT }))).toBe('400 invalid_request');
    expect(await outcomeOf(`${new URLSearchParams(borne(token))}&assertion=${token}`)).toBe('400 invalid_request');
    expect(await outcomeOf({ ...borne(token), client_id: 'nobody' })).toBe('401 invalid_client');
  });
});
