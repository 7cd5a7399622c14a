import { randomUUID } from 'node:crypto';
import { type FakeAlgorithm, type FakeKey, newKey, signClaims } from './cluster-keys.ts';
import { type Answer, type Faults, type LoopbackServer, startServer } from './cluster-server.ts';

export interface OidcIssuerOptions {
  readonly algorithm?: FakeAlgorithm;
  /** Milliseconds. Default: the machine's clock. */
  readonly now?: () => number;
}

/** A CI system's token issuer on loopback http: public discovery, short tokens with one audience as text, `typ: JWT`. */
export class FakeOidcIssuer {
  readonly faults: Record<string, Faults> = {};
  readonly #server: LoopbackServer;
  readonly #now: () => number;
  #key: FakeKey;

  private constructor({ algorithm = 'RS256', now = Date.now }: OidcIssuerOptions, server: LoopbackServer) {
    this.#server = server;
    this.#now = now;
    this.#key = newKey(algorithm, randomUUID());
  }

  static async start(options: OidcIssuerOptions = {}): Promise<FakeOidcIssuer> {
    const self: { issuer?: FakeOidcIssuer } = {};
    const server = await startServer(
      false,
      async (_, path) => self.issuer?.answer(path) ?? notFound,
      (path) => self.issuer?.faults[path] ?? {},
    );
    self.issuer = new FakeOidcIssuer(options, server);
    return self.issuer;
  }

  get issuer(): string {
    return this.#server.url;
  }

  get discoveryUrl(): string {
    return `${this.issuer}/.well-known/openid-configuration`;
  }

  get jwksUrl(): string {
    return `${this.issuer}/.well-known/jwks`;
  }

  get signingKey(): FakeKey {
    return this.#key;
  }

  requests(path: string): number {
    return this.#server.requests.get(path) ?? 0;
  }

  /** Signs with a new key from now on; the former one is no longer published. */
  rotate(): FakeKey {
    this.#key = newKey(this.#key.alg, randomUUID());
    return this.#key;
  }

  /** A job's token of five minutes; `claims` add to or replace the usual ones. */
  token(audience: string, claims: Readonly<Record<string, unknown>> = {}): string {
    const iat = Math.floor(this.#now() / 1000);
    const usual = {
      iss: this.issuer,
      sub: 'repo:acme/reports:ref:refs/heads/main',
      aud: audience,
      iat,
      nbf: iat - 5,
      exp: iat + 300,
      jti: randomUUID(),
      repository: 'acme/reports',
      repository_owner_id: '1234567',
      ref: 'refs/heads/main',
    };
    return signClaims(this.#key, { ...usual, ...claims }, { typ: 'JWT', x5t: 'aGVhZGVyIHRoYXQgaXMgaWdub3JlZA' });
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  private answer(path: string): Answer {
    if (path === '/.well-known/jwks') return answered({ keys: [this.#key.jwk] });
    if (path !== '/.well-known/openid-configuration') return notFound;
    return answered({ issuer: this.issuer, jwks_uri: this.jwksUrl, id_token_signing_alg_values_supported: ['RS256'] });
  }
}

const notFound: Answer = { status: 404, body: '{}', contentType: 'application/json', cacheControl: 'no-store' };

function answered(value: unknown): Answer {
  const contentType = 'application/json; charset=utf-8';
  return { status: 200, body: JSON.stringify(value), contentType, cacheControl: 'max-age=600' };
}
