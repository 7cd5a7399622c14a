import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import fastify from 'fastify';
import { expect, onTestFinished, test } from 'vitest';
import { whileWaiting } from '../../src/routes/admin/while-waiting.ts';

async function serving(answer: (signal: AbortSignal) => Promise<string>) {
  const server = fastify();
  // As the doors are (routes/http-server.ts).
  Object.assign(server.server, { httpAllowHalfOpen: true });
  onTestFinished(() => server.close());
  server.get('/', (_, reply) => answer(whileWaiting(reply)));
  const url = new URL(await server.listen({ host: '127.0.0.1', port: 0 }));
  return { server, url };
}

test.each([
  ['goes', (socket: Socket) => socket.destroy()],
  ['ends on its side', (socket: Socket) => socket.end()],
])('what only a client waits for ends when its connection %s', async (_, leave) => {
  const ended = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const { url } = await serving(async (signal) => {
    begun.resolve();
    await once(signal, 'abort');
    ended.resolve();
    return '';
  });
  const socket = connect(Number(url.port), url.hostname);
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await begun.promise;
  leave(socket);
  await ended.promise;
});

test('an answer that has gone out ends nothing', async () => {
  const signals: AbortSignal[] = [];
  const { server, url } = await serving(async (signal) => {
    signals.push(signal);
    return 'told';
  });
  const answer = await fetch(url, { headers: { connection: 'close' } });
  expect(await answer.text()).toBe('told');
  await server.close();
  expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
});

test('nor does it when the client ends the connection later', async () => {
  const signals: AbortSignal[] = [];
  const { url } = await serving(async (signal) => {
    signals.push(signal);
    return 'told';
  });
  const socket = connect(Number(url.port), url.hostname);
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(socket, 'data');
  socket.end();
  await once(socket, 'close');
  expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
});
