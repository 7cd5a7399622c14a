import type { JWTPayload } from 'jose';

export const REVIEW_PATH = '/apis/authentication.k8s.io/v1/tokenreviews';
/** go-jose's leeway, which the API server also grants to objects on their way out. */
const LEEWAY_MS = 60_000;
const SUCCESS_CACHE_MS = 10_000;
const EXTRA = 'authentication.kubernetes.io/';

/** What the reviewer asks of the cluster it belongs to. */
export interface ReviewedCluster {
  readonly minor: number;
  /** The API server's own audience. */
  readonly apiAudience: string;
  now(): number;
  /** The claims of a token that this cluster signed for one of these audiences and that is in its time; else undefined. */
  claims(token: string, audiences: readonly string[]): Promise<JWTPayload | undefined>;
  /** Uid of an object that is there, and since when it is on its way out. */
  object(
    kind: string,
    namespace: string,
    name: string,
  ): { readonly uid: string; readonly deletedAt?: number } | undefined;
}

interface Bound {
  readonly name: string;
  readonly uid: string;
}

interface KubernetesClaims {
  readonly namespace: string;
  readonly serviceaccount: Bound;
  readonly pod?: Bound;
  readonly secret?: Bound;
  readonly node?: Bound;
}

/** TokenReview as an API server does it (F5): signature, audience, time, and that what the token names still exists. */
export class TokenReviewer {
  readonly #cluster: ReviewedCluster;
  readonly #successes = new Map<string, { readonly status: object; readonly until: number }>();

  constructor(cluster: ReviewedCluster) {
    this.#cluster = cluster;
  }

  /** The answer to the body of a request; undefined when it is not a TokenReview with a token. */
  async review(body: string): Promise<object | undefined> {
    const { apiVersion, kind, spec } = JSON.parse(body);
    if (apiVersion !== 'authentication.k8s.io/v1' || kind !== 'TokenReview') return undefined;
    if (typeof spec?.token !== 'string' || spec.token === '') return undefined;
    const audiences: readonly string[] = spec.audiences ?? [this.#cluster.apiAudience];
    return { apiVersion, kind, metadata: {}, spec, status: await this.#cached(spec.token, audiences) };
  }

  async #cached(token: string, audiences: readonly string[]): Promise<object> {
    const key = JSON.stringify([token, audiences]);
    const known = this.#successes.get(key);
    if (known !== undefined && this.#cluster.now() < known.until) return known.status;
    const status = await this.#status(token, audiences);
    if ('authenticated' in status) this.#successes.set(key, { status, until: this.#cluster.now() + SUCCESS_CACHE_MS });
    return status;
  }

  async #status(token: string, audiences: readonly string[]): Promise<object> {
    const claims = await this.#cluster.claims(token, audiences);
    const about = claims?.['kubernetes.io'] as KubernetesClaims | undefined;
    if (claims === undefined || about === undefined) return failed('invalid bearer token');
    const { namespace, serviceaccount, pod, secret } = about;
    const gone = [
      { kind: 'sa', bound: serviceaccount },
      { kind: 'pod', bound: pod },
      { kind: 'secret', bound: secret },
      // Beside a pod the node is information and is not looked up.
      { kind: 'node', bound: pod === undefined ? about.node : undefined },
    ].find(({ kind, bound }) => bound !== undefined && !this.#exists(kind, namespace, bound));
    if (gone !== undefined) return failed('service account token has been invalidated');
    const tokenAudiences = [claims.aud ?? []].flat();
    return {
      authenticated: true,
      user: {
        username: claims.sub,
        uid: serviceaccount.uid,
        groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
        ...this.#extra(claims, about),
      },
      audiences: audiences.filter((one) => tokenAudiences.includes(one)),
    };
  }

  #exists(kind: string, namespace: string, { name, uid }: Bound): boolean {
    const found = this.#cluster.object(kind, namespace, name);
    if (found === undefined || found.uid !== uid) return false;
    return found.deletedAt === undefined || found.deletedAt >= this.#cluster.now() - LEEWAY_MS;
  }

  #extra({ jti }: JWTPayload, { pod, node }: KubernetesClaims): { extra?: object } {
    const hasNode = node !== undefined && this.#cluster.minor >= 30;
    const extra = {
      ...(jti !== undefined && { [`${EXTRA}credential-id`]: [`JTI=${jti}`] }),
      ...(pod !== undefined && { [`${EXTRA}pod-name`]: [pod.name], [`${EXTRA}pod-uid`]: [pod.uid] }),
      ...(hasNode && { [`${EXTRA}node-name`]: [node.name], [`${EXTRA}node-uid`]: [node.uid] }),
    };
    return Object.keys(extra).length === 0 ? {} : { extra };
  }
}

/** `authenticated` is left out when it is false, as Go's JSON does. */
function failed(error: string): object {
  return { user: {}, error };
}
