import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TrustedIssuer } from '../../src/resources/issuers.ts';
import type { KeyLookup } from '../../src/verifiers/held-keys.ts';
import { newKey } from '../fakes/cluster-keys.ts';
import { FakeClock } from '../support/fake-clock.ts';
import {
  clusterIssuer,
  ISS,
  keysUnderTest,
  ScriptedOutbound,
  staticKeys,
  trustedIssuers,
} from './issuers-under-test.ts';

const JWKS = 'https://keys.example.org/jwks';
const DISCOVERY = 'https://keys.example.org/.well-known/openid-configuration';
const k1 = newKey('ES256', 'k1');
const k2 = newKey('ES256', 'k2');
const setOf = (...keys: readonly { jwk: object }[]) => ({ keys: keys.map(({ jwk }) => jwk) });
const fetched = (name = 'edge-7', keys: TrustedIssuer['keys'] = { kind: 'jwks', url: JWKS }) =>
  clusterIssuer(name, { keys });
const minutes = (count: number) => count * 60_000;
const told = (lookup: KeyLookup) => (lookup.found === 'key' ? lookup.key.kid : lookup.found);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'carnet-keys-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** One issuer with key k1 behind a scripted address. */
function one(headers: Record<string, string> = {}) {
  const under = keysUnderTest();
  under.outbound.json(JWKS, setOf(k1), headers);
  const issuer = fetched();
  const find = async (kid: string, effort: 'held' | 'seek' = 'seek') =>
    told(await under.keys.find(issuer, kid, effort));
  /** Lets a refresh that nobody waits for come to its end. */
  const settled = () => new Promise<void>((done) => setImmediate(done));
  return { ...under, issuer, find, settled, fetches: () => under.outbound.requests.length };
}

describe('fetches of keys are counted (V13, K14, K15)', () => {
  test('10,000 concurrent misses cost one fetch', async () => {
    const { outbound, find, fetches } = one();
    let open = () => {};
    outbound.gate = new Promise((done) => {
      open = done;
    });
    const finds = Array.from({ length: 10_000 }, () => find('k1'));
    open();
    expect(new Set(await Promise.all(finds))).toEqual(new Set(['k1']));
    expect(fetches()).toBe(1);
  });

  test('a set within its time costs none', async () => {
    const { clock, find, fetches } = one({ 'cache-control': 'public, max-age=3600' });
    await find('k1');
    clock.advance(minutes(44));
    await find('k1');
    expect(fetches()).toBe(1);
  });

  test('a flood of random kids costs one fetch per 30 s, from a cold start on', async () => {
    const { clock, find, fetches } = one({ 'cache-control': 'max-age=86400' });
    const flood = (from: number) =>
      Promise.all(Array.from({ length: 500 }, (_, index) => find(`random-${from + index}`)));
    expect(new Set(await flood(0))).toEqual(new Set(['absent']));
    expect(fetches()).toBe(1);
    clock.advance(29_999);
    await flood(1000);
    expect(fetches()).toBe(1);
    clock.advance(1);
    await flood(2000);
    await flood(3000);
    expect(fetches()).toBe(2);
    clock.advance(30_000);
    await flood(4000);
    expect(fetches()).toBe(3);
  });

  test('a kid that the source has denied is not asked about again for two minutes, another kid is', async () => {
    const { clock, find, fetches } = one({ 'cache-control': 'max-age=86400' });
    await find('k1');
    clock.advance(30_000);
    await find('ghost');
    expect(fetches()).toBe(2);
    clock.advance(30_000);
    await find('ghost');
    expect(fetches()).toBe(2);
    await find('other');
    expect(fetches()).toBe(3);
    clock.advance(90_000);
    await find('ghost');
    expect(fetches()).toBe(4);
  });

  test('a key published since the last fetch is found once 30 s have passed, although it was missed before (K15)', async () => {
    const { clock, outbound, find, fetches } = one({ 'cache-control': 'max-age=86400' });
    await find('k1');
    outbound.json(JWKS, setOf(k1, k2), { 'cache-control': 'max-age=86400' });
    clock.advance(29_999);
    expect([await find('k2'), fetches()]).toEqual(['absent', 1]);
    clock.advance(1);
    expect([await find('k2'), fetches()]).toEqual(['k2', 2]);
  });

  test('a kid that only an answer from before it was asked about lacks is asked about after 30 s, not after two minutes', async () => {
    const { clock, outbound, find, fetches } = one({ 'cache-control': 'max-age=86400' });
    await find('k1');
    clock.advance(30_000);
    let open = () => {};
    outbound.gate = new Promise((done) => {
      open = done;
    });
    // The one that the source is asked for, and one that comes while it is.
    const [denied, late] = [find('ghost'), find('k2')];
    open();
    expect([await denied, await late, fetches()]).toEqual(['absent', 'absent', 2]);
    outbound.json(JWKS, setOf(k1, k2), { 'cache-control': 'max-age=86400' });
    clock.advance(30_000);
    expect([await find('ghost'), fetches()]).toEqual(['absent', 2]);
    expect([await find('k2'), fetches()]).toEqual(['k2', 3]);
  });

  test('memory alone is asked where memory alone is meant, so that a twin costs no fetch', async () => {
    const { find, fetches } = one();
    expect([await find('k1', 'held'), fetches()]).toEqual(['unavailable', 0]);
    await find('k1');
    expect([await find('k9', 'held'), fetches()]).toEqual(['absent', 1]);
  });
});

