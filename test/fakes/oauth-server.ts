import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../src/core/clock.ts';
import { ACCESS_TOKEN, grantTo, type OAuthGranted, OAuthRefusal, type OAuthTrust } from './oauth-server-grants.ts';

/** What goes wrong with the next request to a path. */
export type OAuthFault =
  | { readonly kind: 'hang' }
  /** The connection ends in the middle of the body. */
  | { readonly kind: 'half' }
  | {
      readonly kind: 'raw';
      readonly status: number;
      readonly body: string | Buffer;
      readonly headers?: Record<string, string>;
    }
  /** The right answer with members added, replaced or, where undefined, left out. */
  | { readonly kind: 'change'; readonly members: Readonly<Record<string, unknown>> };

export interface OAuthServerOptions extends OAuthTrust {
  readonly clock: Clock;
  /** Path of the issuer, without a slash at its end: `/tenant/a`. Default: none. */
  readonly path?: string;
  /** Seconds; default 600. */
  readonly lifetime?: number;
}

/** One token request as the double saw it, without the assertion itself. */
export interface TokenCall {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly parameters: Readonly<Record<string, string>>;
  /** `answered`, or the code that was sent. */
  readonly outcome: string;
}

const JSON_TYPE = { 'content-type': 'application/json;charset=UTF-8' };
const BODY_LIMIT = 64 * 1024;

/**
 * An OAuth server on loopback with metadata (RFC 8414 and OpenID Connect Discovery) and a token endpoint for RFC 8693
 * and RFC 7523. It verifies what it is given by the discovery and keys of the issuer that it trusts, each assertion once.
 */
export class OAuthServer {
  readonly #options: OAuthServerOptions;
  readonly #server = createServer((request, response) => {
    this.#serve(request, response).catch(() => response.destroy());
  });
  readonly #faults = new Map<string, OAuthFault[]>();
  readonly #tokens = new Map<string, OAuthGranted>();
  readonly #used = new Set<string>();
  readonly calls: TokenCall[] = [];
  /** Paths of all requests, in order. */
  readonly asked: string[] = [];
  /** The metadata by path; tests change it. */
  readonly documents: Record<string, Record<string, unknown>> = {};

  private constructor(options: OAuthServerOptions) {
    this.#options = options;
  }

  static async start(options: OAuthServerOptions): Promise<OAuthServer> {
    const server = new OAuthServer(options);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    server.documents[server.metadataPath] = server.metadata();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get issuer(): string {
    return `${this.url}${this.#options.path ?? ''}`;
  }

  get metadataPath(): string {
    return `/.well-known/oauth-authorization-server${this.#options.path ?? ''}`;
  }

  get openidPath(): string {
    return `${this.#options.path ?? ''}/.well-known/openid-configuration`;
  }

  get tokenPath(): string {
    return `${this.#options.path ?? ''}/token`;
  }

  metadata(): Record<string, unknown> {
    return {
      issuer: this.issuer,
      token_endpoint: `${this.url}${this.tokenPath}`,
      response_types_supported: ['token'],
      grant_types_supported: [
        'urn:ietf:params:oauth:grant-type:token-exchange',
        'urn:ietf:params:oauth:grant-type:jwt-bearer',
      ],
    };
  }

  /** What a token that was issued here is good for. */
  introspect(token: string): OAuthGranted | undefined {
    return this.#tokens.get(token);
  }

  /** Queues faults, one for each of the next requests to the path. */
  fail(path: string, ...faults: readonly OAuthFault[]): void {
    this.#faults.set(path, [...(this.#faults.get(path) ?? []), ...faults]);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    this.asked.push(path);
    const body = await readBody(request);
    const fault = this.#faults.get(path)?.shift();
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'half') {
      response.writeHead(200, { ...JSON_TYPE, 'content-length': 1000 });
      response.write('{"access_token":', () => response.destroy());
      return;
    }
    if (fault?.kind === 'raw') return void response.writeHead(fault.status, fault.headers ?? JSON_TYPE).end(fault.body);
    const { status, members } = path === this.tokenPath ? await this.#token(request, body) : this.#document(path);
    response.writeHead(status, JSON_TYPE).end(JSON.stringify({ ...members, ...fault?.members }));
  }

  #document(path: string): { status: number; members: object } {
    const document = this.documents[path];
    return document === undefined ? { status: 404, members: {} } : { status: 200, members: document };
  }

  async #token(request: IncomingMessage, body: string): Promise<{ status: number; members: object }> {
    const form = new URLSearchParams(body);
    const parameters = Object.fromEntries([...form].filter(([name]) => !['subject_token', 'assertion'].includes(name)));
    const seen = { headers: request.headers, parameters };
    const rules = { ...this.#options, issuer: this.issuer, used: this.#used, now: new Date(this.#options.clock.now()) };
    try {
      const type = request.headers['content-type'];
      if (request.method !== 'POST' || type !== 'application/x-www-form-urlencoded') {
        throw new OAuthRefusal('invalid_request', 'not a form');
      }
      const granted = await grantTo(form, rules);
      this.calls.push({ ...seen, outcome: 'answered' });
      return { status: 200, members: this.#issued(granted) };
    } catch (error) {
      const refusal = error instanceof OAuthRefusal ? error : new OAuthRefusal('server_error', 'the double failed');
      this.calls.push({ ...seen, outcome: refusal.code });
      const status = { invalid_client: 401, server_error: 500 }[refusal.code] ?? 400;
      return { status, members: { error: refusal.code, error_description: refusal.message } };
    }
  }

  #issued(granted: OAuthGranted): object {
    const token = randomBytes(24).toString('base64url');
    this.#tokens.set(token, granted);
    return {
      access_token: token,
      token_type: 'bearer',
      expires_in: this.#options.lifetime ?? 600,
      scope: granted.scopes.join(' '),
      ...(granted.exchanged && { issued_token_type: ACCESS_TOKEN }),
    };
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_LIMIT) throw new Error('the body is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
