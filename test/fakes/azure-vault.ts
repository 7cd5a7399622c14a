import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeJwt } from 'jose';
import type { Entra } from './entra.ts';

/** A resource of Azure on loopback with one secret, for whoever shows a token that the double of Entra issued for it. */
export class AzureVault {
  readonly #server;
  readonly secret = randomUUID();
  /** `appid` of each token by which the secret was read. */
  readonly reads: unknown[] = [];

  private constructor(entra: Entra, resource: string) {
    this.#server = createServer((request, response) => {
      const token = (request.headers.authorization ?? '').replace(/^Bearer /, '');
      const claims = entra.issued.includes(token) ? decodeJwt(token) : undefined;
      if (claims?.aud !== resource) {
        response.writeHead(401).end('refused');
        return;
      }
      this.reads.push(claims['appid']);
      response.end(this.secret);
    });
  }

  static async start(entra: Entra, resource: string): Promise<AzureVault> {
    const vault = new AzureVault(entra, resource);
    await new Promise<void>((resolve) => vault.#server.listen(0, '127.0.0.1', resolve));
    return vault;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