describe('the time of a key set', () => {
  test.each([
    ['max-age=10', 60],
    ['max-age=0', 60],
    ['public, max-age=600', 600],
    ['max-age=600, must-revalidate', 600],
    ['max-age=99999999', 86_400],
    ['x-max-age=9000', 300],
    ['max-age=abc', 300],
    ['no-store', 300],
  ])('with %s is %i s, bounded by a minute and a day (K14)', async (cacheControl, seconds) => {
    const { clock, outbound, find } = one({ 'cache-control': cacheControl });
    await find('k1');
    outbound.json(JWKS, setOf(k2));
    clock.advance(seconds * 1000 * 0.89);
    expect(await find('k1')).toBe('k1');
    clock.advance(seconds * 1000 * 0.11 + 1);
    expect(await find('k1')).toBe('absent');
  });

  test('runs out with a withdrawn key gone, not merely due (K17)', async () => {
    const { clock, outbound, find } = one({ 'cache-control': 'max-age=3600' });
    await find('k1');
    outbound.json(JWKS, setOf(k2), { 'cache-control': 'max-age=3600' });
    clock.advance(minutes(60));
    expect(await find('k1')).toBe('absent');
    expect(await find('k2')).toBe('k2');
  });

  test('is renewed ahead in the background', async () => {
    const { clock, find, fetches, settled } = one({ 'cache-control': 'max-age=3600' });
    await find('k1');
    clock.advance(minutes(55));
    expect([await find('k1'), fetches()]).toEqual(['k1', 2]);
    await settled();
    clock.advance(minutes(50));
    await find('k1');
    expect(fetches()).toBe(2);
  });
});

