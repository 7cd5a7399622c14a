import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { JSONWebKeySet } from 'jose';
import { isJsonObject } from '../../src/core/json.ts';
import { type ApiCall, authorize, ClusterApi, isAnonymous } from './cluster-api.ts';
import { ANONYMOUS, type ClusterUser, TokenAuthenticator } from './cluster-authentication.ts';
import { type FakeAlgorithm, type FakeKey, newKey, signClaims } from './cluster-keys.ts';
import { ClusterObjects, type Place } from './cluster-objects.ts';
import { REVIEW_PATH } from './cluster-reviews.ts';
import { type Answer, type Faults, type LoopbackServer, startServer } from './cluster-server.ts';
import { ApiRefusal, CACHEABLE, json, plain } from './cluster-status.ts';
import { API_AUDIENCE, type Binding, checkDuration, type TokenRules, tokenClaims } from './cluster-token-request.ts';

export const DISCOVERY_PATH = '/.well-known/openid-configuration';
export const JWKS_PATH = '/openid/v1/jwks';
const PUBLIC_PATHS: readonly string[] = ['/healthz', '/livez', '/readyz', '/version'];

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
  /** Whether every service account may review tokens, beside those that a binding to `system:auth-delegator` names. Default true. */
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
  /**
   * At least 600; exactly 3607 with a pod gives the year-long token with `warnafter`, from 1.24 on only for the API
   * server's own audience. Default 3600.
   */
  readonly expirationSeconds?: number;
  readonly boundTo?: { readonly kind: 'pod' | 'secret' | 'node'; readonly name: string; readonly uid?: string };
  /** Node that a pod runs on; in the token from 1.30 on. */
  readonly node?: { readonly name: string; readonly uid: string };
}

/**
 * An API server as far as token verifiers see it (F1 to F5, F9, and of F7 what those need): it issues and reviews tokens
 * over its API, publishes its keys to whom RBAC lets, and verifies the bearer tokens it is shown. `token()` is the short
 * way to what a pod would find in its file: accounts and pods that it names are made where they are missing.
 */
export class FakeCluster {
  readonly issuer: string;
  readonly minor: number;
  /** Of the static token file: may do everything. */
  readonly adminToken = 'admin-token-of-a-double';
  discoveryBound: boolean;
  reviewBound: boolean;
  /** `--service-account-max-token-expiration`; longer tokens are shortened to it. */
  maxTokenSeconds: number | undefined;
  /** By path; change them between requests. */
  readonly faults: Record<string, Faults> = {};
  /** What `jwks_uri` says; a private address when a test wants one. */
  jwksUri: string | undefined;
  /** What the discovery document says its issuer is. */
  documentIssuer: string | undefined;
  readonly #anonymousDiscovery: boolean;
  readonly #now: () => number;
  readonly #server: LoopbackServer;
  readonly #objects: ClusterObjects;
  readonly #authenticator: TokenAuthenticator;
  readonly #rules: TokenRules;
  readonly #api: ClusterApi;
  /** The first signs; all are published. */
  #keys: FakeKey[];

