import { once } from 'node:events';
import { METHODS } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { errorBody } from '../../src/routes/schemas/errors.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { credential, type Door, FORM_TYPE, formBody, openDoor, post, send, sendRaw, TOKEN } from './door-fixture.ts';

const SERVED: Readonly<Record<string, readonly string[]>> = {
  'GET /livez': ['public', 'workload', 'admin', 'all'],
  'GET /readyz': ['public', 'workload', 'admin', 'all'],
  'GET /.well-known/openid-configuration': ['public', 'workload', 'all'],
  'GET /.well-known/jwks.json': ['public', 'workload', 'all'],
  'GET /svid/.well-known/jwks.json': ['public', 'workload', 'all'],
  'GET /spiffe/bundle': ['public', 'all'],
  'POST /oauth2/token': ['workload', 'all'],
  'GET /sdk/aws/payments': ['workload', 'all'],
  'GET /metrics': ['admin', 'all'],
  'GET /': [],
  'GET /admin/v1/mappings': [],
  'GET /console/': [],
  'GET /docs/': ['admin', 'all'],
};

describe('doors (DESIGN section 9)', () => {
  test.each(['public', 'workload', 'admin', 'all'] as const)(
    '%s serves its own routes and nothing else',
    async (name) => {
      const door = await openDoor({ name });
      for (const [route, doors] of Object.entries(SERVED)) {
        const [method = '', path = ''] = route.split(' ');
        const { status } = await send(door.port, { method, path });
        expect([route, status !== 404]).toEqual([route, doors.includes(name)]);
      }
    },
  );

  test('answer what is not there in the one shape of errors, without a word of the path', async () => {
    const { port } = await openDoor();
    for (const [method, path] of [
      ['GET', '/evil'],
      ['POST', '/evil'],
      ['PROPFIND', '/evil'],
      ['GET', '//livez'],
      ['GET', '/livez/'],
      ['GET', '/LIVEZ'],
    ] as const) {
      const answer = await send(port, { method, path, ...(method === 'POST' ? { body: 'x'.repeat(70_000) } : {}) });
      expect([answer.status, errorBody.parse(answer.json).error]).toEqual([404, 'invalid_request']);
      expect(answer.text).not.toContain('evil');
    }
  });
});