describe('a source that fails (V13)', () => {
  test('is asked again only after a pause, which grows, also before the first success', async () => {
    const { clock, outbound, find, fetches } = one();
    outbound.script.delete(JWKS);
    for (let times = 0; times < 20; times += 1) expect(await find('k1')).toBe('unavailable');
    expect(fetches()).toBe(1);
    clock.advance(2000);
    await find('k1');
    clock.advance(2000);
    await find('k1');
    expect(fetches()).toBe(2);
    clock.advance(2000);
    await find('k1');
    expect(fetches()).toBe(3);
  });

  test('is asked anew after the clock was set back, instead of not until it has caught up', async () => {
    const { clock, outbound, find } = one({ 'cache-control': 'max-age=86400' });
    expect(await find('k1')).toBe('k1');
    clock.advance(-minutes(90));
    outbound.json(JWKS, setOf(k2));
    expect([await find('k2'), await find('k1')]).toEqual(['k2', 'absent']);
    clock.advance(-minutes(90));
    outbound.script.clear();
    expect(await find('k2')).toBe('k2');
    clock.advance(-minutes(90));
    outbound.json(JWKS, setOf(k1));
    expect(await find('k1')).toBe('k1');
  });

  test('is asked anew for a kid that it denied before the clock was set back', async () => {
    const { clock, outbound, find, fetches } = one({ 'cache-control': 'max-age=86400' });
    await find('k1');
    clock.advance(30_000);
    expect([await find('k2'), fetches()]).toEqual(['absent', 2]);
    clock.advance(-minutes(90));
    await find('k1');
    outbound.json(JWKS, setOf(k1, k2), { 'cache-control': 'max-age=86400' });
    clock.advance(30_000);
    expect([await find('k2'), fetches()]).toEqual(['k2', 4]);
  });

  test('counts the time of a set from when it was asked for, however long the answer took (K17)', async () => {
    const { clock, outbound, find } = one({ 'cache-control': 'max-age=60' });
    let open = () => {};
    outbound.gate = new Promise((done) => {
      open = done;
    });
    const first = find('k1');
    clock.advance(20_000);
    open();
    expect(await first).toBe('k1');
    outbound.json(JWKS, setOf(k2));
    clock.advance(39_999);
    expect(await find('k1')).toBe('k1');
    clock.advance(1);
    expect(await find('k1')).toBe('absent');
  });

  test('is not asked for an unknown kid before its pause is over', async () => {
    const { clock, outbound, find, fetches } = one({ 'cache-control': 'max-age=86400' });
    await find('k1');
    outbound.script.delete(JWKS);
    for (let times = 0; times < 6; times += 1) {
      clock.advance(minutes(1));
      await find(`unknown-${times}`);
    }
    expect(fetches()).toBe(7);
    clock.advance(59_999);
    expect([await find('another'), fetches()]).toEqual(['unavailable', 7]);
    clock.advance(1);
    expect([await find('another'), fetches()]).toEqual(['unavailable', 8]);
  });

  test('tells how long to wait, and why, without its address', async () => {
    const { keys, issuer, outbound, failures } = one();
    outbound.script.delete(JWKS);
    const lookup = await keys.find(issuer, 'k1', 'seek');
    expect(lookup).toEqual({ found: 'unavailable', reason: 'unreachable: nothing listens', retryAfterSeconds: 2 });
    expect(failures).toEqual(['edge-7: unreachable: nothing listens']);
  });

  test('lets known keys serve for 24 h beyond their time, and then no longer (K14)', async () => {
    const { clock, outbound, find, settled } = one({ 'cache-control': 'max-age=3600' });
    await find('k1');
    outbound.script.delete(JWKS);
    clock.advance(minutes(60 + 24 * 60) - 1);
    expect(await find('k1')).toBe('k1');
    await settled();
    clock.advance(1);
    expect(await find('k1')).toBe('unavailable');
  });

  test('makes an unknown kid unavailable rather than absent: it may be new', async () => {
    const { clock, outbound, find } = one({ 'cache-control': 'max-age=3600' });
    await find('k1');
    outbound.script.delete(JWKS);
    clock.advance(30_000);
    expect(await find('k2')).toBe('unavailable');
    expect(await find('k1')).toBe('k1');
  });

  test('brings a key that a success has removed never back', async () => {
    const { clock, outbound, find } = one({ 'cache-control': 'max-age=60' });
    await find('k1');
    outbound.json(JWKS, setOf(k2), { 'cache-control': 'max-age=60' });
    clock.advance(minutes(1));
    expect(await find('k1')).toBe('absent');
    outbound.script.delete(JWKS);
    clock.advance(minutes(2));
    expect([await find('k1'), await find('k2')]).toEqual(['unavailable', 'k2']);
  });

  test.each([
    ['an empty set', { keys: [] }],
    ['a set with a private key', { keys: [{ ...k2.jwk, d: 'AAAA' }] }],
    ['a set with one kid twice', { keys: [k2.jwk, k2.jwk] }],
  ])('by answering %s keeps the former set (K16)', async (_, body) => {
    const { clock, outbound, find, keys } = one({ 'cache-control': 'max-age=60' });
    await find('k1');
    outbound.json(JWKS, body);
    clock.advance(minutes(1));
    expect([await find('k1'), await find('k2')]).toEqual(['k1', 'unavailable']);
    expect(keys.state()).toMatchObject([{ ok: false, reason: expect.stringContaining('the key set is refused') }]);
  });

  test('heals without a restart and says so', async () => {
    const { clock, outbound, find, keys, metrics } = one();
    outbound.script.delete(JWKS);
    await find('k1');
    expect(keys.state()).toEqual([
      { issuer: 'edge-7', ok: false, reason: 'unreachable: nothing listens', usableKeys: 0, skippedKeys: 0 },
    ]);
    outbound.json(JWKS, setOf(k1));
    clock.advance(2000);
    expect(await find('k1')).toBe('k1');
    expect(keys.state()).toEqual([
      { issuer: 'edge-7', ok: true, fetchedAt: clock.now(), usableKeys: 1, skippedKeys: 0 },
    ]);
    const counted = (await metrics.keyFetches.get()).values.map(({ labels, value }) => [labels.outcome, value]);
    expect(counted).toEqual([
      ['failed', 1],
      ['ok', 1],
    ]);
    expect((await metrics.keyAgeSeconds.get()).values).toMatchObject([{ value: clock.now() / 1000 }]);
  });

  test('by being slow makes nobody wait whose key is known, once it has failed', async () => {
    const { clock, outbound, find } = one({ 'cache-control': 'max-age=60' });
    await find('k1');
    outbound.script.delete(JWKS);
    clock.advance(minutes(1));
    await find('k1');
    clock.advance(minutes(1));
    outbound.gate = new Promise(() => {});
    expect(await find('k1')).toBe('k1');
  });
});

