import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Asked {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly contentType: string | undefined;
  readonly form: URLSearchParams;
}

/** An HTTP server on loopback that keeps what it was asked and answers as told. */
export class FakeTokenEndpoint {
  readonly asked: Asked[] = [];
  answer: (response: ServerResponse) => void = (response) => response.writeHead(500).end();
  readonly #server: Server = createServer((request, response) => void this.#handle(request, response));

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  json(status: number, body: unknown, headers: Record<string, string> = {}): void {
    this.answer = (response) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    this.asked.push({
      method: request.method,
      url: request.url,
      contentType: request.headers['content-type'],
      form: new URLSearchParams(body),
    });
    this.answer(response);
  }
}
