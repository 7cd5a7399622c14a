import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { directPost } from '../../src/outbound/direct-request.ts';

const POST = { headers: { accept: 'application/json' }, body: 'a=ü', maxBytes: 1_000, timeoutMs: 10_000 };
let server: Server | undefined;

async function serving(listener: RequestListener): Promise<URL> {
  const started = createServer(listener);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  return new URL(`http://127.0.0.1:${(started.address() as AddressInfo).port}/oauth2/token`);
}

afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
});

describe('directPost', () => {
  test('sends the body with its length in bytes, and gives what was answered', async () => {
    const url = await serving((request, response) => {
      response.writeHead(503, { 'retry-after': '7' }).end(`${request.method} ${request.headers['content-length']}`);
    });
    const { status, retryAfter, body } = await directPost(url, POST);
    expect([status, retryAfter, body?.toString()]).toEqual([503, '7', 'POST 4']);
  });

  test.each([
    ['all of it', 1_000, 1_000],
    ['nothing when it is one byte larger', 1_001, undefined],
  ])('gives of an answer of the largest size %s', async (_, size, given) => {
    const url = await serving((_request, response) => response.end('a'.repeat(size)));
    expect((await directPost(url, POST)).body?.length).toBe(given);
  });

  test('ends an answer that never does with its size', async () => {
    const url = await serving((_request, response) => {
      const more = () => response.destroyed || (response.write('a'.repeat(500)) && setImmediate(more));
      more();
    });
    expect((await directPost(url, POST)).body).toBeUndefined();
  });

  test('follows no redirect', async () => {
    let asked = 0;
    const url = await serving((_request, response) => {
      asked += 1;
      response.writeHead(307, { location: '/elsewhere' }).end();
    });
    expect((await directPost(url, POST)).status).toBe(307);
    expect(asked).toBe(1);
  });

  test.each<[string, RequestListener]>([
    ['no answer', () => undefined],
    ['half an answer', (_request, response) => void response.writeHead(200).write('a')],
  ])('throws a TimeoutError at the deadline of %s', async (_, listener) => {
    const url = await serving(listener);
    await expect(directPost(url, { ...POST, timeoutMs: 50 })).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});