describe('what answers for keys is read as hostile', () => {
  test.each([
    ['status 500', { status: 500 }, 'jwks: status 500'],
    ['status 403', { status: 403 }, 'system:service-account-issuer-discovery'],
    ['status 401', { status: 401 }, "the API server's own audience"],
    ['status 204', { status: 204 }, 'jwks: status 204'],
    ['a type that is not JSON', { headers: { 'content-type': 'text/html' } }, 'not of a JSON type'],
    ['no type', { headers: {} }, 'not of a JSON type'],
    ['duplicate members', { body: Buffer.from('{"keys":[],"keys":[]}') }, 'a member twice'],
    ['deep nesting', { body: Buffer.from(`{"keys":${'['.repeat(500)}`) }, 'nested too deeply'],
    ['another document', { body: Buffer.from('[]') }, 'not an object'],
  ])('%s is a failure with its reason (V12)', async (_, answer, reason) => {
    const { outbound, keys, issuer } = one();
    const body = Buffer.from(JSON.stringify(setOf(k1)));
    outbound.script.set(JWKS, { body, headers: { 'content-type': 'application/json' }, ...answer });
    expect(await keys.find(issuer, 'k1', 'seek')).toMatchObject({ reason: expect.stringContaining(reason) });
  });

  test.each(['application/json', 'application/jwk-set+json', 'Application/JSON; charset=utf-8'])(
    'the type %s is accepted (V12)',
    async (type) => {
      const { find } = one({ 'content-type': type });
      expect(await find('k1')).toBe('k1');
    },
  );
});

