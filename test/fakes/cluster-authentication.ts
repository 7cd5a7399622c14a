import { createLocalJWKSet, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import type { ClusterObjects, Place } from './cluster-objects.ts';
import { API_AUDIENCE, type Named } from './cluster-token-request.ts';

/** Of a deletion and of a token's times; what go-jose grants by default. */
const LEEWAY_SECONDS = 60;
/** How long an API server believes what it has verified. */
const SUCCESS_CACHE_MS = 10_000;
const EXTRA = 'authentication.kubernetes.io';

/** Who calls, as TokenReview shows it. */
export interface ClusterUser {
  readonly username: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export interface Authenticated {
  readonly user: ClusterUser;
  /** Those that were asked about and are in the token. */
  readonly audiences: readonly string[];
}

export const ANONYMOUS: ClusterUser = { username: 'system:anonymous', groups: ['system:unauthenticated'] };

interface AuthenticationDeps {
  readonly issuer: string;
  readonly objects: ClusterObjects;
  readonly now: () => number;
  readonly keySet: () => JSONWebKeySet;
}

interface KubernetesClaims {
  readonly namespace: string;
  readonly serviceaccount: Named;
  readonly pod?: Named;
  readonly secret?: Named;
  readonly node?: Named;
}

/** The service account authenticator of an API server (F5): signature, times, audience, and whether all of it still exists. */
export class TokenAuthenticator {
  readonly #deps: AuthenticationDeps;
  readonly #verified = new Map<string, { readonly until: number; readonly result: Authenticated }>();

  constructor(deps: AuthenticationDeps) {
    this.#deps = deps;
  }

  /** Throws when the token is not good for any of the audiences; a success is believed for ten seconds. */
  async authenticate(token: string, audiences: readonly string[] = [API_AUDIENCE]): Promise<Authenticated> {
    const key = JSON.stringify([token, audiences]);
    const known = this.#verified.get(key);
    if (known !== undefined && this.#deps.now() < known.until) return known.result;
    const result = await this.#verify(token, audiences);
    this.#verified.set(key, { until: this.#deps.now() + SUCCESS_CACHE_MS, result });
    return result;
  }

  async #verify(token: string, asked: readonly string[]): Promise<Authenticated> {
    const { issuer, keySet, now } = this.#deps;
    const { payload } = await jwtVerify(token, createLocalJWKSet(keySet()), {
      issuer,
      clockTolerance: LEEWAY_SECONDS,
      currentDate: new Date(now()),
    });
    const own = [payload.aud ?? []].flat();
    const audiences = asked.filter((audience) => own.includes(audience));
    if (audiences.length === 0) throw new Error('token audiences are invalid for the target audiences');
    const claims = payload['kubernetes.io'] as KubernetesClaims;
    this.#checkExistence(claims);
    return { user: this.#user(payload, claims), audiences };
  }

  #checkExistence({ namespace, serviceaccount, pod, secret, node }: KubernetesClaims): void {
    this.#check({ collection: 'serviceaccounts', namespace, name: serviceaccount.name }, serviceaccount.uid);
    if (secret !== undefined) this.#check({ collection: 'secrets', namespace, name: secret.name }, secret.uid);
    if (pod !== undefined) this.#check({ collection: 'pods', namespace, name: pod.name }, pod.uid);
    // The node of a pod is information only.
    else if (node !== undefined) this.#check({ collection: 'nodes', name: node.name }, node.uid);
  }

  #check(place: Place, uid: string): void {
    const found = this.#deps.objects.find(place);
    const latest = this.#deps.now() - LEEWAY_SECONDS * 1000;
    const isGone = found === undefined || (found.deletedAt !== undefined && found.deletedAt < latest);
    if (isGone || found.uid !== uid) throw new Error('service account token has been invalidated');
  }

  #user({ sub = '', jti }: JWTPayload, { namespace, serviceaccount, pod, node }: KubernetesClaims): ClusterUser {
    const extra: Record<string, string[]> = {
      ...(jti !== undefined && { [`${EXTRA}/credential-id`]: [`JTI=${jti}`] }),
      ...(pod !== undefined && { [`${EXTRA}/pod-name`]: [pod.name], [`${EXTRA}/pod-uid`]: [pod.uid] }),
      ...(node !== undefined && { [`${EXTRA}/node-name`]: [node.name], [`${EXTRA}/node-uid`]: [node.uid] }),
    };
    return {
      username: sub,
      uid: serviceaccount.uid,
      groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
      ...(Object.keys(extra).length > 0 && { extra }),
    };
  }
}
