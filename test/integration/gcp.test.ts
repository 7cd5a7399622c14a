import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Gcp } from '../fakes/gcp.ts';
import { type Exchanging, exchanging, mappingOf } from '../support/exchanging.ts';

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const POOL = 'projects/42/locations/global/workloadIdentityPools/carnet';
const PROVIDER = `//iam.googleapis.com/${POOL}/providers/carnet`;
const ARCHIVE = 'archive@acme.iam.gserviceaccount.com';
const target = `target: { gcp: { provider: '${PROVIDER}', serviceAccount: ${ARCHIVE} } }`;

const MAPPINGS = [
  mappingOf('archive', target, 'intents: [{ allow: object.read, resource: { bucket: archive, prefix: 2026/ } }]'),
  // The account's policy does not know this one.
  mappingOf('unknown', target, 'intents: unrestricted'),
];

let carnet: Exchanging & { readonly clouds: Gcp };

beforeEach(async () => {
  carnet = await exchanging({
    clouds: ({ issuer: issuerUri, clock }) =>
      Gcp.start({
        clock,
        providers: [{ name: PROVIDER, issuerUri, attributeMapping: { 'google.subject': 'assertion.sub' } }],
        serviceAccounts: [
          { email: ARCHIVE, actors: [`principal://iam.googleapis.com/${POOL}/subject/mapping:archive`] },
        ],
        buckets: [
          {
            name: 'archive',
            policy: { 'roles/storage.objectAdmin': [`serviceAccount:${ARCHIVE}`] },
            objects: { '2026/november': 'of this year', '2025/november': 'of last year' },
          },
        ],
      }),
    configure: ({ url }) => ({
      mappings: MAPPINGS.join(''),
      more: `clouds: { gcp: { stsEndpoint: '${url}', iamCredentialsEndpoint: '${url}' } }\n`,
    }),
  });
});
afterEach(async () => {
  await carnet.stop();
  await carnet.clouds.close();
});

/** Status and text of an object, by a token; with a body it is written. */
async function storage(token: unknown, name: string, body?: string): Promise<readonly [number, string]> {
  const { url } = carnet.clouds;
  const object = encodeURIComponent(name);
  const path =
    body === undefined
      ? `storage/v1/b/archive/o/${object}?alt=media`
      : `upload/storage/v1/b/archive/o?uploadType=media&name=${object}`;
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${url}/${path}`, { headers, ...(body !== undefined && { method: 'POST', body }) });
  return [answer.status, await answer.text()];
}

const typesOf = async (mapping: string) => (await carnet.records(mapping)).map(({ type }) => type);

describe('a mapping for Google Cloud, from a pod to Cloud Storage (DESIGN sections 4, 7 and 9)', () => {
  test('gives a bearer token that reads what the intent names, and neither another object nor by writing', async () => {
    const { status, body } = await carnet.ask('archive');
    expect(status, JSON.stringify(body)).toBe(200);
    const { access_token: token, ...others } = body;
    expect(others).toEqual({ issued_token_type: ACCESS_TOKEN, token_type: 'Bearer', expires_in: 3600 });
    expect(await storage(token, '2026/november')).toEqual([200, 'of this year']);
    expect((await storage(token, '2025/november'))[0]).toBe(403);
    expect((await storage(token, '2026/december', 'forged'))[0]).toBe(403);
  });

  test('is on record as allowed and issued, held by the access boundary; a scope can narrow that and not widen it', async () => {
    await carnet.ask('archive');
    const records = await carnet.records('archive');
    const grant = { kind: 'gcp', target: ARCHIVE, ttl: 3600, enforcedBy: ['credential-access-boundary'] };
    expect(records).toMatchObject([
      { type: 'allowed', grant },
      { type: 'issued', grant },
    ]);
    const wider = await carnet.ask('archive', { more: { scope: 'object.read:archive/' } });
    expect(wider).toMatchObject({ status: 400, body: { error: 'invalid_scope' } });
    expect((await carnet.ask('archive', { more: { scope: 'object.read:archive/2026/november' } })).status).toBe(200);
  });

  test('gives a pod its own token again without a call, on record as reused, and another pod one of its own', async () => {
    const first = await carnet.ask('archive');
    const calls = carnet.clouds.calls.length;
    expect((await carnet.ask('archive')).body['access_token']).toBe(first.body['access_token']);
    expect(carnet.clouds.calls).toHaveLength(calls);
    expect(await typesOf('archive')).toEqual(['allowed', 'issued', 'allowed', 'reused']);
    const other = await carnet.ask('archive', { pod: 'pod-1' });
    expect(other.body['access_token']).not.toBe(first.body['access_token']);
  });

  test('is refused with its reason where the account does not trust it, and not where it does', async () => {
    const refused = await carnet.ask('unknown');
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_target', reason: 'cloud_trust_missing' } });
    await expect.poll(() => typesOf('unknown')).toEqual(['allowed', 'failed']);
    expect((await carnet.ask('archive')).status).toBe(200);
  });

  test('is told when to come back while Google throttles, and is answered then', async () => {
    carnet.clouds.fail('sts', { kind: 'raw', status: 429, body: '{}', headers: { 'retry-after': '7' } });
    expect(await carnet.ask('archive')).toMatchObject({ status: 503, retryAfter: 7 });
    expect(await carnet.ask('archive', { pod: 'pod-1' })).toMatchObject({ status: 503, retryAfter: 7 });
    expect(carnet.clouds.calls).toHaveLength(1);
    carnet.clock.advance(7000);
    expect((await carnet.ask('archive')).status).toBe(200);
  });

  test('is a 503 with Retry-After while Google cannot be reached: nothing is called a refusal', async () => {
    await carnet.clouds.close();
    const { status, retryAfter, body } = await carnet.ask('archive');
    expect([status, body['error']]).toEqual([503, 'temporarily_unavailable']);
    expect(retryAfter).toBeGreaterThan(0);
  });
});