describe('discovery (K9, K10)', () => {
  function discovered(document: object, source: object = {}) {
    const under = keysUnderTest();
    under.outbound.json(DISCOVERY, document);
    under.outbound.json(JWKS, setOf(k1));
    const issuer = fetched('edge-7', { kind: 'discovery', url: DISCOVERY, ...source });
    return { ...under, find: () => under.keys.find(issuer, 'k1', 'seek') };
  }

  test('follows jwks_uri on its own origin', async () => {
    const { find } = discovered({ issuer: ISS, jwks_uri: JWKS });
    expect(told(await find())).toBe('k1');
  });

  test.each([
    ['another issuer', `${ISS}/`],
    ['an issuer in other case', ISS.toUpperCase()],
    ['a list of issuers', [ISS]],
    ['no issuer', undefined],
  ])('refuses a document of %s and asks for no keys (K2, K9)', async (_, issuer) => {
    const { find, outbound } = discovered({ issuer, jwks_uri: JWKS });
    expect(await find()).toMatchObject({ reason: 'the discovery document names another issuer' });
    expect(outbound.requests.length).toBe(1);
  });

  test.each([
    'https://10.0.0.1:6443/openid/v1/jwks',
    'https://keys.example.org:8443/jwks',
    'http://keys.example.org/jwks',
    'https://user:pass@keys.example.org/jwks',
    'https://keys.example.org/jwks#x',
    '/jwks',
    'file:///etc/passwd',
    7,
    undefined,
  ])('never goes to an advertised jwks_uri of %s (V12)', async (jwks_uri) => {
    const { find, outbound } = discovered({ issuer: ISS, jwks_uri });
    expect(told(await find())).toBe('unavailable');
    expect(outbound.requests.map(({ url }) => url)).toEqual([DISCOVERY]);
  });

  test('goes to a configured jwksUri whatever the document says (K10)', async () => {
    const { find, outbound } = discovered({ issuer: ISS, jwks_uri: 'https://10.0.0.1/x' }, { jwksUri: JWKS });
    expect(told(await find())).toBe('k1');
    expect(outbound.requests.map(({ url }) => url)).toEqual([DISCOVERY, JWKS]);
  });

  test('reads bearer and CA anew at each fetch and shows the bearer to its origin (K10)', async () => {
    const [bearerTokenFile, caFile] = [join(folder, 'token'), join(folder, 'ca.pem')];
    const { find, outbound, clock } = discovered({ issuer: ISS, jwks_uri: JWKS }, { bearerTokenFile, caFile });
    await writeFile(caFile, 'CA 1');
    await writeFile(bearerTokenFile, 'first\n');
    await find();
    await writeFile(bearerTokenFile, 'second');
    await writeFile(caFile, 'CA 2');
    clock.advance(minutes(5));
    await find();
    const shown = outbound.requests.map(({ headers, ca }) => [headers?.['authorization'], ca]);
    expect(shown).toEqual([
      ['Bearer first', 'CA 1'],
      ['Bearer first', 'CA 1'],
      ['Bearer second', 'CA 2'],
      ['Bearer second', 'CA 2'],
    ]);
  });

  test('shows the bearer to no other origin, not even a configured one (K10)', async () => {
    const bearerTokenFile = join(folder, 'token');
    await writeFile(bearerTokenFile, 'secret');
    const elsewhere = 'https://bucket.example.net/jwks';
    const { find, outbound } = discovered({ issuer: ISS, jwks_uri: JWKS }, { bearerTokenFile, jwksUri: elsewhere });
    outbound.json(elsewhere, setOf(k1));
    expect(told(await find())).toBe('k1');
    expect(outbound.requests.map(({ headers }) => headers?.['authorization'])).toEqual(['Bearer secret', undefined]);
  });

  test.each([
    ['is missing', undefined, 'bearerTokenFile cannot be read (ENOENT)'],
    ['is empty', '\n', 'bearerTokenFile does not hold one token'],
    ['would add a header', 'token\r\nx-evil: 1', 'bearerTokenFile does not hold one token'],
    ['is huge', 'x'.repeat(20_000), 'bearerTokenFile is larger than 16384 bytes'],
  ])('fails without a request and without naming the path when the bearer file %s', async (_, text, reason) => {
    const bearerTokenFile = join(folder, 'token');
    if (text !== undefined) await writeFile(bearerTokenFile, text);
    const { find, outbound } = discovered({ issuer: ISS, jwks_uri: JWKS }, { bearerTokenFile });
    expect(await find()).toMatchObject({ found: 'unavailable', reason });
    expect(outbound.requests).toEqual([]);
  });
});

describe('static keys (K11)', () => {
  test('cost no request, and an unknown kid costs none either', async () => {
    const { keys, outbound } = keysUnderTest();
    const issuer = clusterIssuer('edge-8', { keys: staticKeys(k1) });
    expect([told(await keys.find(issuer, 'k1', 'seek')), told(await keys.find(issuer, 'k2', 'seek'))]).toEqual([
      'k1',
      'absent',
    ]);
    expect(outbound.requests).toEqual([]);
  });

  test('in a file count as soon as the file has changed, and a bad file keeps the former ones', async () => {
    const jwksFile = join(folder, 'jwks.json');
    const { keys, clock } = keysUnderTest();
    const issuer = clusterIssuer('edge-8', { keys: { kind: 'static', jwksFile } });
    const find = async (kid: string) => told(await keys.find(issuer, kid, 'seek'));
    expect(await find('k1')).toBe('unavailable');
    await writeFile(jwksFile, JSON.stringify(setOf(k1)));
    clock.advance(1000);
    expect(await find('k1')).toBe('k1');
    await writeFile(jwksFile, JSON.stringify(setOf(k2, newKey('ES256', 'k3'))));
    clock.advance(1000);
    expect([await find('k1'), await find('k2')]).toEqual(['absent', 'k2']);
    await writeFile(jwksFile, '{"keys":');
    clock.advance(1000);
    expect([await find('k2'), keys.state()[0]?.ok]).toEqual(['k2', false]);
    await rm(jwksFile);
    clock.advance(1000);
    await find('k2');
    expect(keys.state()[0]?.reason).not.toContain(folder);
  });
});

