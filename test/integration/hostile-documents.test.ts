import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeCluster } from '../fakes/cluster.ts';
import { FakeOidcIssuer } from '../fakes/oidc-issuer.ts';
import { adminConfig, adminToken, askAdmin } from '../support/admin-api.ts';
import { fc } from '../support/properties.ts';
import { clusterIssuer, install, type RunningCarnet, start } from '../support/running-carnet.ts';

let cluster: FakeCluster;
let idp: FakeOidcIssuer;
let carnet: RunningCarnet;

beforeAll(async () => {
  cluster = await FakeCluster.start();
  idp = await FakeOidcIssuer.start();
  const more = adminConfig(idp);
  carnet = await start(await install({ cluster, resources: clusterIssuer(cluster), allowOrigins: [idp.issuer], more }));
});

afterAll(async () => {
  await carnet.stop();
  await cluster.close();
  await idp.close();
  await carnet.remove();
});

const owner = () => adminToken(idp, ['owners']);

function put(body: string, name = 'hostile') {
  return askAdmin(carnet.url, `mappings/${name}`, {
    token: owner(),
    method: 'PUT',
    body,
    headers: { 'content-type': 'application/yaml' },
  });
}

async function mappings() {
  const { body } = await askAdmin(carnet.url, 'mappings', { token: owner() });
  return body['items'];
}

/** A sound mapping in YAML; lines are added to its spec. */
function mapping(more = '', name = 'hostile'): string {
  return `apiVersion: carnet.dev/v1alpha1
kind: FederationMapping
metadata: { name: ${name} }
spec:
  owner: platform@example.org
  subject: { issuer: prod-eu, namespace: payments, serviceAccount: reporter }
  target: { jwtSvid: { audiences: [${name}] } }
${more}`;
}

const deep = (levels: number, open: string, close: string) => open.repeat(levels) + close.repeat(levels);
/** Each level names the one before nine times: nine to the power of nine words if anybody followed them. */
const laughs = Array.from({ length: 9 }, (_, level) => {
  const below = level === 0 ? Array(9).fill('lol') : Array(9).fill(`*l${level - 1}`);
  return `l${level}: &l${level} [${below.join(', ')}]`;
}).join('\n');
const when = (text: string) => mapping(`  when: ${JSON.stringify(text)}\n`);
const nested = (levels: number) => `${'(true || '.repeat(levels)}true${')'.repeat(levels)}`;

const HOSTILE: Readonly<Record<string, string>> = {
  'lists in lists beyond all nesting': deep(20_000, '[', ']'),
  'mappings in mappings beyond all nesting': deep(10_000, '{a: ', '}'),
  'a deep value in a field of a sound document': mapping(`  addresses: ${deep(200, '[', ']')}\n`),
  'aliases that multiply': laughs,
  'one anchor': mapping().replace('owner: platform', 'owner: &a platform'),
  'a merge key': mapping('  <<: { mode: shadow }\n'),
  'a tag': mapping('  mode: !!js/function "enforce"\n'),
  'the name of a prototype as a key': mapping('  __proto__: { mode: shadow }\n'),
  'the name of a constructor as a key': mapping('  constructor: { prototype: { polluted: true } }\n'),
  'a key twice': mapping('  owner: somebody@example.org\n'),
  'thousands of keys': `a:\n${Array.from({ length: 6000 }, (_, at) => `  k${at}: 1`).join('\n')}`,
  'thousands of documents': '---\n{}\n'.repeat(8000),
  'a text of one line': 'a'.repeat(60_000),
  'quotes that never end': `a: "${'\\\\'.repeat(30_000)}`,
  'blanks before a colon': `a${' '.repeat(60_000)}: 1 : 2`,
  'a number beyond all numbers': mapping(`  ttl: { max: ${'9'.repeat(30_000)} }\n`),
  'not-a-number': mapping('  ttl: { max: .nan }\n'),
  'a surrogate alone': mapping('  owner: "\\ud800"\n'),
  'a zero byte': mapping().replace('platform', 'plat\0form'),
  'a condition that is too deep': when(nested(300)),
  'a condition that costs too much': when(
    'identity.claims.exists(a, identity.claims.exists(b, identity.claims.exists(c, identity.claims.exists(d, a == d))))',
  ),
  'a condition whose pattern would explode': when(
    `"${'a'.repeat(40)}".matches("(((((a{1,90}){1,90}){1,90}){1,90})*)*b")`,
  ),
  'a condition that is no program': when('identity.namespace == '),
  'a condition that calls what is not there': when('process.exit(1)'),
};

