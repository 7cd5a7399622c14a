import { request } from 'node:https';
import { text } from 'node:stream/consumers';

export const DISCOVERY = '/.well-known/openid-configuration';
export const JWKS = '/openid/v1/jwks';

export interface ApiAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly cacheControl: string | undefined;
  readonly warning: string | undefined;
  /** Parsed where the answer is JSON, else its text. */
  readonly body: unknown;
}

export interface BoundObject {
  readonly kind: 'Pod' | 'Secret' | 'Node' | 'ConfigMap';
  readonly name: string;
  readonly uid?: string;
}

/** `spec` of a TokenRequest (authentication.k8s.io/v1). */
export interface TokenRequestSpec {
  readonly audiences?: readonly string[];
  readonly expirationSeconds?: number;
  readonly boundObjectRef?: BoundObject;
}

/** `status` of a TokenReview (authentication.k8s.io/v1). */
export interface TokenReviewStatus {
  readonly authenticated?: boolean;
  readonly audiences?: readonly string[];
  readonly error?: string;
  readonly user?: {
    readonly username?: string;
    readonly uid?: string;
    readonly groups?: readonly string[];
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
}

/** Speaks to an API server, or to its double, as one caller. */
export class ApiClient {
  readonly #url: string;
  readonly #ca: string;
  readonly #bearer: string | undefined;

  constructor(server: { readonly url: string; readonly ca: string }, bearer?: string) {
    this.#url = server.url;
    this.#ca = server.ca;
    this.#bearer = bearer;
  }

  /** The same server, another caller; without a token an anonymous one. */
  as(bearer?: string): ApiClient {
    return new ApiClient({ url: this.#url, ca: this.#ca }, bearer);
  }

  call(method: string, path: string, body?: object): Promise<ApiAnswer> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      ...(this.#bearer !== undefined && { authorization: `Bearer ${this.#bearer}` }),
      ...(payload !== undefined && { 'content-type': 'application/json' }),
    };
    return new Promise((resolve, reject) => {
      const call = request(`${this.#url}${path}`, { method, headers, ca: this.#ca, agent: false }, (answer) => {
        text(answer).then((content) => {
          const { 'content-type': contentType, 'cache-control': cacheControl, warning } = answer.headers;
          const isJson = /\bjson\b/.test(contentType ?? '');
          const body: unknown = isJson ? JSON.parse(content) : content;
          resolve({ status: answer.statusCode ?? 0, contentType, cacheControl, warning: warning?.toString(), body });
        }, reject);
      });
      call.on('error', reject).end(payload);
    });
  }

  /** Creates an object and returns its uid. Throws on any other answer than 201. */
  async create(collection: string, object: object): Promise<string> {
    const answer = await this.call('POST', collection, object);
    if (answer.status !== 201) throw new Error(`POST ${collection}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return String((answer.body as { metadata: { uid: unknown } }).metadata.uid);
  }

  createNamespace(name: string): Promise<string> {
    return this.create('/api/v1/namespaces', { metadata: { name } });
  }

  createServiceAccount(namespace: string, name: string): Promise<string> {
    return this.create(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
  }

  createNode(name: string): Promise<string> {
    return this.create('/api/v1/nodes', { metadata: { name } });
  }

  createPod(namespace: string, name: string, spec: { serviceAccountName: string; nodeName?: string }): Promise<string> {
    const containers = [{ name: 'main', image: 'example.org/main:1' }];
    return this.create(`/api/v1/namespaces/${namespace}/pods`, { metadata: { name }, spec: { containers, ...spec } });
  }

  createSecret(namespace: string, name: string): Promise<string> {
    return this.create(`/api/v1/namespaces/${namespace}/secrets`, { metadata: { name } });
  }

  /** Gone at once: there is no kubelet that would end the pod first. */
  async deletePod(namespace: string, name: string): Promise<void> {
    const answer = await this.call('DELETE', `/api/v1/namespaces/${namespace}/pods/${name}?gracePeriodSeconds=0`);
    if (answer.status !== 200) throw new Error(`the pod was not deleted: ${answer.status}`);
  }

  /** Lets a service account create TokenReviews. */
  async allowTokenReview(namespace: string, name: string): Promise<void> {
    await this.create('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: `reviewer-${namespace}-${name}` },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:auth-delegator' },
      subjects: [{ kind: 'ServiceAccount', namespace, name }],
    });
  }

  requestToken(namespace: string, serviceAccount: string, spec: TokenRequestSpec = {}): Promise<ApiAnswer> {
    const { boundObjectRef, ...rest } = spec;
    const bound = boundObjectRef === undefined ? {} : { boundObjectRef: { apiVersion: 'v1', ...boundObjectRef } };
    return this.call('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { ...rest, ...bound },
    });
  }

  /** The token itself. Throws on any refusal. */
  async token(namespace: string, serviceAccount: string, spec: TokenRequestSpec = {}): Promise<string> {
    const { status, body } = await this.requestToken(namespace, serviceAccount, spec);
    if (status !== 201) throw new Error(`TokenRequest: ${status} ${JSON.stringify(body)}`);
    return (body as { status: { token: string } }).status.token;
  }

  reviewToken(token: string, audiences?: readonly string[]): Promise<ApiAnswer> {
    return this.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token, ...(audiences !== undefined && { audiences }) },
    });
  }

  /** What the review says. Throws when the review itself is refused. */
  async review(token: string, audiences?: readonly string[]): Promise<TokenReviewStatus> {
    const { status, body } = await this.reviewToken(token, audiences);
    if (status !== 201) throw new Error(`TokenReview: ${status} ${JSON.stringify(body)}`);
    return (body as { status: TokenReviewStatus }).status;
  }
}
