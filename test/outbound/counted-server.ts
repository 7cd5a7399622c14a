import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** A loopback server that counts what reaches it. */
export interface CountedServer {
  readonly port: number;
  /** TCP connections. */
  readonly connections: () => number;
  readonly requests: () => number;
  close(): Promise<void>;
}

interface Options {
  readonly handler: RequestListener;
  readonly tls?: { readonly cert: string; readonly key: string };
}

export async function startCountedServer({ handler, tls }: Options): Promise<CountedServer> {
  let connections = 0;
  let requests = 0;
  const counted: RequestListener = (request, response) => {
    requests += 1;
    handler(request, response);
  };
  const server: Server = tls === undefined ? createHttpServer(counted) : createHttpsServer({ ...tls }, counted);
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    requests: () => requests,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