describe('a change of the configured issuers', () => {
  test('drops what has left, with its metric, and keeps what has stayed', async () => {
    const { keys, outbound, metrics } = keysUnderTest();
    outbound.json(JWKS, setOf(k1));
    outbound.json(`${JWKS}2`, setOf(k2));
    const [stays, leaves] = [fetched('stays'), fetched('leaves', { kind: 'jwks', url: `${JWKS}2` })];
    keys.follow(trustedIssuers(stays, leaves));
    await keys.warm();
    expect([outbound.requests.length, keys.state().map(({ issuer, ok }) => [issuer, ok])]).toEqual([
      2,
      [
        ['leaves', true],
        ['stays', true],
      ],
    ]);
    keys.follow(trustedIssuers(fetched('stays')));
    await keys.warm();
    expect(told(await keys.find(fetched('stays'), 'k1', 'seek'))).toBe('k1');
    expect(outbound.requests.length).toBe(2);
    expect(keys.state().map(({ issuer }) => issuer)).toEqual(['stays']);
    expect((await metrics.keyAgeSeconds.get()).values.map(({ labels }) => labels.issuer)).toEqual(['stays']);
    expect(told(await keys.find(leaves, 'k2', 'seek'))).toBe('unavailable');
    expect(outbound.requests.length).toBe(2);
  });

  test('of a key source starts anew: keys of the former source are gone (V14)', async () => {
    const { keys, outbound } = keysUnderTest();
    outbound.json(JWKS, setOf(k1));
    const [before, after] = [fetched(), clusterIssuer('edge-7', { keys: staticKeys(k2) })];
    keys.follow(trustedIssuers(before));
    await keys.find(before, 'k1', 'seek');
    keys.follow(trustedIssuers(after));
    expect([told(await keys.find(after, 'k1', 'seek')), told(await keys.find(after, 'k2', 'seek'))]).toEqual([
      'absent',
      'k2',
    ]);
  });

  test('is not undone by an answer that was on its way', async () => {
    const { keys, outbound, shared } = keysUnderTest();
    outbound.json(JWKS, setOf(k1));
    let open = () => {};
    outbound.gate = new Promise((done) => {
      open = done;
    });
    const gone = fetched('gone');
    keys.follow(trustedIssuers(gone));
    const late = keys.find(gone, 'k1', 'seek');
    const heir = clusterIssuer('heir', { keys: staticKeys(k1) });
    keys.follow(trustedIssuers(heir));
    open();
    expect(told(await late)).toBe('unavailable');
    expect(told(await keys.find(heir, 'k1', 'seek'))).toBe('k1');
    expect(shared).toEqual([]);
  });

  test('ends a warming that was under way: nothing is fetched for an issuer that has left (V13)', async () => {
    const { keys, outbound } = keysUnderTest();
    let open = () => {};
    outbound.gate = new Promise((done) => {
      open = done;
    });
    const many = Array.from({ length: 20 }, (_, at) => fetched(`c${at}`, { kind: 'jwks', url: `${JWKS}${at}` }));
    keys.follow(trustedIssuers(...many));
    const warming = keys.warm();
    const asked = outbound.requests.length;
    keys.follow(trustedIssuers());
    open();
    await warming;
    expect([asked, outbound.requests.length]).toEqual([8, 8]);
  });

  test('gives the keys of a renamed issuer to the new name, although a request of the old one was under way (V14)', async () => {
    const { keys, outbound, clock } = keysUnderTest();
    outbound.json(JWKS, setOf(k1));
    const [before, after] = [fetched('before'), fetched('after')];
    keys.follow(trustedIssuers(before));
    await keys.find(before, 'k1', 'seek');
    clock.advance(minutes(6));
    let open = () => {};
    outbound.gate = new Promise((done) => {
      open = done;
    });
    const late = keys.find(before, 'k1', 'seek');
    keys.follow(trustedIssuers(after));
    open();
    expect(told(await late)).toBe('unavailable');
    expect(told(await keys.find(after, 'k1', 'seek'))).toBe('k1');
  });

  test('shows issuers whose keys nobody has asked for as not ready, not as absent (K39)', () => {
    const { keys, outbound } = keysUnderTest();
    keys.follow(trustedIssuers(fetched()));
    expect(keys.state()).toMatchObject([{ issuer: 'edge-7', ok: false, reason: 'the keys have not been fetched yet' }]);
    expect(outbound.requests).toEqual([]);
  });
});

