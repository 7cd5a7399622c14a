import { createServer as createHttp, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { loopbackCertificate } from '../support/certificate-authority.ts';

/** What a test may break between two requests (F9). Unset knobs leave the answer as it is. */
export interface Faults {
  /** Answer with this status and a text body. */
  status?: number;
  /** Slow: answers are held back until this resolves. */
  hold?: Promise<void>;
  /** Answer 302 to this address. */
  redirectTo?: string;
  /** Send this many bytes of white space before the body. */
  paddingBytes?: number;
  /** Cut the connection without an answer. */
  hangUp?: boolean;
  /** The body as it is, instead of the right one. */
  body?: string;
  contentType?: string;
  cacheControl?: string;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly contentType: string;
  readonly cacheControl: string;
  readonly warning?: string;
}

export interface LoopbackServer {
  /** Origin, no trailing slash. */
  readonly url: string;
  /** PEM of the server's own authority; empty over plain http. */
  readonly ca: string;
  /** Requests seen so far, by path without query. */
  readonly requests: Map<string, number>;
  close(): Promise<void>;
}

/** A server on loopback, TLS under its own authority or plain, whose answers can be broken path by path. */
export async function startServer(
  tls: boolean,
  answer: (request: IncomingMessage, path: string) => Promise<Answer>,
  faultsOf: (path: string) => Faults,
): Promise<LoopbackServer> {
  const requests = new Map<string, number>();
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    requests.set(path, (requests.get(path) ?? 0) + 1);
    const faults = faultsOf(path);
    await faults.hold;
    if (faults.hangUp === true) return void request.socket.destroy();
    write(response, faults, faults.status === undefined ? await answer(request, path) : broken(faults.status));
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    handle(request, response).catch(() => response.destroy());
  };
  const certificate = tls ? await loopbackCertificate('fake-cluster') : undefined;
  const server: Server = certificate === undefined ? createHttp(listener) : createHttps({ ...certificate }, listener);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    ca: certificate?.ca ?? '',
    requests,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

function broken(status: number): Answer {
  return { status, body: 'broken', contentType: 'text/plain', cacheControl: 'no-cache, private' };
}

function write(response: ServerResponse, faults: Faults, answer: Answer): void {
  if (faults.redirectTo !== undefined) {
    response.writeHead(302, { location: faults.redirectTo }).end();
    return;
  }
  response.writeHead(answer.status, {
    'content-type': faults.contentType ?? answer.contentType,
    'cache-control': faults.cacheControl ?? answer.cacheControl,
    ...(answer.warning !== undefined && { warning: answer.warning }),
  });
  if (faults.paddingBytes !== undefined) response.write(' '.repeat(faults.paddingBytes));
  response.end(faults.body ?? answer.body);
}