describe('a hostile document at the admin API', () => {
  test.each(Object.entries(HOSTILE))('is refused with what is wrong and changes nothing: %s', async (_, text) => {
    const before = await mappings();
    const { status, type, body } = await put(text);
    expect(status, JSON.stringify(body)).toBe(422);
    expect(type).toBe('application/problem+json');
    expect(body['faults']).toContainEqual(expect.objectContaining({ message: expect.any(String), severity: 'error' }));
    expect(await mappings()).toEqual(before);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  test('is refused before it is read when it is larger than any document', async () => {
    const { status, body } = await put(`${mapping()}# ${'x'.repeat(70_000)}`);
    expect(status).toBe(413);
    expect(body['type']).toBe('urn:carnet:problem:too-large');
  });

  test('is met as one of explain too, which tells nothing of its values', async () => {
    for (const text of Object.values(HOSTILE)) {
      const { status } = await askAdmin(carnet.url, 'explain', {
        token: owner(),
        method: 'POST',
        body: text,
        headers: { 'content-type': 'application/yaml' },
      });
      expect(status).toBe(422);
    }
  });

  test.each([
    ['commas', `[${','.repeat(900_000)}]`, 'must not hold more than 30000 names, values and signs'],
    ['anchors', 'a: &a [x]\nb: *a\n'.repeat(30_000), 'must not hold more than 30000 names, values and signs'],
    [
      'keys',
      mapping(Array.from({ length: 40_000 }, (_, at) => `  k${at}: 1\n`).join('')),
      'must not hold more than 30000 names, values and signs',
    ],
    ['documents', '---\na: 1\n'.repeat(400_000), 'must not hold more than 40000 documents'],
    ['documents without anything', '---\n'.repeat(1_000_000), 'must not hold more than 40000 documents'],
  ])(
    'of megabytes of %s is refused as a set and as what is replayed, long before it is read to its end',
    async (_, text, message) => {
      for (const path of ['apply?set=hostile', 'replay?window=1d']) {
        const headers = { 'content-type': 'application/yaml' };
        const { status, body } = await askAdmin(carnet.url, path, {
          token: owner(),
          method: 'POST',
          body: text,
          headers,
        });
        expect([path, status]).toEqual([path, 422]);
        expect(body['faults']).toContainEqual(expect.objectContaining({ message }));
      }
    },
  );

  test('is no cause of a 5xx, whatever is changed in a sound one', async () => {
    const sound = mapping('  when: identity.namespace == "payments"\n');
    const change = fc.record({
      at: fc.nat(sound.length),
      remove: fc.nat(12),
      insert: fc.oneof(
        fc.constantFrom(
          '&a ',
          '*a',
          '<<: ',
          '!!int ',
          '{',
          '}',
          '[',
          ']',
          ': ',
          '\n',
          '\t',
          '"',
          "'",
          '|',
          '>',
          '0x',
          '~',
        ),
        fc.string({ unit: 'binary', maxLength: 6 }),
      ),
    });
    let written = 0;
    await fc.assert(
      fc.asyncProperty(change, async ({ at, remove, insert }) => {
        const { status } = await put(sound.slice(0, at) + insert + sound.slice(at + remove));
        if (status === 201) {
          written += 1;
          await askAdmin(carnet.url, 'mappings/hostile', {
            token: owner(),
            method: 'DELETE',
            headers: { 'if-match': `${(await askAdmin(carnet.url, 'mappings/hostile', { token: owner() })).etag}` },
          });
        }
        expect([201, 422, 400]).toContain(status);
      }),
      { numRuns: 300 },
    );
    // Changes in a value are sound, so both kinds of answer have been seen.
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThan(300);
  });

  test('leaves the way free for a sound one', async () => {
    expect((await put(mapping('', 'sound'), 'sound')).status).toBe(201);
  });
});
