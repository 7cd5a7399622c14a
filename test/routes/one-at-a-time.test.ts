import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { connect as connectSecurely } from 'node:tls';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import type { Exchange } from '../../src/exchange/exchange-request.ts';
import type { RegisterRoutes } from '../../src/routes/door-deps.ts';
import { createDoor } from '../../src/routes/doors.ts';
import { MAX_WAITING } from '../../src/routes/one-at-a-time.ts';
import { send } from '../../src/routes/reply.ts';
import { loopbackCertificate } from '../support/certificate-authority.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { credential, FORM_TYPE, formBody, openDoor, TOKEN } from './door-fixture.ts';

function form(body = formBody(), { path = '/oauth2/token', more = '' } = {}): string {
  const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM_TYPE[1]}\r\n${more}`;
  return `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
}

const LIVEZ = 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n';
const STS = new URLSearchParams({
  Action: 'AssumeRoleWithWebIdentity',
  Version: '2011-06-15',
  RoleArn: 'arn:aws:iam::111122223333:role/reports',
  RoleSessionName: 'session',
  WebIdentityToken: TOKEN,
}).toString();

/** Each has something done for it, and says so by this name. */
const ASKING = {
  token: form(),
  'sdk-aws': `GET /sdk/aws/reports HTTP/1.1\r\nHost: x\r\nAuthorization: ${TOKEN}\r\n\r\n`,
  'sdk-aws-sts': form(STS, { path: '/sdk/aws' }),
  admin: 'PUT /admin/v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}',
} as const;

/** A door at which whatever is begun waits until it is let go, over TLS or not. */
async function heldDoor({ tls = false } = {}) {
  const gate = Promise.withResolvers<void>();
  const begun: string[] = [];
  const held = async (name: string) => {
    begun.push(name);
    await gate.promise;
  };
  const { deps } = await openDoor();
  const bodies: string[] = [];
  const exchange: Exchange = async ({ subjectToken }, { door }) => {
    bodies.push(subjectToken.reveal());
    await held(door);
    return credential(new FakeClock());
  };
  const admin: RegisterRoutes = (routes) =>
    routes.put('/admin/v1/x', async (_request, reply) => {
      await held('admin');
      return send(reply, { status: 200, body: {} });
    });
  const { ca, cert, key } = tls ? await loopbackCertificate('carnet') : {};
  const server = createDoor(
    'all',
    { ...deps, exchange, admin },
    cert && key ? { cert, key: new Secret(key) } : undefined,
  );
  await server.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    gate.resolve();
    server.server.closeAllConnections();
    await server.close();
  });
  const { port } = server.server.address() as AddressInfo;
  const accepted = new Promise<Socket>((resolve) => server.server.once('connection', resolve));
  const open = async () => {
    const socket = ca ? connectSecurely({ host: '127.0.0.1', port, ca }) : connect(port, '127.0.0.1');
    socket.on('error', () => socket.destroy());
    await once(socket, ca ? 'secureConnect' : 'connect');
    return socket;
  };
  return { server, gate, begun, bodies, accepted, open };
}

