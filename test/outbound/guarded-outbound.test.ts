import type { RequestListener } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Resolve } from '../../src/outbound/checked-lookup.ts';
import { createOutbound, type OutboundDeps } from '../../src/outbound/guarded-outbound.ts';
import { type Outbound, OutboundError, type OutboundRequest } from '../../src/outbound/outbound.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { loopbackCertificate, type TestCertificate } from '../support/certificate-authority.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type CountedServer, startCountedServer } from './counted-server.ts';

const NAME = 'idp.test';
let certificate: TestCertificate;
const cleanups: (() => Promise<void>)[] = [];

beforeAll(async () => {
  certificate = await loopbackCertificate(NAME, [NAME]);
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(handler: RequestListener): Promise<CountedServer> {
  const tls = { cert: certificate.cert, key: certificate.key };
  const server = await startCountedServer({ handler, tls });
  cleanups.push(() => server.close());
  return server;
}

async function servePlain(handler: RequestListener): Promise<CountedServer> {
  const server = await startCountedServer({ handler });
  cleanups.push(() => server.close());
  return server;
}

function open(deps: Partial<OutboundDeps>): Outbound {
  const outbound = createOutbound({ allowOrigins: [], allowLoopbackHttp: false, metrics: createMetrics(), ...deps });
  cleanups.push(() => outbound.close());
  return outbound;
}

/** Over https to the test's own name, which the resolver double puts on loopback and the rules list. */
function openTo(server: CountedServer, deps: Partial<OutboundDeps> = {}) {
  const origin = `https://${NAME}:${server.port}`;
  const outbound = open({ allowOrigins: [origin], resolve: resolvesTo('127.0.0.1'), ...deps });
  const get = (more: Partial<OutboundRequest> = {}) =>
    outbound.request({ url: `${origin}/keys`, ca: certificate.ca, purpose: 'test', ...more });
  return { outbound, get };
}

function resolvesTo(...addresses: readonly string[]): Resolve & { calls: number } {
  const resolve = async () => {
    resolve.calls += 1;
    return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  };
  resolve.calls = 0;
  return resolve;
}

async function failureOf(promise: Promise<unknown>): Promise<OutboundError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof OutboundError)) throw new Error('an OutboundError was expected', { cause: error });
  return error;
}

const ok: RequestListener = (_request, response) => {
  response.end('{"keys":[]}');
};

describe('an answer', () => {
  test.each([
    ['no HTTP', 'hello\r\n\r\n'],
    ['HTTP with headers without end', `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(100_000)}\r\n\r\n`],
    ['HTTP with a broken body', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'],
  ])('of %s is refused, and is not taken for silence', async (_, said) => {
    const server = await serve((_request, response) => void response.socket?.end(said));
    const error = await failureOf(openTo(server).get());
    expect([error.failure, error.message]).toEqual(['blocked', expect.stringContaining('does not answer in HTTP')]);
    expect(error.message).not.toContain('hello');
  });

  test('comes with status, lower-case headers and body, whatever the status', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(503, { 'X-Thing': 'a', 'Set-Cookie': ['id=1', 'id=2'] }).end('busy');
    });
    const answer = await openTo(server).get();
    expect(answer).toMatchObject({ status: 503, headers: { 'x-thing': 'a' } });
    expect(answer.body.toString()).toBe('busy');
  });

  test('leaves no cookie behind, neither in the answer nor in the next request (V12)', async () => {
    const cookies: (string | undefined)[] = [];
    const server = await serve((request, response) => {
      cookies.push(request.headers.cookie);
      response.writeHead(200, { 'set-cookie': 'id=1' }).end('{}');
    });
    const { get } = openTo(server);
    expect((await get()).headers).not.toHaveProperty('set-cookie');
    await get({ headers: { Cookie: 'mine=1' } });
    expect(cookies).toEqual([undefined, undefined]);
  });

  test('may be 304, which answers a conditional request and leads nowhere', async () => {
    const server = await serve((request, response) => {
      response.writeHead(request.headers['if-none-match'] === '"1"' ? 304 : 200).end();
    });
    expect((await openTo(server).get({ headers: { 'If-None-Match': '"1"' } })).status).toBe(304);
  });

  test('of a POST comes after the body arrived whole, sent to the host of the URL and no other', async () => {
    const server = await serve((request, response) => {
      request.toArray().then((chunks) => response.end(`${request.method} ${request.headers.host} ${chunks.join('')}`));
    });
    const answer = await openTo(server).get({ method: 'POST', body: 'a=b', headers: { host: 'evil.test' } });
    expect(answer.body.toString()).toBe(`POST ${NAME}:${server.port} a=b`);
  });
});