describe('malformed HTTP', () => {
  const body = (answer: string) => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));

  test.each([
    ['no HTTP at all', 'hello\r\n\r\n', 400],
    ['a space in a header name', 'GET /livez HTTP/1.1\r\nHost : x\r\n\r\n', 400],
    ['two lengths', 'POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab', 400],
    [
      'a length and chunks',
      'POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['a bare line feed in a header', 'GET /livez HTTP/1.1\r\nHost: x\r\nA: b\nC: d\r\n\r\n', 400],
    ['a malformed chunk', 'POST /oauth2/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 400],
    ['headers over the limit', `GET /livez HTTP/1.1\r\nHost: x\r\nA: ${'b'.repeat(40_000)}\r\n\r\n`, 431],
  ])('%s is answered in the one shape of errors and the connection closed', async (_name, bytes, status) => {
    const door = await openDoor();
    const answer = await sendRaw(door.port, bytes);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(errorBody.parse(body(answer)).error).toBe('invalid_request');
    expect(answer.toLowerCase()).toContain('cache-control: no-store');
    expect(door.requests).toHaveLength(0);
  });

  test('a request without Host is refused in the one shape of errors; only HTTP/1.0 may do without', async () => {
    const { port, log } = await openDoor();
    const answer = await sendRaw(port, 'GET /livez HTTP/1.1\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.toLowerCase()).toContain('connection: close');
    expect(errorBody.parse(body(answer)).error).toBe('invalid_request');
    expect(log()).toContain('no Host');
    expect(await sendRaw(port, 'GET /livez HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
  });

  test.each([
    ['GET', '/livez', ''],
    ['GET', '/evil', ''],
    ['POST', '/oauth2/token', 'Content-Length: 70000\r\n'],
    ['GET', '/sdk/aws/payments', ''],
    ['PROPFIND', '/metrics', ''],
  ])(
    '%s %s with two Hosts, whatever their case, is refused and its connection closed (RFC 9112 section 3.2)',
    async (method, path, more) => {
      const door = await openDoor();
      const answer = await sendRaw(
        door.port,
        `${method} ${path} HTTP/1.1\r\nHost: x\r\nA: b\r\nhOST: x\r\n${more}\r\n`,
      );
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
      expect(answer.toLowerCase()).toContain('connection: close');
      expect(door.requests).toHaveLength(0);
      expect(door.log()).toContain('more than one Host');
    },
  );

  test('a request with one Host, and with a header whose name is as long, is answered', async () => {
    const { port } = await openDoor();
    const one = 'GET /livez HTTP/1.1\r\nHost: x\r\nFrom: Host\r\nDate: Host\r\nConnection: close\r\n\r\n';
    expect(await sendRaw(port, one)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('what a request expects is passed over where nobody knows it (RFC 9110 section 10.1.1)', async () => {
    const { port } = await openDoor();
    const expecting = (what: string) =>
      `GET /livez HTTP/1.1\r\nHost: x\r\nExpect: ${what}\r\nConnection: close\r\n\r\n`;
    expect(await sendRaw(port, expecting('tea'))).toMatch(/^HTTP\/1\.1 200 /);
    expect(await sendRaw(port, expecting('100-continue'))).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
  });

  test('a request to switch protocols or to open a tunnel gets neither', async () => {
    const { port } = await openDoor();
    const upgrade = 'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n\r\n';
    expect(await sendRaw(port, upgrade)).not.toMatch(/^HTTP\/1\.1 101 /);
    expect(await sendRaw(port, 'CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n')).not.toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('access log', () => {
  test('has a line a request: method, route pattern, status, milliseconds, trace; never the URL', async () => {
    const door = await openDoor();
    const answer = await send(door.port, { path: '/sdk/aws/some-name?evil=1' });
    const trace = /[0-9a-f]{32}/.exec(answer.text)?.[0];
    const lines = door
      .log()
      .split('\n')
      .filter((line) => line.includes('"message":"request"'));
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        level: 'info',
        at: '2026-11-22T09:00:00.000Z',
        traceId: trace,
        door: 'all',
        method: 'GET',
        route: '/sdk/aws/:mapping',
        status: 400,
        durationMs: expect.any(Number),
        message: 'request',
      },
    ]);
    expect(door.log()).not.toMatch(/some-name|evil/);
  });
});

describe('methods that nothing is served by', () => {
  const unserved = METHODS.filter((method) => !['GET', 'HEAD', 'CONNECT'].includes(method));

  test('are all answered with 405 where something is, and logged as they were sent (T1)', async () => {
    const door = await openDoor();
    for (const method of unserved) {
      const { status, headers } = await send(door.port, { method, path: '/metrics' });
      expect([method, status, headers.allow]).toEqual([method, 405, 'GET, HEAD']);
    }
    const lines = door.log().trim().split('\n');
    const logged = lines.map((line) => JSON.parse(line)).filter(({ message }) => message === 'request');
    expect(logged.map(({ method }) => method)).toEqual(unserved);
  });

  test('are as unknown as any where nothing is', async () => {
    const { port } = await openDoor();
    for (const method of unserved)
      expect([method, (await send(port, { method, path: '/evil' })).status]).toEqual([method, 404]);
  });
});

describe('access log of probes', () => {
  test('is for debugging only', async () => {
    const door = await openDoor();
    await send(door.port, { path: '/livez' });
    expect(JSON.parse(door.log().trim())).toMatchObject({ level: 'debug', route: '/livez' });
  });
});

/** A door whose exchange waits until it is let go. */
async function heldDoor() {
  const gate = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  const door: Door = await openDoor({
    exchange: async () => {
      entered.resolve();
      await gate.promise;
      return credential(door.clock);
    },
  });
  return { door, gate, entered };
}

describe('a client that goes away', () => {
  test('does not disturb its exchange, which ends by itself, nor the door', async () => {
    const { door, gate, entered } = await heldDoor();
    const socket = connect(door.port, '127.0.0.1');
    const body = formBody();
    const head = `POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM_TYPE[1]}\r\nContent-Length: ${body.length}`;
    socket.write(`${head}\r\n\r\n${body}`);
    await entered.promise;
    socket.destroy();
    gate.resolve();
    expect((await post(door, formBody())).status).toBe(200);
    expect(door.log()).not.toContain('"level":"error"');
  });
});

/** A connection that the server has accepted; sends bytes and resolves to all that comes back until it is closed. */
async function keptConnection(port: number): Promise<(bytes: string) => Promise<string>> {
  const socket = connect(port, '127.0.0.1');
  socket.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(socket, 'data');
  return async (bytes) => {
    socket.write(bytes);
    return await text(socket);
  };
}

describe('a door that is asked more than it can answer', () => {
  test('serves what waits for its turn already, and tells newcomers to come again', async () => {
    const clock = new FakeClock();
    let begun = 0;
    const slow = async () => {
      clock.advance(10);
      begun += 1;
      if (begun === 200) newcomer.write(`${head}${rest}`);
      return credential(clock);
    };
    const door = await openDoor({ name: 'workload', clock, exchange: slow });
    const body = formBody();
    const head = `POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM_TYPE[1]}\r\n`;
    const rest = `Content-Length: ${body.length}\r\n\r\n${body}`;
    const newcomer = connect(door.port, '127.0.0.1');
    await once(newcomer, 'connect');
    const refused = once(newcomer, 'data').finally(() => newcomer.destroy());
    const kept = await Promise.all(Array.from({ length: 420 }, () => keptConnection(door.port)));
    const asking = kept.map((ask) => ask(`${head}Connection: close\r\n${rest}`));
    const answers = (await Promise.all(asking)).join('');
    expect(answers.match(/HTTP\/1\.1 200/g)).toHaveLength(420);
    expect(String(await refused)).toMatch(/^HTTP\/1\.1 503 [\s\S]*retry-after: 5/i);
    expect(door.log()).toMatch(/"error":"overloaded".*"count":1,/);
    expect((await post(door, body)).status).toBe(200);
  });
});

describe('closing', () => {
  test.each([
    ['a form', (body: string) => [`POST /oauth2/token HTTP/1.1`, `Content-Type: ${FORM_TYPE[1]}`, body]],
    ['container credentials', () => ['GET /sdk/aws/reports HTTP/1.1', `Authorization: ${TOKEN}`, '']],
  ])('ends a connection with the answer to %s that was asked for before, and does not wait for more', async (_, of) => {
    const { door, gate, entered } = await heldDoor();
    const [line, header, body = ''] = of(formBody());
    const socket = connect(door.port, '127.0.0.1');
    socket.write(`${line}\r\nHost: x\r\n${header}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    await entered.promise;
    const closing = door.server.close();
    await expect.poll(() => door.server.server.listening).toBe(false);
    gate.resolve();
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 [\s\S]*connection: close/i);
    await closing;
  });

  test('answers what comes over a kept connection in that moment, with 503 and as the last', async () => {
    const { port, server } = await openDoor();
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'data');
    const closing = server.close();
    socket.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 503 [\s\S]*retry-after: 5/i);
    expect(answer).toMatch(/connection: close/i);
    await closing;
  });

  test('does so too where the process was held up for longer than it waits', async () => {
    const { port, server } = await openDoor();
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'data');
    const closing = server.close();
    for (let turn = 0; turn < 10; turn += 1) await setImmediate();
    socket.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 503 /);
    await closing;
  });

  test('lets a running exchange end, refuses new requests with 503 and Retry-After, then resolves', async () => {
    const { door, gate, entered } = await heldDoor();
    const running = post(door, formBody());
    await entered.promise;
    // Half a request that was under way when closing began.
    const late = connect(door.port, '127.0.0.1');
    await once(late, 'connect');
    late.write('GET /livez HTTP/1.1\r\nHost: x\r\n');
    await send(door.port, { path: '/livez' });
    let closed = false;
    const closing = door.server.close().then(() => {
      closed = true;
    });
    const answered = once(late, 'data');
    late.write('\r\n');
    const [data] = await answered;
    late.destroy();
    expect(String(data)).toMatch(/^HTTP\/1\.1 503 [\s\S]*retry-after: 5/i);
    expect(String(data)).toContain('"error":"temporarily_unavailable"');
    expect(String(data)).toMatch(/connection: close/i);
    expect(closed).toBe(false);
    gate.resolve();
    expect((await running).status).toBe(200);
    await closing;
    await expect(send(door.port, { path: '/livez' })).rejects.toThrow();
  });
});