describe('a key that two issuers show', () => {
  test('counts for the first alone; the other keeps its other keys, and an alarm is raised (K3)', async () => {
    const { keys, outbound, shared } = keysUnderTest();
    outbound.json(JWKS, setOf(k1));
    outbound.json(`${JWKS}2`, setOf({ jwk: { ...k1.jwk, kid: 'other-name' } }, k2));
    const [first, second] = [fetched('first'), fetched('second', { kind: 'jwks', url: `${JWKS}2` })];
    await keys.find(first, 'k1', 'seek');
    const seen = ['other-name', 'k2'].map(async (kid) => told(await keys.find(second, kid, 'seek')));
    expect(await Promise.all(seen)).toEqual(['absent', 'k2']);
    expect(shared).toMatchObject([{ owner: 'first', other: 'second' }]);
  });

  test('counts for a static holder although another has fetched it before (DESIGN section 5)', async () => {
    const { keys, outbound } = keysUnderTest();
    outbound.json(JWKS, setOf(k1));
    const [fetching, holding] = [fetched('a'), clusterIssuer('b', { keys: staticKeys(k1) })];
    expect(told(await keys.find(fetching, 'k1', 'seek'))).toBe('k1');
    expect(told(await keys.find(holding, 'k1', 'seek'))).toBe('k1');
    expect(told(await keys.find(fetching, 'k1', 'seek'))).toBe('absent');
  });

  test('counts for the other one once its owner is no longer configured', async () => {
    const { keys, outbound } = keysUnderTest();
    outbound.json(JWKS, setOf(k1));
    const [first, second] = [fetched('first'), fetched('second')];
    keys.follow(trustedIssuers(first, second));
    await keys.find(first, 'k1', 'seek');
    expect(told(await keys.find(second, 'k1', 'seek'))).toBe('absent');
    keys.follow(trustedIssuers(second));
    expect(told(await keys.find(second, 'k1', 'seek'))).toBe('k1');
  });

  test('counts for the other one once its static holder gave it up', async () => {
    const { keys, outbound } = keysUnderTest();
    outbound.json(JWKS, setOf(k1));
    const fetching = fetched('a');
    const mistaken = clusterIssuer('b', { keys: staticKeys(k1) });
    const mended = clusterIssuer('b', { keys: staticKeys(k2) });
    keys.follow(trustedIssuers(fetching, mistaken));
    expect(told(await keys.find(mistaken, 'k1', 'seek'))).toBe('k1');
    expect(told(await keys.find(fetching, 'k1', 'seek'))).toBe('absent');
    keys.follow(trustedIssuers(fetching, mended));
    expect(told(await keys.find(mended, 'k2', 'seek'))).toBe('k2');
    expect(told(await keys.find(fetching, 'k1', 'seek'))).toBe('k1');
  });

  test('counts for both where their tokens name different issuers: copying published keys takes nothing away', async () => {
    const { keys, outbound, shared } = keysUnderTest();
    outbound.json(JWKS, setOf(k1));
    const [copying, copied] = [fetched('tenant'), { ...fetched('ci'), issuer: 'https://ci.example.org' }];
    keys.follow(trustedIssuers(copying, copied));
    expect(told(await keys.find(copying, 'k1', 'seek'))).toBe('k1');
    expect(told(await keys.find(copied, 'k1', 'seek'))).toBe('k1');
    expect(shared).toEqual([]);
  });

  test('counts for one where a previous issuer of the one is the issuer of the other (K3)', async () => {
    const { keys, outbound, shared } = keysUnderTest();
    outbound.json(JWKS, setOf(k1));
    const previousIssuers = [{ issuer: ISS, notAfter: Number.POSITIVE_INFINITY }];
    const [first, second] = [fetched('a'), { ...fetched('b'), issuer: 'https://b.example.org', previousIssuers }];
    keys.follow(trustedIssuers(first, second));
    expect(told(await keys.find(first, 'k1', 'seek'))).toBe('k1');
    expect(told(await keys.find(second, 'k1', 'seek'))).toBe('absent');
    expect(shared).toMatchObject([{ owner: 'a', other: 'b' }]);
  });

  test('counts for one where both have the same issuer and the other has a previous one beside it (K3)', async () => {
    const { keys, outbound } = keysUnderTest();
    outbound.json(JWKS, setOf(k1));
    const previousIssuers = [{ issuer: 'https://b.example.org', notAfter: Number.POSITIVE_INFINITY }];
    const [first, second] = [fetched('a'), { ...fetched('b'), previousIssuers }];
    keys.follow(trustedIssuers(first, second));
    expect(told(await keys.find(first, 'k1', 'seek'))).toBe('k1');
    expect(told(await keys.find(second, 'k1', 'seek'))).toBe('absent');
  });

  test('counts under a name that a reload gave to its issuer (V14)', async () => {
    const { keys, outbound, shared } = keysUnderTest();
    outbound.json(JWKS, setOf(k1));
    const before = { ...fetched('a'), issuer: 'https://new.example.org' };
    const after = { ...before, previousIssuers: [{ issuer: ISS, notAfter: Number.POSITIVE_INFINITY }] };
    keys.follow(trustedIssuers(before));
    await keys.find(before, 'k1', 'seek');
    keys.follow(trustedIssuers(after, fetched('twin')));
    expect(told(await keys.find(after, 'k1', 'held'))).toBe('k1');
    expect(told(await keys.find(fetched('twin'), 'k1', 'seek'))).toBe('absent');
    expect(shared).toMatchObject([{ owner: 'a', other: 'twin' }]);
  });
});