describe('the protocol', () => {
  test('is HTTP/1.1, where a server offers HTTP/2 too', async () => {
    const { cert, key } = certificate;
    const server = createSecureServer({ cert, key, allowHTTP1: true }, (request, response) => {
      response.end(request.httpVersion);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const origin = `https://${NAME}:${(server.address() as AddressInfo).port}`;
    const outbound = open({ allowOrigins: [origin], resolve: resolvesTo('127.0.0.1') });
    const answer = await outbound.request({ url: origin, ca: certificate.ca, purpose: 'test' });
    expect(answer.body.toString()).toBe('1.1');
    await outbound.close();
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('a redirect', () => {
  test.each([301, 302, 303, 307, 308, 300])('%i is refused and not followed (V12)', async (status) => {
    const goal = await serve(ok);
    const server = await serve((_request, response) => {
      response.writeHead(status, { location: `https://${NAME}:${goal.port}/` }).end();
    });
    expect((await failureOf(openTo(server).get())).failure).toBe('redirect');
    expect(goal.connections()).toBe(0);
  });
});

describe('the size of an answer', () => {
  const bomb = gzipSync(Buffer.alloc(50_000_000));

  test('may be the cap to the byte, and one byte more is refused (V12)', async () => {
    const server = await serve((request, response) => {
      // Headers first, so that no Content-Length gives the size away.
      response.flushHeaders();
      response.end('x'.repeat(Number(new URL(request.url ?? '', 'https://a').searchParams.get('n'))));
    });
    const { outbound } = openTo(server);
    const get = (n: number) =>
      outbound.request({
        url: `https://${NAME}:${server.port}/?n=${n}`,
        ca: certificate.ca,
        maxBytes: 1000,
        purpose: 'test',
      });
    expect((await get(1000)).body).toHaveLength(1000);
    expect((await failureOf(get(1001))).failure).toBe('too_large');
  });

  test('of 60 MB is refused after little more than the cap was sent (V12)', async () => {
    let sent = 0;
    let closed: () => void;
    const gone = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const server = await serve((_request, response) => {
      const chunk = Buffer.alloc(64 * 1024, 'x');
      const write = () => {
        while (sent < 60_000_000) {
          sent += chunk.length;
          if (!response.write(chunk)) return response.once('drain', write);
        }
        return response.end();
      };
      response.on('close', () => closed());
      write();
    });
    expect((await failureOf(openTo(server).get())).failure).toBe('too_large');
    await gone;
    expect(sent).toBeLessThan(30_000_000);
  });

  test('is refused by its Content-Length, before the body is read', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': '60000000' }).write('x');
    });
    expect((await failureOf(openTo(server).get())).failure).toBe('too_large');
  });

  test.each(['gzip', 'GZIP', 'br', 'deflate', 'identity, gzip'])(
    'cannot grow: a body in %s is refused and was not asked for (V12)',
    async (encoding) => {
      let asked: string | undefined;
      const server = await serve((request, response) => {
        asked = request.headers['accept-encoding'];
        response.writeHead(200, { 'content-encoding': encoding }).end(bomb);
      });
      const request = openTo(server).get({ headers: { 'Accept-Encoding': 'gzip' } });
      expect((await failureOf(request)).failure).toBe('blocked');
      expect(asked).toBe('identity');
    },
  );
});

describe('the deadline', () => {
  test('ends a body that drips (V12)', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('x'), 5);
      response.on('close', () => clearInterval(drip));
    });
    expect((await failureOf(openTo(server).get({ timeoutMs: 80 }))).failure).toBe('timeout');
  });

  test('ends a server that accepts and says nothing', async () => {
    const server = await serve(() => undefined);
    expect((await failureOf(openTo(server).get({ timeoutMs: 80 }))).failure).toBe('timeout');
  });

  test('ends a name server that never answers', async () => {
    const server = await serve(ok);
    const { get } = openTo(server, { resolve: () => new Promise(() => undefined) });
    expect((await failureOf(get({ timeoutMs: 80 }))).failure).toBe('timeout');
    expect(server.connections()).toBe(0);
  });
});

