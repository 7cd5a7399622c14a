import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';

/**
 * Stands in for DNS and port 443: an HTTP proxy on loopback that connects `https://<name>` to the port of this machine that
 * plays it, and to nothing else. The issuer may then be a name without a port, as in production.
 */
export class NameRelay {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, url: string, sockets: Set<Socket>) {
    this.#server = server;
    this.url = url;
    this.#sockets = sockets;
  }

  static async start(portOf: Readonly<Record<string, number>>): Promise<NameRelay> {
    const sockets = new Set<Socket>();
    const server = createServer((_, response) => response.writeHead(405).end());
    server.on('connect', (request, client: Socket) => {
      const port = portOf[request.url?.replace(/:443$/, '') ?? ''];
      if (port === undefined) {
        client.end('HTTP/1.1 403 Forbidden\r\n\r\n');
        return;
      }
      const target = connect(port, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        target.pipe(client).pipe(target);
      });
      for (const socket of [client, target]) {
        sockets.add(socket);
        socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the relay has no port');
    return new NameRelay(server, `http://127.0.0.1:${address.port}`, sockets);
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }
}
