import type { RequestListener, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { describe, expect, type TestContext, test } from 'vitest';
import type { Resolve } from '../../src/outbound/checked-lookup.ts';
import { createOutbound } from '../../src/outbound/guarded-outbound.ts';
import type { TrustedIssuer } from '../../src/resources/issuers.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { createIssuerKeys } from '../../src/verifiers/issuer-keys.ts';
import { memoryKeyOwnership } from '../../src/verifiers/key-ownership.ts';
import { newKey } from '../fakes/cluster-keys.ts';
import { type CountedServer, startCountedServer } from '../outbound/counted-server.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { ciIssuer } from '../verifiers/issuers-under-test.ts';

const key = newKey('ES256', 'k1');
const JWKS = JSON.stringify({ keys: [key.jwk] });
const JSON_TYPE = { 'content-type': 'application/json' };

interface World {
  readonly context: TestContext;
  /** Origins in `outbound.allowOrigins`, beside none. */
  readonly allowOrigins?: readonly string[];
  readonly resolve?: Resolve;
}

/** Keys over the real way out; `find` is one lookup of k1 that may fetch. */
function keysOver({ context, allowOrigins = [], resolve }: World) {
  const metrics = createMetrics();
  const clock = new FakeClock();
  const outbound = createOutbound({
    allowOrigins,
    allowLoopbackHttp: true,
    metrics,
    clock,
    ...(resolve && { resolve }),
  });
  context.onTestFinished(() => outbound.close());
  const reasons: string[] = [];
  const keys = createIssuerKeys({
    outbound,
    clock,
    metrics,
    ownership: memoryKeyOwnership(() => {}),
    random: () => 1,
    onFailure: (_, reason) => reasons.push(reason),
  });
  const find = async (issuer: TrustedIssuer) => (await keys.find(issuer, 'k1', 'seek')).found;
  return { find, clock, reasons };
}

async function server(context: TestContext, handler: RequestListener): Promise<CountedServer & { origin: string }> {
  const started = await startCountedServer({ handler });
  context.onTestFinished(() => started.close());
  return Object.assign(started, { origin: `http://127.0.0.1:${started.port}` });
}

const issuerAt = (url: string) => ciIssuer('ci', { keys: { kind: 'jwks', url } });

function answers(response: ServerResponse, body: string | Buffer, headers: Record<string, string> = JSON_TYPE): void {
  response.writeHead(200, headers).end(body);
}

/** One issuer whose key set is at a server that answers like this; what 50 lookups at once bring, and at what cost. */
async function lie(context: TestContext, handler: RequestListener) {
  const source = await server(context, handler);
  const { find, reasons, clock } = keysOver({ context, allowOrigins: [source.origin] });
  const issuer = issuerAt(`${source.origin}/jwks`);
  const flood = async () => [...new Set(await Promise.all(Array.from({ length: 50 }, () => find(issuer))))];
  return { flood, reasons, clock, requests: source.requests };
}

describe('a key set from an issuer that lies (V12), requests counted at its end', () => {
  test('that tells the truth is had with one request', async (context) => {
    const { flood, requests, reasons } = await lie(context, (_, response) => answers(response, JWKS));
    expect([await flood(), requests(), reasons]).toEqual([['key'], 1, []]);
  });

  test.for<[string, RequestListener, RegExp]>([
    ['of 60 MB', (_, response) => answers(response, Buffer.alloc(60 * 1024 * 1024, ' ')), /too_large/],
    [
      'of 60 MB that is not announced',
      (_, response) => {
        response.writeHead(200, JSON_TYPE);
        const block = Buffer.alloc(64 * 1024, ' ');
        const more = () => {
          while (!response.destroyed && response.write(block));
        };
        response.on('drain', more);
        more();
      },
      /too_large/,
    ],
    [
      'that unpacks to 60 MB',
      (_, response) =>
        answers(response, gzipSync(Buffer.alloc(60 * 1024 * 1024, ' ')), { ...JSON_TYPE, 'content-encoding': 'gzip' }),
      /compressed/,
    ],
    [
      'that unpacks twice',
      (_, response) => answers(response, gzipSync(gzipSync(JWKS)), { ...JSON_TYPE, 'content-encoding': 'gzip, gzip' }),
      /compressed/,
    ],
    ['of another type', (_, response) => answers(response, JWKS, { 'content-type': 'text/html' }), /JSON type/],
    ['without a type', (_, response) => answers(response, JWKS, {}), /JSON type/],
    [
      'with a private key in it',
      (_, response) => answers(response, JSON.stringify({ keys: [{ ...key.jwk, d: 'AA' }] })),
      /private/,
    ],
    ['with two keys arrays', (_, response) => answers(response, `{"keys":[],${JWKS.slice(1)}`), /refused/],
    ['cut off', (_, response) => answers(response, JWKS.slice(0, -2)), /refused/],
    ['of 65 keys', (_, response) => answers(response, JSON.stringify({ keys: Array(65).fill({}) })), /64 keys/],
    [
      'nested 100,000 deep',
      (_, response) => answers(response, `{"keys":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
      /refused/,
    ],
    ['that comes with 201', (_, response) => response.writeHead(201, JSON_TYPE).end(JWKS), /201/],
    ['that ends the connection', (request) => request.socket.destroy(), /unreachable/],
  ])('%s is refused after one request, and there is a pause', async ([, handler, reason], context) => {
    const { flood, requests, reasons, clock } = await lie(context, handler);
    expect([await flood(), requests()]).toEqual([['unavailable'], 1]);
    expect(reasons).toEqual([expect.stringMatching(reason)]);
    expect([await flood(), requests()]).toEqual([['unavailable'], 1]);
    clock.advance(2000);
    expect([await flood(), requests()]).toEqual([['unavailable'], 2]);
  });

  test('that drips is cut off by the deadline, and asked for once however many wait', async (context) => {
    const { flood, requests, reasons } = await lie(context, (_, response) => {
      response.writeHead(200, JSON_TYPE);
      const drip = setInterval(() => response.write(' '), 50);
      response.on('close', () => clearInterval(drip));
    });
    expect([await flood(), requests()]).toEqual([['unavailable'], 1]);
    expect(reasons).toEqual([expect.stringMatching(/timeout/)]);
  });

  test.for([301, 302, 303, 307, 308])('that is elsewhere (%i) is not followed there', async (status, context) => {
    const elsewhere = await server(context, (_, response) => answers(response, JWKS));
    const { flood, requests, reasons } = await lie(context, (_, response) => {
      response.writeHead(status, { location: `${elsewhere.origin}/jwks` }).end();
    });
    expect([await flood(), requests(), elsewhere.requests()]).toEqual([['unavailable'], 1, 0]);
    expect(reasons).toEqual([expect.stringMatching(/redirect/)]);
  });
});

describe('a discovery document from an issuer that lies (K9, K10, V12)', () => {
  async function discovered(context: TestContext, change: (origin: string) => object) {
    let origin = '';
    const source = await server(context, (request, response) => {
      const document = { issuer: 'https://ci.example.org', jwks_uri: `${origin}/jwks`, ...change(origin) };
      answers(response, request.url === '/jwks' ? JWKS : JSON.stringify(document));
    });
    origin = source.origin;
    const { find, reasons } = keysOver({ context, allowOrigins: [origin] });
    const issuer = ciIssuer('ci', { keys: { kind: 'discovery', url: `${origin}/.well-known/openid-configuration` } });
    return { found: await find(issuer), reasons, requests: source.requests() };
  }

  test('that tells the truth costs two requests', async (context) => {
    expect(await discovered(context, () => ({}))).toEqual({ found: 'key', reasons: [], requests: 2 });
  });

  test.for<[string, (origin: string) => object]>([
    ['names another issuer', () => ({ issuer: 'https://ci.example.org/' })],
    ['names the issuer in other letters', () => ({ issuer: 'https://CI.example.org' })],
    ['names no issuer', () => ({ issuer: undefined })],
    ['names several issuers', () => ({ issuer: ['https://ci.example.org'] })],
    ['sends for the keys to another port', () => ({ jwks_uri: 'http://127.0.0.1:1/jwks' })],
    ['sends for the keys to a metadata service', () => ({ jwks_uri: 'http://169.254.169.254/latest' })],
    ['sends for the keys to a file', () => ({ jwks_uri: 'file:///etc/passwd' })],
    ['sends for the keys with credentials', (origin) => ({ jwks_uri: origin.replace('//', '//user:pw@') })],
    ['has no address of keys', () => ({ jwks_uri: undefined })],
    ['has an address that is none', () => ({ jwks_uri: { href: 'x' } })],
  ])('that %s is the last thing asked for', async ([, change], context) => {
    const { found, reasons, requests } = await discovered(context, change);
    expect([found, reasons.length, requests]).toEqual(['unavailable', 1, 1]);
  });
});

describe('an issuer whose address leads inside (V12), connections counted there', () => {
  const PRIVATE = [
    '127.0.0.1',
    '10.1.2.3',
    '169.254.169.254',
    '::1',
    '::ffff:127.0.0.1',
    '64:ff9b::7f00:1',
    'fd00:ec2::254',
  ];

  test.for(PRIVATE)('by a name that resolves to %s is not connected to', async (address, context) => {
    const inside = await server(context, (_, response) => answers(response, JWKS));
    const resolve: Resolve = async () => [{ address, family: address.includes(':') ? 6 : 4 }];
    const { find, reasons } = keysOver({ context, resolve });
    expect(await find(issuerAt(`https://keys.example.org:${inside.port}/jwks`))).toBe('unavailable');
    expect([inside.connections(), reasons]).toEqual([0, [expect.stringMatching(/^blocked/)]]);
  });

  test('by a name with a public address beside the private one is not connected to', async (context) => {
    const inside = await server(context, (_, response) => answers(response, JWKS));
    const resolve: Resolve = async () => [
      { address: '93.184.216.34', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ];
    const { find, reasons } = keysOver({ context, resolve });
    expect(await find(issuerAt(`https://keys.example.org:${inside.port}/jwks`))).toBe('unavailable');
    expect([inside.connections(), reasons]).toEqual([0, [expect.stringMatching(/^blocked/)]]);
  });

  test('by a name that is rebound is checked at each connection, by the one answer that would be connected to', async (context) => {
    const inside = await server(context, (_, response) => answers(response, JWKS));
    const rebound = ['127.0.0.1', '10.0.0.1', '::ffff:127.0.0.1', '127.0.0.1'];
    let asked = 0;
    const resolve: Resolve = async () => {
      const address = rebound[asked] ?? '127.0.0.1';
      asked += 1;
      return [{ address, family: address.includes(':') ? 6 : 4 }];
    };
    const { find, clock, reasons } = keysOver({ context, resolve });
    const issuer = issuerAt(`https://keys.example.org:${inside.port}/jwks`);
    for (let times = 0; times < 4; times += 1) {
      expect(await find(issuer)).toBe('unavailable');
      clock.advance(60_000);
    }
    expect([asked, inside.connections()]).toEqual([4, 0]);
    for (const reason of reasons) expect(reason).toMatch(/^blocked/);
  });

  test.for([
    '127.0.0.1',
    '127.1',
    '0x7f.1',
    '0177.0.0.1',
    '2130706433',
    '0x7f000001',
    '0',
    '0.0.0.0',
    'localhost',
    'LOCALHOST.',
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[64:ff9b::127.0.0.1]',
    '１２７.0.0.1',
    '127。0。0。1',
  ])('by the spelling %s is not connected to, over http or https', async (host, context) => {
    const inside = await server(context, (_, response) => answers(response, JWKS));
    const resolve: Resolve = async () => [{ address: '127.0.0.1', family: 4 }];
    const { find, reasons } = keysOver({ context, resolve });
    for (const scheme of ['http', 'https']) {
      const issuer = ciIssuer(scheme, { keys: { kind: 'jwks', url: `${scheme}://${host}:${inside.port}/jwks` } });
      expect(await find(issuer)).toBe('unavailable');
    }
    expect(inside.connections()).toBe(0);
    for (const reason of reasons) expect(reason).toMatch(/^blocked/);
    expect(reasons).toHaveLength(2);
  });

  test('is connected to when exactly that origin is allowed, and by no other port of it', async (context) => {
    const inside = await server(context, (_, response) => answers(response, JWKS));
    const { find } = keysOver({ context, allowOrigins: [inside.origin] });
    expect(await find(issuerAt(`${inside.origin}/jwks`))).toBe('key');
    const other = await server(context, (_, response) => answers(response, JWKS));
    const twin = ciIssuer('other', { keys: { kind: 'jwks', url: `${other.origin}/jwks` } });
    expect([await find(twin), other.connections()]).toEqual(['unavailable', 0]);
  });
});