describe('addresses from DNS', () => {
  test.each([
    ['a private address', ['127.0.0.1']],
    ['a private address among public ones', ['8.8.8.8', '127.0.0.1']],
    ['an IPv4-mapped one', ['::ffff:127.0.0.1']],
    ['a NAT64 one', ['64:ff9b::7f00:1']],
    ['a zone', ['fe80::1%lo']],
  ])('that hold %s block an origin that is not listed, before any connection (V12)', async (_case, addresses) => {
    const server = await serve(ok);
    const { get } = openTo(server, { allowOrigins: [], resolve: resolvesTo(...addresses) });
    const error = await failureOf(get());
    expect(error.failure).toBe('blocked');
    expect(error.message).not.toMatch(/127\.0|7f00|keys/);
    expect(server.connections()).toBe(0);
  });

  test('hold for localhost too, which needs no name server (V12)', async () => {
    const server = await serve(ok);
    const outbound = open({});
    const request = outbound.request({ url: `https://localhost:${server.port}/`, purpose: 'test', ca: certificate.ca });
    expect((await failureOf(request)).failure).toBe('blocked');
    expect(server.connections()).toBe(0);
  });

  test('are asked once per connection and that answer is connected to, so that a rebound name is blocked (V12)', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { connection: 'close' }).end();
    });
    const answers = ['127.0.0.1', '169.254.169.254'];
    let asked = 0;
    const resolve: Resolve = async () => [{ address: answers[asked++] ?? '', family: 4 }];
    const { get } = openTo(server, { resolve });
    expect((await get()).status).toBe(200);
    expect(asked).toBe(1);
    expect((await failureOf(get())).failure).toBe('blocked');
    expect(asked).toBe(2);
    expect(server.requests()).toBe(1);
  });

  test('are asked once for sockets that open together', async () => {
    const server = await serve(ok);
    const resolve = resolvesTo('127.0.0.1');
    const { get } = openTo(server, { resolve });
    await Promise.all(Array.from({ length: 10 }, () => get()));
    expect(server.connections()).toBeGreaterThan(1);
    expect(resolve.calls).toBe(1);
  });

  test('that are none make the origin unreachable', async () => {
    const server = await serve(ok);
    const { get } = openTo(server, { resolve: resolvesTo() });
    expect(await failureOf(get())).toMatchObject({ failure: 'unreachable' });
  });

  test('of plain http must be loopback, even where the origin is listed', async () => {
    const outbound = open({
      allowOrigins: ['http://cluster.test:8080'],
      allowLoopbackHttp: true,
      resolve: resolvesTo('10.0.0.1'),
    });
    const request = outbound.request({ url: 'http://cluster.test:8080/', purpose: 'test' });
    expect((await failureOf(request)).failure).toBe('blocked');
  });
});

describe('outbound.allowOrigins', () => {
  test('allows no other port of the same host (V12)', async () => {
    const [listed, other] = [await serve(ok), await serve(ok)];
    const { outbound, get } = openTo(listed);
    expect((await get()).status).toBe(200);
    const request = outbound.request({
      url: `https://${NAME}:${other.port}/`,
      ca: certificate.ca,
      purpose: 'test',
    });
    expect((await failureOf(request)).failure).toBe('blocked');
    expect(other.connections()).toBe(0);
  });

  test('allows plain http on loopback under development, and not otherwise', async () => {
    const server = await servePlain(ok);
    const url = `http://127.0.0.1:${server.port}`;
    const request = { url: `${url}/`, purpose: 'test' };
    expect((await open({ allowOrigins: [url], allowLoopbackHttp: true }).request(request)).status).toBe(200);
    expect((await failureOf(open({ allowOrigins: [url] }).request(request))).failure).toBe('blocked');
    expect((await failureOf(open({ allowLoopbackHttp: true }).request(request))).failure).toBe('blocked');
    expect(server.requests()).toBe(1);
  });

  test('with something that is no origin stops the construction', () => {
    expect(() => open({ allowOrigins: ['idp.corp'] })).toThrow(/not an origin/);
  });
});

