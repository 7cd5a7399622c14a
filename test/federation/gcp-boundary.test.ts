import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readBoundary } from '../fakes/gcp-boundary.ts';
import { CloudIssuer } from './cloud-issuer.ts';
import { GcpBench, grant, REPORTER } from './gcp-fixture.ts';

const OBJECTS = '/storage/v1/b/reports/o';
const UPLOAD = '/upload/storage/v1/b/reports/o?uploadType=media';

function boundary(role: string, change: object = {}): string {
  return JSON.stringify({
    accessBoundary: {
      accessBoundaryRules: [
        {
          availableResource: '//storage.googleapis.com/projects/_/buckets/reports',
          availablePermissions: [`inRole:roles/storage.${role}`],
          ...change,
        },
      ],
    },
  });
}

/** Objects below a prefix, and their listing. */
function below(prefix: string) {
  const name = `resource.name.startsWith('projects/_/buckets/reports/objects/${prefix}')`;
  const list = `api.getAttribute('storage.googleapis.com/objectListPrefix', '').startsWith('${prefix}')`;
  return { availabilityCondition: { title: 'prefix', expression: `${name} || ${list}` } };
}

let issuer: CloudIssuer;
let bench: GcpBench;

beforeAll(async () => {
  issuer = await CloudIssuer.start();
});
afterAll(() => issuer.close());
beforeEach(async () => {
  const member = `serviceAccount:${REPORTER}`;
  const objects = { '2026/a.csv': 'a', '2026/b.csv': 'b', 'secret/c.csv': 'c' };
  bench = await GcpBench.start(issuer, {
    buckets: [
      { name: 'reports', policy: { 'roles/storage.objectAdmin': [member] }, objects },
      { name: 'others', policy: { 'roles/storage.objectViewer': [member] }, objects },
    ],
  });
});
afterEach(() => bench.close());

/** What a token reaches: the HTTP status and the text of each request. */
async function reach(accessBoundary?: string) {
  const credential = await bench.issue({ ...grant, ...(accessBoundary !== undefined && { accessBoundary }) });
  const authorization = `Bearer ${credential.accessToken.reveal()}`;
  return async (method: string, path: string) => {
    const response = await fetch(`${bench.gcp.url}${path}`, {
      method,
      headers: { authorization },
      ...(method === 'POST' && { body: 'new' }),
    });
    return { status: response.status, text: await response.text() };
  };
}

async function statuses(accessBoundary: string | undefined, requests: readonly (readonly [string, string, number])[]) {
  const request = await reach(accessBoundary);
  for (const [method, path, status] of requests) {
    expect((await request(method, path)).status, `${method} ${path}`).toBe(status);
  }
}

