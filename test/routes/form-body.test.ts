import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bodyOf } from '../../src/routes/form-body.ts';
import { httpServer } from '../../src/routes/http-server.ts';
import { FORM_TYPE, formBody, openDoor } from './door-fixture.ts';

const HEAD = `POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM_TYPE[1]}\r\n`;

function opened(port: number): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** Status line and headers of the next answer. */
async function answered(socket: Socket): Promise<string> {
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk.toString('latin1');
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heldBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function chunked(...parts: readonly string[]): string {
  return parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('');
}

describe('the body of a form', () => {
  test('is one text however many pieces and chunks it came in', async () => {
    const { port, requests } = await openDoor();
    const socket = opened(port);
    const body = formBody();
    socket.write(`${HEAD}Content-Length: ${body.length}\r\n\r\n${body.slice(0, 100)}`);
    await setImmediate();
    socket.write(body.slice(100));
    expect(await answered(socket)).toMatch(/^HTTP\/1\.1 200 /);
    const chunks = chunked(body.slice(0, 7), body.slice(7, 200), body.slice(200), '');
    socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n${chunks}`);
    expect(await answered(socket)).toMatch(/^HTTP\/1\.1 200 /);
    expect(requests.map(({ subjectToken }) => subjectToken.reveal())).toEqual([tokenOf(body), tokenOf(body)]);
  });

  test("is nobody else's: two that are sent at once over one connection are read apart, and a third may follow", async () => {
    const { port, requests } = await openDoor();
    const socket = opened(port);
    const text = (body: string) => `${HEAD}Content-Length: ${body.length}\r\n\r\n${body}`;
    let answers = '';
    socket.on('data', (chunk: Buffer) => {
      answers += chunk.toString('latin1');
    });
    const count = () => answers.match(/HTTP\/1\.1 200 /g)?.length ?? 0;
    const bodies = [formBody(), formBody({ subject_token: 'another.token.altogether' })];
    socket.write(bodies.map(text).join(''));
    while (count() < 2) await setImmediate();
    socket.write(text(bodies[0] ?? ''));
    while (count() < 3) await setImmediate();
    const sent = [...bodies, bodies[0] ?? ''].map(tokenOf);
    expect(requests.map(({ subjectToken }) => subjectToken.reveal())).toEqual(sent);
  });

  test('takes little more memory than it has bytes, also where each byte is a chunk', async () => {
    const [bodies, bytes] = [10, 50_000];
    const text = `${HEAD}Transfer-Encoding: chunked\r\n\r\n${'1\r\na\r\n'.repeat(bytes)}`;
    const sockets: Socket[] = [];
    const server = httpServer((request) => {
      sockets.push(request.socket);
      void bodyOf(request).catch(() => undefined);
    }, undefined);
    onTestFinished(() => void server.close().closeAllConnections());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const before = heldBytes();
    const { port } = server.address() as AddressInfo;
    for (let sent = 0; sent < bodies; sent += 1) opened(port).write(text);
    const read = () => sockets.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
    while (read() < bodies * text.length) await setImmediate();
    expect(heldBytes() - before).toBeLessThan(bodies * bytes * 20);
  });

  test('is held by its connection no longer than it takes to answer', async () => {
    const ended = Promise.withResolvers<void>();
    const server = httpServer((request, response) => {
      request.once('end', ended.resolve);
      void bodyOf(request).then(() => response.end());
    }, undefined);
    onTestFinished(() => void server.close().closeAllConnections());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const socket = opened((server.address() as AddressInfo).port);
    socket.write(`${HEAD}Content-Length: 3\r\n\r\na=b`);
    expect(await answered(socket)).toMatch(/^HTTP\/1\.1 200 .*connection: keep-alive/is);
    // Until the request has ended, Node's parser keeps it for the next one.
    await ended.promise;
  });

  test('nor longer where a part of it came while its request waited for its turn', async () => {
    const gate = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const server = httpServer(async (request, response) => {
      const body = bodyOf(request);
      if (request.url === '/first') await gate.promise;
      else request.once('end', ended.resolve);
      response.end(await body);
    }, undefined);
    onTestFinished(() => void server.close().closeAllConnections());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const socket = opened((server.address() as AddressInfo).port);
    socket.write(`POST /first HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n${HEAD}Content-Length: 3\r\n\r\na`);
    await once(server, 'request');
    gate.resolve();
    await answered(socket);
    socket.write('=b');
    expect(await answered(socket)).toMatch(/\r\n\r\na=b$/);
    await ended.promise;
  });

  test('that is refused whole leaves the connection open, and one that is not read to its end takes it along', async () => {
    const { port } = await openDoor();
    const socket = opened(port);
    socket.write(`${HEAD}Content-Length: 3\r\n\r\na=b`);
    expect(await answered(socket)).toMatch(/^HTTP\/1\.1 400 (?!.*connection: close)/is);
    socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n${chunked('x'.repeat(65_537))}`);
    expect(await answered(socket)).toMatch(/^HTTP\/1\.1 413 .*connection: close/is);
    await once(socket, 'close');
  });

  test('that ends before its announced length asks for nothing, and is no failure of the service', async () => {
    const { port, requests, log } = await openDoor();
    const socket = opened(port);
    socket.resume().end(`${HEAD}Content-Length: 1000\r\n\r\n${formBody().slice(0, 20)}`);
    await once(socket, 'close');
    expect(requests).toHaveLength(0);
    expect(log()).not.toContain('"level":"error"');
  });
});

function tokenOf(body: string): string | null {
  return new URLSearchParams(body).get('subject_token');
}
