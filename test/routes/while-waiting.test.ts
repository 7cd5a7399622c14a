import { once } from 'node:events';
import { connect } from 'node:net';
import fastify from 'fastify';
import { expect, onTestFinished, test } from 'vitest';
import { whileWaiting } from '../../src/routes/admin/while-waiting.ts';

async function serving(answer: (signal: AbortSignal) => Promise<string>) {
  const server = fastify();
  onTestFinished(() => server.close());
  server.get('/', (_, reply) => answer(whileWaiting(reply)));
  const url = new URL(await server.listen({ host: '127.0.0.1', port: 0 }));
  return { server, url };
}

test('what only a client waits for ends when its connection goes', async () => {
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
  socket.destroy();
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
