import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FakeOidcIssuer } from './oidc-issuer.ts';

const REQUEST_TOKEN = 'request-token-of-this-job';

/** GitHub's address at which a job asks for its OIDC token: bearer of the job, `audience` in the query, `{value}` back. */
export class GithubJobTokens {
  /** Each token that was given out. */
  readonly given: string[] = [];
  readonly #issuer: FakeOidcIssuer;
  readonly #claims: Readonly<Record<string, unknown>>;
  readonly #server = createServer((request, response) => this.#answer(request, response));

  constructor(issuer: FakeOidcIssuer, claims: Readonly<Record<string, unknown>>) {
    this.#issuer = issuer;
    this.#claims = claims;
  }

  /** Listens; resolves to what the runner puts into the environment of a job that may write ID tokens. */
  async start(): Promise<Record<string, string>> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const { port } = this.#server.address() as AddressInfo;
    return {
      ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/idtoken?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: REQUEST_TOKEN,
    };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer({ url = '', headers }: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(url, 'http://localhost');
    const audience = searchParams.get('audience');
    if (headers.authorization?.toLowerCase() !== `bearer ${REQUEST_TOKEN}`)
      return void response.writeHead(401).end('{}');
    if (pathname !== '/idtoken' || audience === null) return void response.writeHead(400).end('{}');
    const value = this.#issuer.token(audience, this.#claims);
    this.given.push(value);
    response.setHeader('content-type', 'application/json; charset=utf-8');
    response.end(JSON.stringify({ count: value.length, value }));
  }
}
