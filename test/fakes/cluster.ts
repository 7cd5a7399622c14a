import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { createLocalJWKSet, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import { type FakeAlgorithm, type FakeKey, newKey, signClaims } from './cluster-keys.ts';
import { REVIEW_PATH, TokenReviewer } from './cluster-reviews.ts';
import { type Answer, type Faults, type LoopbackServer, startServer } from './cluster-server.ts';

const API_AUDIENCE = 'https://kubernetes.default.svc';
export const DISCOVERY_PATH = '/.well-known/openid-configuration';
export const JWKS_PATH = '/openid/v1/jwks';
const CACHEABLE = 'public, max-age=3600';
const UNCACHEABLE = 'no-cache, private';

export interface ClusterOptions {
  /** Default: what kubeadm sets, shared by every such cluster. `url`: the cluster's own address. */
  readonly issuer?: string;
  /** Minor version of Kubernetes; decides which claims a token has (F3). Default 36. */
  readonly minor?: number;
  /** Plain http on loopback when false, for development mode. Default true. */
  readonly tls?: boolean;
  readonly algorithm?: FakeAlgorithm;
  /** Whether `system:service-account-issuer-discovery` is bound, as by default. */
  readonly discoveryBound?: boolean;
  /** Whether `system:auth-delegator` is bound to whom Carnet asks as. Default true. */
  readonly reviewBound?: boolean;
  /** Whether anonymous callers may read the two discovery paths, as some clouds allow. */
  readonly anonymousDiscovery?: boolean;
  /** Milliseconds. Default: the machine's clock. */
  readonly now?: () => number;
}

/** What a TokenRequest asks for. */
export interface TokenRequest {
  readonly namespace?: string;
  readonly serviceAccount?: string;
  /** Default: the API server's own. */
  readonly audiences?: readonly string[];
  /** At least 600; exactly 3607 with a pod gives the year-long token with `warnafter`. Default 3600. */
  readonly expirationSeconds?: number;
  readonly boundTo?: { readonly kind: 'pod' | 'secret' | 'node'; readonly name: string; readonly uid?: string };
  /** Node that a pod runs on; in the token from 1.30 on. */
  readonly node?: { readonly name: string; readonly uid: string };
}

/**
 * An API server as far as token verifiers see it (F1, F3 to F5, F9): it signs what TokenRequest would, publishes its keys
 * to whom RBAC lets, and verifies the bearer tokens it is shown. Tokens of its TokenRequest are exactly what a pod would
 * find in its file.
 */
export class FakeCluster {
  readonly issuer: string;
  readonly minor: number;
  discoveryBound: boolean;
  reviewBound: boolean;
  /** By path; change them between requests. */
  readonly faults: Record<string, Faults> = {};
  /** What `jwks_uri` says; a private address when a test wants one. */
  jwksUri: string | undefined;
  /** What the discovery document says its issuer is. */
  documentIssuer: string | undefined;
  readonly #anonymousDiscovery: boolean;
  readonly #now: () => number;
  readonly #server: LoopbackServer;
  readonly #objects = new Map<string, { readonly uid: string; readonly deletedAt?: number }>();
  readonly #reviewer: TokenReviewer;
  /** The first signs; all are published. */
  #keys: FakeKey[];

  private constructor(options: ClusterOptions, server: LoopbackServer) {
    this.#server = server;
    const { issuer = 'https://kubernetes.default.svc.cluster.local', minor = 36 } = options;
    this.issuer = issuer === 'url' ? server.url : issuer;
    this.minor = minor;
    this.discoveryBound = options.discoveryBound ?? true;
    this.reviewBound = options.reviewBound ?? true;
    this.#anonymousDiscovery = options.anonymousDiscovery ?? false;
    this.#now = options.now ?? Date.now;
    this.#keys = [newKey(options.algorithm ?? 'RS256')];
    this.#reviewer = new TokenReviewer({
      minor,
      apiAudience: API_AUDIENCE,
      now: this.#now,
      claims: (token, audiences) => this.#claims(token, audiences),
      object: (kind, namespace, name) => this.#objects.get(`${kind}/${namespace}/${name}`),
    });
  }

  static async start(options: ClusterOptions = {}): Promise<FakeCluster> {
    const self: { cluster?: FakeCluster } = {};
    const server = await startServer(
      options.tls ?? true,
      async (request, path) => self.cluster?.answer(request, path) ?? status(503, 'starting'),
      (path) => self.cluster?.faults[path] ?? {},
    );
    self.cluster = new FakeCluster(options, server);
    return self.cluster;
  }

  get url(): string {
    return this.#server.url;
  }

  /** PEM of the authority that signed the server's certificate. */
  get ca(): string {
    return this.#server.ca;
  }

  get discoveryUrl(): string {
    return `${this.url}${DISCOVERY_PATH}`;
  }

  get jwksUrl(): string {
    return `${this.url}${JWKS_PATH}`;
  }

  /** Requests seen so far at a path. */
  requests(path: string): number {
    return this.#server.requests.get(path) ?? 0;
  }

  get signingKey(): FakeKey {
    const [key] = this.#keys;
    if (key === undefined) throw new Error('the cluster has no key');
    return key;
  }

  /** What the API server publishes. */
  keySet(): JSONWebKeySet {
    return { keys: this.#keys.map(({ jwk }) => jwk) as unknown as JSONWebKeySet['keys'] };
  }

  /** A key that signs from now on; the former ones stay published until withdrawn. */
  rotate(key: FakeKey = newKey(this.signingKey.alg)): FakeKey {
    this.#keys = [key, ...this.#keys];
    return key;
  }

  /** Publishes a key that does not sign yet. */
  publish(key: FakeKey): void {
    this.#keys = [...this.#keys, key];
  }

  withdraw(kid: string): void {
    this.#keys = this.#keys.filter((key) => key.kid !== kid);
  }

  /** A projected token as this version of Kubernetes writes it. Throws where TokenRequest answers 422. */
  token(request: TokenRequest = {}): string {
    return signClaims(this.signingKey, this.claims(request));
  }

  claims(request: TokenRequest = {}): Record<string, unknown> {
    const { namespace = 'payments', serviceAccount = 'reporter', audiences = [API_AUDIENCE], boundTo } = request;
    const { expirationSeconds = 3600 } = request;
    if (expirationSeconds < 600) throw new Error('422: may not specify a duration less than 10 minutes');
    const iat = Math.floor(this.#now() / 1000);
    const extended = expirationSeconds === 3607 && boundTo?.kind === 'pod';
    const account = { name: serviceAccount, uid: this.#uid(`sa/${namespace}/${serviceAccount}`) };
    return {
      aud: [...audiences],
      exp: iat + (extended ? 31_536_000 : expirationSeconds),
      iat,
      iss: this.issuer,
      ...(this.minor >= 29 ? { jti: randomUUID() } : {}),
      'kubernetes.io': {
        namespace,
        ...this.#binding(request, namespace),
        serviceaccount: account,
        ...(extended ? { warnafter: iat + 3607 } : {}),
      },
      nbf: iat,
      sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
    };
  }

  /** A token with the API server's own audience: what Carnet's bearerTokenFile must hold. */
  apiToken(): string {
    return this.token({ namespace: 'carnet', serviceAccount: 'carnet' });
  }

  /** Deletes what tokens are bound to: gone at once, or `ending` in its grace period. A later one of the name is another. */
  delete(kind: 'sa' | 'pod' | 'secret' | 'node', { namespace = 'payments', name = '', ending = false }): void {
    const key = `${kind}/${namespace}/${name}`;
    const found = this.#objects.get(key);
    if (found === undefined) throw new Error(`there is no ${key}`);
    if (ending) this.#objects.set(key, { ...found, deletedAt: this.#now() });
    else this.#objects.delete(key);
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  #binding({ boundTo, node }: TokenRequest, namespace: string): Record<string, unknown> {
    if (boundTo === undefined) return {};
    const { kind, name, uid = this.#uid(`${kind}/${namespace}/${name}`) } = boundTo;
    const beside = kind === 'pod' && node !== undefined && this.minor >= 30 ? { node } : {};
    return { [kind]: { name, uid }, ...beside };
  }

  #uid(of: string): string {
    const object = this.#objects.get(of) ?? { uid: randomUUID() };
    this.#objects.set(of, object);
    return object.uid;
  }

  private async answer(request: IncomingMessage, path: string): Promise<Answer> {
    if (path === '/version') return json({ major: '1', minor: String(this.minor) }, UNCACHEABLE);
    if (path === '/readyz') return { ...json({}, UNCACHEABLE), body: 'ok', contentType: 'text/plain; charset=utf-8' };
    const user = await this.#authenticate(request.headers.authorization);
    if (user === undefined) return status(401, 'Unauthorized');
    if (path === REVIEW_PATH) return this.#review(request, user);
    const isDiscovery = path === DISCOVERY_PATH || path === JWKS_PATH;
    if (!isDiscovery) return status(404, 'the server could not find the requested resource');
    if (!this.#mayRead(user)) return status(403, `forbidden: User "${user}" cannot get path "${path}"`);
    if (path === JWKS_PATH) return { ...json(this.keySet(), CACHEABLE), contentType: 'application/jwk-set+json' };
    return json(this.#document(), CACHEABLE);
  }

  async #review(request: IncomingMessage, user: string): Promise<Answer> {
    if (user === 'system:anonymous' || !this.reviewBound)
      return status(403, `User "${user}" cannot create tokenreviews`);
    if (request.method !== 'POST') return status(405, 'the server does not allow this method');
    const answer = await this.#reviewer.review(await text(request));
    if (answer === undefined) return status(400, 'not a TokenReview');
    return { ...json(answer, UNCACHEABLE), status: 201 };
  }

  #mayRead(user: string): boolean {
    return user === 'system:anonymous' ? this.#anonymousDiscovery : this.discoveryBound;
  }

  #document() {
    return {
      issuer: this.documentIssuer ?? this.issuer,
      jwks_uri: this.jwksUri ?? this.jwksUrl,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [...new Set(this.#keys.map(({ alg }) => alg))],
    };
  }

  /** The name of the caller; undefined when the token is not one for this API server. */
  async #authenticate(authorization: string | undefined): Promise<string | undefined> {
    if (authorization === undefined) return 'system:anonymous';
    return (await this.#claims(authorization.replace(/^Bearer /, ''), [API_AUDIENCE]))?.sub;
  }

  async #claims(token: string, audiences: readonly string[]): Promise<JWTPayload | undefined> {
    try {
      const { payload } = await jwtVerify(token, createLocalJWKSet(this.keySet()), {
        issuer: this.issuer,
        audience: [...audiences],
        clockTolerance: 60,
        currentDate: new Date(this.#now()),
      });
      return payload;
    } catch {
      return undefined;
    }
  }
}

function json(value: unknown, cacheControl: string): Answer {
  return { status: 200, body: JSON.stringify(value), contentType: 'application/json', cacheControl };
}

/** An error as API servers write it. */
function status(code: number, message: string): Answer {
  const reason = code === 401 ? 'Unauthorized' : code === 403 ? 'Forbidden' : 'NotFound';
  const body = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
  return { ...json(body, UNCACHEABLE), status: code };
}