describe('proxies and other environment', () => {
  test('are ignored (V12)', async () => {
    const proxy = await servePlain(ok);
    const server = await serve(ok);
    const names = ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NODE_USE_ENV_PROXY'];
    const before = names.map((name) => [name, process.env[name]] as const);
    for (const name of names) process.env[name] = `http://127.0.0.1:${proxy.port}`;
    process.env['NODE_USE_ENV_PROXY'] = '1';
    try {
      expect((await openTo(server).get()).status).toBe(200);
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
    expect(proxy.connections()).toBe(0);
    expect(server.requests()).toBe(1);
  });

  test('cannot turn off the check of certificates', async () => {
    const server = await serve(ok);
    const stranger = await loopbackCertificate('stranger', [NAME]);
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      expect((await failureOf(openTo(server).get({ ca: stranger.ca }))).failure).toBe('untrusted');
    } finally {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
    }
    expect(server.requests()).toBe(0);
  });
});

describe('the roots of a request', () => {
  test('are the only ones that count: another root is refused, also on a warm origin (K10)', async () => {
    const server = await serve(ok);
    const stranger = await loopbackCertificate('stranger', [NAME]);
    const { get } = openTo(server);
    expect((await get()).status).toBe(200);
    expect((await failureOf(get({ ca: stranger.ca }))).failure).toBe('untrusted');
    expect(server.requests()).toBe(1);
  });

  test.each(['', 'not a certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])(
    'that hold no certificate trust nothing, not the system: %j (K10)',
    async (ca) => {
      const server = await serve(ok);
      expect((await failureOf(openTo(server).get({ ca }))).failure).toBe('blocked');
      expect(server.requests()).toBe(0);
    },
  );

  test('absent are the system roots, which do not know a test certificate', async () => {
    const server = await serve(ok);
    const origin = `https://${NAME}:${server.port}`;
    const outbound = open({ allowOrigins: [origin], resolve: resolvesTo('127.0.0.1') });
    const error = await failureOf(outbound.request({ url: `${origin}/secret-path`, purpose: 'test' }));
    expect(error.failure).toBe('untrusted');
    expect(error.message).not.toContain('secret-path');
    expect(server.requests()).toBe(0);
  });

  test('do not help a server with a certificate for another name', async () => {
    const server = await serve(ok);
    const origin = `https://other.test:${server.port}`;
    const outbound = open({ allowOrigins: [origin], resolve: resolvesTo('127.0.0.1') });
    const request = outbound.request({ url: origin, ca: certificate.ca, purpose: 'test' });
    expect((await failureOf(request)).failure).toBe('untrusted');
    expect(server.requests()).toBe(0);
  });
});

describe('an origin in trouble', () => {
  /** A server that answers when it is told to: how each request ends, in the order in which they came. */
  async function holding() {
    const arrived: { readonly path: string; readonly finish: () => void }[] = [];
    const server = await serve((request, response) => {
      arrived.push({ path: request.url ?? '', finish: () => response.end() });
    });
    const { outbound } = openTo(server);
    const get = (path: string, more: Partial<OutboundRequest> = {}) =>
      outbound.request({
        url: `https://${NAME}:${server.port}/${path}`,
        ca: certificate.ca,
        purpose: path,
        timeoutMs: 60_000,
        ...more,
      });
    const busy = Array.from({ length: 64 }, () => get('first'));
    await expect.poll(() => arrived.length).toBe(64);
    /** Ends everything that is there and still comes. */
    const finishAll = async (requests: readonly Promise<unknown>[]) => {
      let ended = 0;
      const all = Promise.all(requests).finally(() => {
        ended = Number.POSITIVE_INFINITY;
      });
      while (ended !== Number.POSITIVE_INFINITY) {
        for (const { finish } of arrived.slice(ended)) finish();
        ended = arrived.length;
        await new Promise((resolve) => setImmediate(resolve));
      }
      return await all;
    };
    return { arrived, get, busy, finishAll };
  }

  test('gets 64 requests at once: one more waits until one of them has ended', async () => {
    const { arrived, get, busy, finishAll } = await holding();
    const more = get('more');
    await get('nothing', { timeoutMs: 50 }).catch(() => undefined);
    expect(arrived).toHaveLength(64);
    arrived[0]?.finish();
    await expect.poll(() => arrived.map(({ path }) => path).slice(64)).toEqual(['/more']);
    await finishAll([...busy, more]);
  });

  test('has a line of 448 before it, and who finds no place there is refused at once', async () => {
    const { get, busy, finishAll } = await holding();
    const waiting = Array.from({ length: 448 }, () => get('more'));
    expect((await failureOf(get('more'))).failure).toBe('overloaded');
    const answers = (await finishAll([...busy, ...waiting])) as readonly { readonly status: number }[];
    expect(answers.map(({ status }) => status)).toEqual(Array(512).fill(200));
  });

  test('is not waited for beyond the deadline, and then is not asked either', async () => {
    const { arrived, get, busy, finishAll } = await holding();
    const late = await failureOf(get('late', { timeoutMs: 50 }));
    expect([late.failure, late.message]).toEqual(['overloaded', expect.stringContaining('too many requests')]);
    await finishAll([...busy, get('after')]);
    expect(arrived.map(({ path }) => path).slice(64)).toEqual(['/after']);
  });

  test('is asked for every purpose in turn, however many requests of one wait', async () => {
    const { arrived, get, busy, finishAll } = await holding();
    const reviews = Array.from({ length: 20 }, () => get('reviews'));
    const keys = get('keys');
    arrived[0]?.finish();
    await expect.poll(() => arrived.length).toBe(65);
    arrived[1]?.finish();
    await expect.poll(() => arrived.map(({ path }) => path).slice(64)).toEqual(['/reviews', '/keys']);
    await finishAll([...busy, ...reviews, keys]);
  });

  test('does not slow another: each has its own 64', async () => {
    const stuck = await serve(() => undefined);
    const well = await serve(ok);
    const origins = [stuck, well].map(({ port }) => `https://${NAME}:${port}`);
    const outbound = open({ allowOrigins: origins, resolve: resolvesTo('127.0.0.1') });
    const get = (url = '') => outbound.request({ url, ca: certificate.ca, purpose: 'test' });
    const held = Array.from({ length: 64 }, () => failureOf(get(origins[0])));
    expect((await get(origins[1])).status).toBe(200);
    await stuck.close();
    await Promise.all(held);
  });

  test('is left alone for ten seconds after five failures, then one probe decides', async () => {
    const clock = new FakeClock();
    const resolve = Object.assign(
      async () => {
        resolve.calls += 1;
        if (resolve.down) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
        return [{ address: '127.0.0.1', family: 4 }];
      },
      { calls: 0, down: true },
    );
    const server = await serve(ok);
    const { get } = openTo(server, { clock, resolve });
    for (let n = 0; n < 5; n += 1) expect((await failureOf(get())).message).toContain('ENOTFOUND');
    expect((await failureOf(get())).failure).toBe('unreachable');
    expect(resolve.calls).toBe(5);
    clock.advance(10_000);
    const [probe, second] = [get(), get()].map(failureOf);
    await probe;
    await second;
    expect(resolve.calls).toBe(6);
    resolve.down = false;
    expect((await failureOf(get())).failure).toBe('unreachable');
    clock.advance(10_000);
    expect((await get()).status).toBe(200);
    expect((await get()).status).toBe(200);
  });

  test('answers with an error status five times and is still asked: an answer is no failure', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(500).end();
    });
    const { get } = openTo(server, { clock: new FakeClock() });
    for (let n = 0; n < 7; n += 1) expect((await get()).status).toBe(500);
  });
});

describe('the way out itself', () => {
  test('counts every outcome under its purpose', async () => {
    const metrics = createMetrics();
    const server = await serve(ok);
    const { outbound, get } = openTo(server, { metrics });
    await get({ purpose: 'jwks' });
    await failureOf(outbound.request({ url: 'http://a/', purpose: 'jwks' }));
    const { values } = await metrics.outbound.get();
    expect(values).toEqual([
      expect.objectContaining({ labels: { purpose: 'jwks', outcome: 'answer' }, value: 1 }),
      expect.objectContaining({ labels: { purpose: 'jwks', outcome: 'blocked' }, value: 1 }),
    ]);
  });

  test('reuses its connections to an origin', async () => {
    const server = await serve(ok);
    const { get } = openTo(server);
    for (let n = 0; n < 20; n += 1) await get();
    expect(server.connections()).toBeLessThanOrEqual(2);
  });

  test('lets nothing out once it is closed', async () => {
    const server = await serve(ok);
    const { outbound, get } = openTo(server);
    await get();
    await outbound.close();
    expect((await failureOf(get())).failure).toBe('overloaded');
    expect(server.requests()).toBe(1);
  });
});
