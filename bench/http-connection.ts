import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type SecureContext } from 'node:tls';

export interface Answer {
  readonly status: number;
  /** Seconds. */
  readonly retryAfter: number | undefined;
}

/** How a TLS connection is opened: anybody is believed, and a session may be taken up again. */
export interface TlsWay {
  readonly secureContext: SecureContext;
  readonly session?: Buffer | undefined;
}

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

/**
 * One HTTP/1.1 connection with one request at a time: so little of a client that the server is what is measured. It reads
 * answers with Content-Length and nothing else.
 */
export class HttpConnection {
  readonly socket: Socket;
  /** The newest TLS session of this connection; tickets come after the handshake, before the first answer. */
  session: Buffer | undefined;
  #received: Buffer = Buffer.alloc(0);
  #waiting: Waiting | undefined;
  #broken: Error | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  static async open({ hostname, port }: URL, tls?: TlsWay): Promise<HttpConnection> {
    const place = { host: hostname, port: Number(port) };
    const socket = tls === undefined ? connect(place) : connectTls({ ...place, ...tls, rejectUnauthorized: false });
    const connection = new HttpConnection(socket);
    socket.on('session', (session: Buffer) => {
      connection.session = session;
    });
    try {
      await once(socket, tls === undefined ? 'connect' : 'secureConnect');
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return connection;
  }

  get usable(): boolean {
    return this.#broken === undefined;
  }

  request(bytes: Buffer): Promise<Answer> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.socket.write(bytes);
    });
  }

  close(): void {
    this.socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const end = this.#received.indexOf('\r\n\r\n');
    if (end === -1) return;
    const head = this.#received.toString('latin1', 0, end);
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? Number.NaN);
    if (Number.isNaN(length)) this.#fail(new Error('an answer without Content-Length'));
    if (Number.isNaN(length) || this.#received.length < end + 4 + length) return;
    this.#received = this.#received.subarray(end + 4 + length);
    const retryAfter = /\r\nretry-after: *(\d+)/i.exec(head)?.[1];
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve({
      status: Number(head.slice(9, 12)),
      retryAfter: retryAfter === undefined ? undefined : Number(retryAfter),
    });
  }

  #fail(error: Error): void {
    this.#broken ??= error;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}

/** A POST of a form to the token endpoint. */
export function tokenRequest(body: string, connection: 'keep-alive' | 'close'): Buffer {
  const head = [
    'POST /oauth2/token HTTP/1.1',
    'host: 127.0.0.1',
    'content-type: application/x-www-form-urlencoded',
    `content-length: ${Buffer.byteLength(body)}`,
    `connection: ${connection}`,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}