describe('a token within an access boundary', () => {
  test('without a boundary reaches all that the service account reaches', async () => {
    const request = await reach();
    expect(await request('GET', `${OBJECTS}/2026%2Fa.csv?alt=media`)).toEqual({ status: 200, text: 'a' });
    await statuses(undefined, [
      ['GET', `${OBJECTS}/secret%2Fc.csv?alt=media`, 200],
      ['GET', OBJECTS, 200],
      ['GET', '/storage/v1/b/others/o', 200],
      ['POST', `${UPLOAD}&name=2026%2Fnew.csv`, 200],
      ['DELETE', `${OBJECTS}/secret%2Fc.csv`, 204],
      ['DELETE', '/storage/v1/b/others/o/secret%2Fc.csv', 403],
    ]);
  });

  test('for reading below a prefix reads and lists there, and nothing else', async () => {
    const request = await reach(boundary('objectViewer', below('2026/')));
    expect(await request('GET', `${OBJECTS}/2026%2Fa.csv?alt=media`)).toEqual({ status: 200, text: 'a' });
    const listed = JSON.parse((await request('GET', `${OBJECTS}?prefix=2026/`)).text);
    expect(listed.items.map(({ name }: { name: string }) => name)).toEqual(['2026/a.csv', '2026/b.csv']);
    await statuses(boundary('objectViewer', below('2026/')), [
      ['GET', `${OBJECTS}/secret%2Fc.csv?alt=media`, 403],
      ['GET', `${OBJECTS}/2026%2Fnone.csv`, 404],
      ['GET', OBJECTS, 403],
      ['GET', `${OBJECTS}?prefix=`, 403],
      ['GET', `${OBJECTS}?prefix=2026`, 403],
      ['GET', `${OBJECTS}?prefix=secret/`, 403],
      ['GET', '/storage/v1/b/others/o/2026%2Fa.csv', 403],
      ['POST', `${UPLOAD}&name=2026%2Fnew.csv`, 403],
      ['DELETE', `${OBJECTS}/2026%2Fa.csv`, 403],
    ]);
  });

  test('for writing below a prefix creates there, and neither reads, lists, replaces nor deletes', async () => {
    await statuses(boundary('objectCreator', below('2026/')), [
      ['POST', `${UPLOAD}&name=2026%2Fnew.csv`, 200],
      ['POST', `${UPLOAD}&name=2026%2Fa.csv`, 403],
      ['POST', `${UPLOAD}&name=secret%2Fnew.csv`, 403],
      ['GET', `${OBJECTS}/2026%2Fa.csv`, 403],
      ['GET', `${OBJECTS}?prefix=2026/`, 403],
      ['DELETE', `${OBJECTS}/2026%2Fnew.csv`, 403],
    ]);
  });

  test('gets nothing that the service account has not got', async () => {
    const other = boundary('objectAdmin').replace('buckets/reports', 'buckets/others');
    await statuses(other, [
      ['GET', '/storage/v1/b/others/o/2026%2Fa.csv', 200],
      ['DELETE', '/storage/v1/b/others/o/2026%2Fa.csv', 403],
      ['GET', `${OBJECTS}/2026%2Fa.csv`, 403],
    ]);
  });

  test('cannot be bounded again', async () => {
    const { accessToken } = await bench.issue({ ...grant, accessBoundary: boundary('objectViewer') });
    const response = await fetch(`${bench.gcp.url}/v1/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        subject_token: accessToken.reveal(),
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        options: boundary('objectAdmin'),
      }),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: 'invalid_request' });
  });
});

describe('a boundary that Google does not take', () => {
  const accessBoundary = boundary('objectViewer', { availableResource: '//storage.googleapis.com/buckets/reports' });

  test("is the caller's fault where it is the caller's own: target_denied", async () => {
    expect(await bench.refusal({ ...grant, accessBoundary })).toMatchObject({
      key: 'target_denied',
      failure: 'denied',
    });
  });

  test('is our own fault where it is made of intents', async () => {
    const enforcedBy = ['credential-access-boundary'] as const;
    expect(await bench.refusal({ ...grant, accessBoundary, enforcedBy })).toMatchObject({ key: 'internal' });
  });
});

describe('the Google double reads boundaries strictly', () => {
  const rule = JSON.parse(boundary('objectViewer')).accessBoundary.accessBoundaryRules[0];
  const rules = (...list: unknown[]) => JSON.stringify({ accessBoundary: { accessBoundaryRules: list } });
  const cel = (expression: string) => rules({ ...rule, availabilityCondition: { title: 't', expression } });
  const name = "resource.name.startsWith('a')";
  const list = "api.getAttribute('storage.googleapis.com/objectListPrefix', '').startsWith('a')";

  test.each([
    ['one rule', rules(rule)],
    ['10 rules', JSON.stringify({ accessBoundary: { accessBoundaryRules: Array.from({ length: 10 }, () => rule) } })],
    ['a condition of one term', cel(name)],
    ['a condition of three terms', cel(`${name} || ${list}||${name}`)],
  ])('and takes %s', (_case, text) => {
    expect(() => readBoundary(text)).not.toThrow();
  });

  test.each([
    ['no JSON', '{'],
    ['a list', '[]'],
    ['no boundary', '{}'],
    ['another option', JSON.stringify({ ...JSON.parse(rules(rule)), userProject: 'p' })],
    ['no rules', rules()],
    ['11 rules', rules(...Array.from({ length: 11 }, () => rule))],
    ['a rule with another member', rules({ ...rule, more: 1 })],
    ['a rule without permissions', rules({ ...rule, availablePermissions: [] })],
    ['a permission that is no role', rules({ ...rule, availablePermissions: ['storage.objects.get'] })],
    ['a role of another service', rules({ ...rule, availablePermissions: ['inRole:roles/pubsub.publisher'] })],
    ['a role like a member of objects', rules({ ...rule, availablePermissions: ['inRole:constructor'] })],
    ['another resource', rules({ ...rule, availableResource: '//storage.googleapis.com/buckets/reports' })],
    ['every bucket', rules({ ...rule, availableResource: '//storage.googleapis.com/projects/_/buckets/*' })],
    ['a condition without expression', rules({ ...rule, availabilityCondition: { title: 't' } })],
    ['an empty expression', cel('')],
    ['a bare true', cel('true')],
    ['an open end', cel(`${name} ||`)],
    ['two terms without ||', cel(`${name} ${name}`)],
    ['a conjunction', cel(`${name} && ${name}`)],
    ['another function', cel("resource.name.endsWith('a')")],
    ['another attribute', cel(list.replace('objectListPrefix', 'other'))],
    ['a text with a backslash', cel("resource.name.startsWith('a\\\\')")],
    ['a text that ends early', cel("resource.name.startsWith('a' || '')")],
    ['an expression of 2049 characters', cel(`resource.name.startsWith('${'a'.repeat(2021)}')`)],
  ])('and refuses %s', (_case, text) => {
    expect(() => readBoundary(text)).toThrow(/^Invalid access boundary/);
  });
});