describe('waiting for an issuer that does not answer', () => {
  test('is for so many lookups; the others are told to come back, and other issuers are found', async () => {
    const { keys, outbound } = keysUnderTest(new FakeClock(), new ScriptedOutbound(), 3);
    const [hanging, healthy] = [fetched('a'), fetched('b', { kind: 'jwks', url: `${JWKS}2` })];
    outbound.json(JWKS, setOf(k1));
    outbound.json(`${JWKS}2`, setOf(k2));
    let open = () => {};
    const hang = new Promise<void>((done) => {
      open = done;
    });
    outbound.gates.set(JWKS, hang);
    const waiting = [1, 2, 3].map(() => keys.find(hanging, 'k1', 'seek'));
    expect(await keys.find(hanging, 'k1', 'seek')).toEqual({
      found: 'unavailable',
      reason: 'too many wait for the keys of the issuer',
      retryAfterSeconds: 1,
    });
    expect(told(await keys.find(healthy, 'k2', 'seek'))).toBe('k2');
    open();
    expect((await Promise.all(waiting)).map(told)).toEqual(['k1', 'k1', 'k1']);
    expect(told(await keys.find(hanging, 'k1', 'seek'))).toBe('k1');
  });

  test('for unknown kids keeps no known key back, and an unknown kid beyond them is no wrong 400', async () => {
    const { keys, outbound, clock } = keysUnderTest(new FakeClock(), new ScriptedOutbound(), 3);
    const issuer = fetched();
    outbound.json(JWKS, setOf(k1), { 'cache-control': 'max-age=86400' });
    await keys.find(issuer, 'k1', 'seek');
    clock.advance(minutes(1));
    outbound.gates.set(JWKS, new Promise(() => {}));
    for (const kid of ['x', 'y', 'z']) void keys.find(issuer, kid, 'seek');
    expect(told(await keys.find(issuer, 'k1', 'seek'))).toBe('k1');
    expect(told(await keys.find(issuer, 'k2', 'seek'))).toBe('unavailable');
  });
});
