import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';

/** How far one got on the way to a server, each step by itself, so that the first that fails can be named. */

/** Its addresses, by the system's resolver. Throws what the resolver threw. */
export async function addressesOf(url: URL): Promise<readonly string[]> {
  const found = await lookup(hostOf(url), { all: true });
  return found.map(({ address }) => address);
}

/** Opens a connection and closes it. Throws what the network threw, and an error named TimeoutError at the deadline. */
export async function tryConnection(url: URL, timeoutMs: number): Promise<void> {
  await opened(connect({ host: hostOf(url), port: portOf(url) }), 'connect', timeoutMs);
}

/** Shakes hands, believing the authorities that the process believes. Returns when the certificate ends, milliseconds. */
export async function tryTls(url: URL, timeoutMs: number): Promise<number> {
  const socket = tlsConnect({ host: hostOf(url), port: portOf(url), servername: hostOf(url) });
  let end = Number.NaN;
  socket.once('secureConnect', () => {
    end = Date.parse(socket.getPeerCertificate().valid_to);
  });
  await opened(socket, 'secureConnect', timeoutMs);
  return end;
}

async function opened(socket: Socket, event: string, timeoutMs: number): Promise<void> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    await once(socket, event, { signal });
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    socket.destroy();
  }
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}

function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}
