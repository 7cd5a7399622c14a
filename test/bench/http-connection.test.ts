import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { HttpConnection, tokenRequest } from '../../bench/http-connection.ts';

/** A server that writes the given pieces, one after the other, for each request, and keeps what it was sent. */
async function answering(...pieces: readonly string[]) {
  const received: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', async (chunk) => {
      received.push(chunk.toString());
      for (const piece of pieces) {
        if (piece === 'close') socket.destroy();
        else socket.write(piece);
        await new Promise(setImmediate);
      }
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  closing = async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const connection = await HttpConnection.open(new URL(`http://127.0.0.1:${address.port}`));
  return { connection, received };
}

let closing: (() => Promise<void>) | undefined;
afterEach(async () => {
  await closing?.();
  closing = undefined;
});

const request = tokenRequest('a=b', 'keep-alive');

describe('the connection of a load generator', () => {
  test('reads status and Retry-After of an answer in one piece', async () => {
    const { connection } = await answering('HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno');
    expect(await connection.request(request)).toEqual({ status: 503, retryAfter: 7 });
    connection.close();
  });

  test('waits for the whole of an answer that comes in pieces', async () => {
    const { connection } = await answering('HTTP/1.1 200 O', 'K\r\ncontent-length: 4\r\n', '\r\nab', 'cd');
    expect(await connection.request(request)).toEqual({ status: 200, retryAfter: undefined });
    connection.close();
  });

  test('asks again over the same connection without taking a rest for an answer', async () => {
    const { connection, received } = await answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    await connection.request(request);
    expect((await connection.request(request)).status).toBe(200);
    expect(received).toHaveLength(2);
    connection.close();
  });

  test('rejects when the server closes before it has answered, and at once from then on', async () => {
    const { connection } = await answering('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n', 'close');
    expect(connection.usable).toBe(true);
    await expect(connection.request(request)).rejects.toThrow();
    expect(connection.usable).toBe(false);
    await expect(connection.request(request)).rejects.toThrow();
  });

  test('refuses an answer that does not tell its length', async () => {
    const { connection } = await answering('HTTP/1.1 200 OK\r\n\r\n');
    await expect(connection.request(request)).rejects.toThrow('Content-Length');
    connection.close();
  });
});

describe('a request for a token', () => {
  test('counts the bytes of its body', () => {
    const text = tokenRequest('a=ü', 'close').toString();
    expect(text).toContain('\r\ncontent-length: 4\r\n');
    expect(text).toContain('\r\nconnection: close\r\n');
    expect(text.endsWith('\r\n\r\na=ü')).toBe(true);
  });
});