  private constructor(options: ClusterOptions, server: LoopbackServer) {
    this.#server = server;
    const { issuer = 'https://kubernetes.default.svc.cluster.local', minor = 36, now = Date.now } = options;
    this.issuer = issuer === 'url' ? server.url : issuer;
    this.minor = minor;
    this.discoveryBound = options.discoveryBound ?? true;
    this.reviewBound = options.reviewBound ?? true;
    this.#anonymousDiscovery = options.anonymousDiscovery ?? false;
    this.#now = now;
    this.#keys = [newKey(options.algorithm ?? 'RS256')];
    this.#objects = new ClusterObjects(now);
    this.#rules = { issuer: this.issuer, minor, maxTokenSeconds: () => this.maxTokenSeconds };
    const shared = { objects: this.#objects, now };
    this.#authenticator = new TokenAuthenticator({ ...shared, issuer: this.issuer, keySet: () => this.keySet() });
    this.#api = new ClusterApi({
      ...shared,
      authenticator: this.#authenticator,
      rules: this.#rules,
      sign: (claims) => signClaims(this.signingKey, claims),
    });
  }

  static async start(options: ClusterOptions = {}): Promise<FakeCluster> {
    const self: { cluster?: FakeCluster } = {};
    const server = await startServer(
      options.tls ?? true,
      async (request, path) => self.cluster?.answer(request, path) ?? new ApiRefusal(503, 'starting').toAnswer(),
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
    const { namespace = 'payments', serviceAccount = 'reporter', audiences = [API_AUDIENCE] } = request;
    const { expirationSeconds = 3600 } = request;
    checkDuration(expirationSeconds);
    const account = this.#objects.ensure({ collection: 'serviceaccounts', namespace, name: serviceAccount });
    const binding = this.#binding(request, namespace, serviceAccount);
    const grant = { namespace, account, binding, audiences, expirationSeconds };
    return tokenClaims(this.#rules, grant, Math.floor(this.#now() / 1000));
  }

  /** A token with the API server's own audience: what Carnet's bearerTokenFile must hold. */
  apiToken(): string {
    return this.token({ namespace: 'carnet', serviceAccount: 'carnet' });
  }

  /** Deletes what tokens are bound to: gone at once, or `ending` in its grace period. A later one of the name is another. */
  delete(kind: 'sa' | 'pod' | 'secret' | 'node', { namespace = 'payments', name = '', ending = false }): void {
    const place = placeOf(kind, namespace, name);
    if (ending) this.#objects.end(place);
    else this.#objects.delete(place, 0);
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  #binding({ boundTo, node }: TokenRequest, namespace: string, serviceAccountName: string): Binding {
    if (boundTo === undefined) return {};
    const { kind, name, uid } = boundTo;
    const place = placeOf(kind, namespace, name);
    const spec = kind === 'pod' ? { serviceAccountName, ...(node !== undefined && { nodeName: node.name }) } : {};
    const object = this.#objects.ensure(place, { spec }, uid);
    const beside = kind === 'pod' && node !== undefined ? { node } : {};
    return { [kind]: { name, uid: uid ?? object.uid }, ...beside };
  }

  private async answer(request: IncomingMessage, path: string): Promise<Answer> {
    try {
      return await this.#answer(request, path);
    } catch (error) {
      if (error instanceof ApiRefusal) return error.toAnswer();
      throw error;
    }
  }

  async #answer(request: IncomingMessage, path: string): Promise<Answer> {
    const body = await bodyOf(request);
    const { searchParams: query } = new URL(request.url ?? '/', this.url);
    const call: ApiCall = { method: request.method ?? 'GET', path, query, body };
    const user = await this.#authenticate(request.headers.authorization);
    authorize(user, this.#isAllowed(user, call), call);
    if (path === '/version') return json({ major: '1', minor: String(this.minor) });
    if (PUBLIC_PATHS.includes(path)) return plain('ok');
    if (path === DISCOVERY_PATH) return json(this.#document(), { cacheControl: CACHEABLE });
    if (path !== JWKS_PATH) return await this.#api.answer(call);
    return json(this.keySet(), { cacheControl: CACHEABLE, contentType: 'application/jwk-set+json' });
  }

  /** Beside the administrator's rights: what a new cluster binds, and what was bound since. */
  #isAllowed(user: ClusterUser, { path }: ApiCall): boolean {
    if (PUBLIC_PATHS.includes(path)) return true;
    if (path === REVIEW_PATH) return !isAnonymous(user) && (this.reviewBound || this.#api.mayReview(user));
    if (path !== DISCOVERY_PATH && path !== JWKS_PATH) return false;
    if (isAnonymous(user)) return this.#anonymousDiscovery;
    return this.discoveryBound && user.groups.includes('system:serviceaccounts');
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

  /** Throws ApiRefusal 401 when a token is shown that is not one for this API server. */
  async #authenticate(authorization: string | undefined): Promise<ClusterUser> {
    if (authorization === undefined) return ANONYMOUS;
    const token = authorization.replace(/^Bearer /, '');
    if (token === this.adminToken) return { username: 'admin', groups: ['system:masters', 'system:authenticated'] };
    try {
      return (await this.#authenticator.authenticate(token)).user;
    } catch {
      throw new ApiRefusal(401, 'Unauthorized');
    }
  }
}

function placeOf(kind: 'sa' | 'pod' | 'secret' | 'node', namespace: string, name: string): Place {
  if (kind === 'node') return { collection: 'nodes', name };
  return { collection: kind === 'sa' ? 'serviceaccounts' : `${kind}s`, name, namespace };
}

/** Throws ApiRefusal 400 for what is not a JSON object. */
async function bodyOf(request: IncomingMessage): Promise<ApiCall['body']> {
  const content = await text(request);
  if (content === '') return {};
  try {
    const value: unknown = JSON.parse(content);
    if (isJsonObject(value)) return value;
  } catch {
    // Told below, with all else that is no object.
  }
  throw new ApiRefusal(400, 'the object provided is unrecognized');
}
