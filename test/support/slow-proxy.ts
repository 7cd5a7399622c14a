import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Between Carnet and a server on loopback: passes bytes on, late, or not at all. */
export interface SlowProxy {
  readonly port: number;
  /** Of what the server answers; infinite: never passed on. */
  delayMs: number;
  /** Port that connections from now on lead to. */
  target: number;
  readonly connections: () => number;
  close(): Promise<void>;
}

export async function slowProxy(to: number): Promise<SlowProxy> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const proxy = { delayMs: 0, target: to };
  const server = createServer((near) => {
    connections += 1;
    const far = connect(proxy.target, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        near.destroy();
        far.destroy();
        sockets.delete(socket);
      });
    }
    near.on('data', (bytes) => far.write(bytes));
    far.on('data', (bytes) => {
      if (proxy.delayMs === 0) near.write(bytes);
      else if (Number.isFinite(proxy.delayMs)) setTimeout(() => near.write(bytes), proxy.delayMs);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return Object.assign(proxy, {
    port,
    connections: () => connections,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  });
}