/** Status codes in the order in which they came, until the server closes the connection. */
async function statuses(socket: Socket): Promise<(string | undefined)[]> {
  return [...(await text(socket)).matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
}

/** Resolves when so many have come. */
function answersOf(socket: Socket, count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let received = '';
  const receive = (chunk: Buffer) => {
    received += chunk.toString('latin1');
    if ((received.match(/HTTP\/1\.1 200 /g) ?? []).length < count) return;
    socket.off('data', receive);
    resolve();
  };
  socket.on('data', receive);
  return promise;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const SOON = { timeout: 15_000 };
const OVER = [false, true] as const;
const CLOSE = 'Connection: close\r\n';
const LAST = `GET /livez HTTP/1.1\r\nHost: x\r\n${CLOSE}\r\n`;
const LARGE = 'x'.repeat(66_000);
const CHUNKED = `Transfer-Encoding: chunked\r\n\r\n${LARGE.length.toString(16)}\r\n${LARGE}\r\n0\r\n\r\n`;
const TWO_HOSTS = 'GET /livez HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n';

/** Requests whose answer closes the connection. */
const CLOSING = [
  ['without Host', '400', 'GET /livez HTTP/1.1\r\n\r\n'],
  ['with two Hosts', '400', TWO_HOSTS],
  ['whose form is announced too large', '413', form(LARGE)],
  ['whose form becomes too large', '413', `POST /oauth2/token HTTP/1.1\r\nHost: x\r\n${CHUNKED}`],
  [
    'too large for the admin API',
    '413',
    `PUT /admin/v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 66000\r\n\r\n${LARGE}`,
  ],
  ['that asks to close it', '200', LAST],
  ['of HTTP/1.0', '200', 'GET /livez HTTP/1.0\r\n\r\n'],
] as const;

describe('behind an answer that closes the connection (RFC 9112 section 9.6)', () => {
  test.each(OVER.flatMap((tls) => CLOSING.map((one) => [...one, tls] as const)))(
    'nothing is issued: a request %s is answered with %s',
    async (_name, status, closing, tls) => {
      const { begun, open } = await heldDoor({ tls });
      const socket = await open();
      socket.write(closing + ASKING.token);
      expect(await statuses(socket)).toEqual([status]);
      expect(begun).toEqual([]);
    },
  );

  test.each(Object.entries(ASKING))('nothing is begun at the door %s', async (_door, asking) => {
    const { begun, open } = await heldDoor();
    const socket = await open();
    socket.write(TWO_HOSTS + asking);
    expect(await statuses(socket)).toEqual(['400']);
    expect(begun).toEqual([]);
  });

  test.each(Object.entries(ASKING))('nor at the door %s while it drains', async (door, asking) => {
    const { server, gate, begun, open } = await heldDoor();
    const socket = await open();
    socket.write(asking + ASKING.token);
    await expect.poll(() => begun, SOON).toEqual([door]);
    const closing = server.close();
    await expect.poll(() => server.server.listening, SOON).toBe(false);
    gate.resolve();
    expect(await statuses(socket)).toHaveLength(1);
    expect(begun).toEqual([door]);
    await closing;
  });

  test('behind one that does not, all is answered', async () => {
    const { gate, begun, open } = await heldDoor();
    gate.resolve();
    const socket = await open();
    socket.write([LIVEZ, form('a=b'), ...Object.values(ASKING), form(formBody(), { more: CLOSE })].join(''));
    // What is issued here is nothing that the doors of AWS could render.
    expect(await statuses(socket)).toEqual(['200', '400', '200', '500', '500', '200', '200']);
    expect(begun).toEqual([...Object.keys(ASKING), 'token']);
  });
});

describe('requests of one connection (RFC 9112 section 9.3.2)', () => {
  test.each(OVER)('are begun one after the other, each when the one before is answered (TLS: %s)', async (tls) => {
    const { gate, begun, bodies, open } = await heldDoor({ tls });
    const socket = await open();
    const second = formBody({ subject_token: 'another.token.altogether' });
    socket.write(ASKING.token + form(second) + form(formBody(), { more: CLOSE }));
    await expect.poll(() => begun, SOON).toHaveLength(1);
    // What comes over another connection does not wait.
    (await open()).write(ASKING.token);
    await expect.poll(() => begun, SOON).toHaveLength(2);
    expect(bodies).toEqual([TOKEN, TOKEN]);
    gate.resolve();
    expect(await statuses(socket)).toEqual(['200', '200', '200']);
    expect(bodies).toEqual([TOKEN, TOKEN, 'another.token.altogether', TOKEN]);
  });

  test('have their bodies whole, in however many pieces these came while they waited', async () => {
    const { gate, begun, bodies, open } = await heldDoor();
    const socket = await open();
    const behind = form(`${formBody()}&ignored=${'x'.repeat(50_000)}`, { more: CLOSE });
    socket.write(ASKING.token + behind.slice(0, 1_000));
    await expect.poll(() => begun, SOON).toHaveLength(1);
    socket.write(behind.slice(1_000, 40_000));
    await setImmediate();
    gate.resolve();
    socket.write(behind.slice(40_000));
    expect(await statuses(socket)).toEqual(['200', '200']);
    expect(bodies).toEqual([TOKEN, TOKEN]);
  });

  test('are read no further than a few packets while one is being answered', async () => {
    const { gate, begun, accepted, open } = await heldDoor();
    const socket = await open();
    socket.write(ASKING.token + LIVEZ);
    await expect.poll(() => begun, SOON).toHaveLength(1);
    const { bytesRead } = await accepted;
    socket.write(LIVEZ.repeat(MAX_WAITING - 1));
    socket.write(LAST);
    for (let turn = 0; turn < 100; turn += 1) await setImmediate();
    expect((await accepted).bytesRead).toBe(bytesRead);
    gate.resolve();
    expect(await statuses(socket)).toEqual(Array(MAX_WAITING + 2).fill('200'));
  });

  test.each([
    [false, ''],
    [true, ''],
    [false, 'Expect: what nobody knows\r\n'],
  ])('that are too many to wait end it with the answer under way (TLS: %s) %s', async (tls, more) => {
    const { gate, begun, open } = await heldDoor({ tls });
    const socket = await open();
    socket.write(ASKING.token + LIVEZ.replace('Host', `${more}Host`).repeat(MAX_WAITING + 1));
    await expect.poll(() => begun, SOON).toHaveLength(1);
    gate.resolve();
    expect(await statuses(socket)).toEqual(['200']);
  });

  test.each(OVER)('are all answered where no more wait than may (TLS: %s)', async (tls) => {
    const { open } = await heldDoor({ tls });
    const socket = await open();
    const long = LIVEZ.replace('Host', `A: ${'a'.repeat(2_000)}\r\nHost`);
    for (let more = 0; more < 3; more += 1) {
      const answers = answersOf(socket, MAX_WAITING + 1);
      socket.write(long.repeat(MAX_WAITING + 1));
      await answers;
    }
    socket.write(LAST);
    expect(await statuses(socket)).toEqual(['200']);
  });
});

describe('an answer that is owed', () => {
  test.each([
    ['what is no HTTP', 'hello\r\n\r\n', ''],
    ['a request for a tunnel', 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n', ''],
    ['a body that is none', 'POST /oauth2/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', ''],
    ['anything behind Connection: close', LIVEZ, CLOSE],
  ])('is given, and is the last, whatever comes behind it: %s', async (_name, behind, more) => {
    const { gate, begun, open } = await heldDoor();
    const socket = await open();
    const answered = text(socket);
    socket.write(form(formBody(), { more }) + behind);
    await expect.poll(() => begun, SOON).toEqual(['token']);
    // More of it, in packets of its own.
    for (let packet = 0; packet < 20; packet += 1) {
      socket.write(behind);
      await setImmediate();
    }
    gate.resolve();
    expect((await answered).match(/HTTP\/1\.1 \d+|connection: close|access_token/gi)).toEqual([
      'HTTP/1.1 200',
      'Connection: close',
      'access_token',
    ]);
  });

  test('is none any more once it has been given: what is no HTTP is told so', async () => {
    const { open } = await heldDoor();
    const socket = await open();
    socket.write(LIVEZ);
    await once(socket, 'data');
    socket.write('hello\r\n\r\n');
    expect(await statuses(socket)).toEqual(['400']);
  });

  test('is owed as much when its request waited behind another', async () => {
    const { gate, begun, open } = await heldDoor();
    const socket = await open();
    socket.write(LIVEZ + ASKING.token);
    await expect.poll(() => begun, SOON).toEqual(['token']);
    socket.write('hello\r\n\r\n');
    for (let turn = 0; turn < 20; turn += 1) await setImmediate();
    gate.resolve();
    expect(await statuses(socket)).toEqual(['200', '200']);
  });

  test('is not kept once it has been given, and the token in its request with it, while the connection is', async () => {
    const { server, gate, open } = await heldDoor();
    gate.resolve();
    const answered: WeakRef<object>[] = [];
    server.server.on('request', (_request, response) => answered.push(new WeakRef(response)));
    const socket = await open();
    const answers = answersOf(socket, 2);
    socket.write(ASKING.token + ASKING.token);
    await answers;
    const kept = () => {
      collectGarbage();
      return answered.filter((one) => one.deref() !== undefined).length;
    };
    await expect.poll(kept, SOON).toBe(0);
    expect(answered).toHaveLength(2);
    socket.write(LAST);
    expect(await statuses(socket)).toEqual(['200']);
  });

  test('is the last, too, where it is on its way already', async () => {
    const { open } = await heldDoor();
    const socket = await open();
    socket.write('GET /evil HTTP/1.1\r\nHost: x\r\n\r\nhello\r\n\r\n');
    expect(await statuses(socket)).toEqual(['404']);
  });

  test('is given to a client that has no more to say', async () => {
    const { gate, begun, open } = await heldDoor();
    const socket = await open();
    socket.end(ASKING.token + ASKING.token);
    await once(socket, 'finish');
    await expect.poll(() => begun, SOON).toHaveLength(1);
    gate.resolve();
    expect(await statuses(socket)).toEqual(['200', '200']);
  });

  test.each(OVER)('is none where a client ends what it says half way, or has said nothing (TLS: %s)', async (tls) => {
    const { begun, open } = await heldDoor({ tls });
    const [half, silent] = [await open(), await open()];
    half.end(ASKING.token.slice(0, -20));
    silent.end();
    expect(await statuses(half)).toEqual(['400']);
    expect(await statuses(silent)).toEqual([]);
    expect(begun).toEqual([]);
  });
});
