import { isJsonObject, type JsonObject } from '../../src/core/json.ts';
import { ANONYMOUS, type ClusterUser, type TokenAuthenticator } from './cluster-authentication.ts';
import { type ClusterObjects, COLLECTIONS, type Collection, isNamespaced, type Place } from './cluster-objects.ts';
import { REVIEW_PATH, reviewAnswer, textsOf } from './cluster-reviews.ts';
import type { Answer } from './cluster-server.ts';
import { ApiRefusal, json } from './cluster-status.ts';
import {
  API_AUDIENCE,
  type BoundObjectRef,
  bindingOf,
  checkDuration,
  type TokenRules,
  tokenClaims,
} from './cluster-token-request.ts';

const PREFIXES = /^\/(?:api\/v1|apis\/rbac\.authorization\.k8s\.io\/v1)\/(.+)$/;
const DEFAULT_SECONDS = 3600;

export interface ApiCall {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: JsonObject;
}

interface ClusterApiDeps {
  readonly objects: ClusterObjects;
  readonly authenticator: TokenAuthenticator;
  readonly rules: TokenRules;
  readonly now: () => number;
  readonly sign: (claims: object) => string;
}

/** The part of the API that keeps objects, issues tokens and reviews them (F2, F5, F7). Answers 404 to the rest. */
export class ClusterApi {
  readonly #deps: ClusterApiDeps;

  constructor(deps: ClusterApiDeps) {
    this.#deps = deps;
  }

  async answer(call: ApiCall): Promise<Answer> {
    if (call.path === REVIEW_PATH && call.method === 'POST') {
      return await reviewAnswer(call.body, this.#deps.authenticator);
    }
    const place = this.#placeOf(call.path);
    if (place === undefined) throw new ApiRefusal(404, 'the server could not find the requested resource');
    if (place.subresource === 'token') return this.#issue(place, call.body);
    return this.#object(place, call);
  }

  /** Whether RBAC lets this account review tokens: by the role that the docs of every reviewer name. */
  mayReview({ username }: ClusterUser): boolean {
    return this.#deps.objects.all('clusterrolebindings').some(({ sent }) => {
      const { roleRef, subjects } = sent;
      const names = Array.isArray(subjects) ? subjects.filter(isJsonObject) : [];
      return (
        isJsonObject(roleRef) &&
        roleRef['name'] === 'system:auth-delegator' &&
        names.some(({ namespace, name }) => username === `system:serviceaccount:${namespace}:${name}`)
      );
    });
  }

  #object(place: Partial<Place> & { readonly collection: Collection }, { method, query, body }: ApiCall): Answer {
    const { objects } = this.#deps;
    if (method === 'POST' && place.name === undefined) {
      const stored = objects.create({ ...place, name: textAt(body, 'metadata', 'name') }, body);
      const { uid } = stored;
      const metadata = { ...memberOf(body, 'metadata'), uid, ...namespaced(place) };
      return json({ ...body, metadata }, { status: 201 });
    }
    const { name } = place;
    if (name === undefined)
      throw new ApiRefusal(405, 'the server does not allow this method on the requested resource');
    const found = objects.get({ ...place, name });
    if (method === 'DELETE') {
      const grace = query.get('gracePeriodSeconds');
      objects.delete({ ...place, name }, grace === null ? undefined : Number(grace));
    }
    const metadata = { ...memberOf(found.sent, 'metadata'), uid: found.uid, ...namespaced(place) };
    return json({ ...found.sent, metadata });
  }

  /** TokenRequest; the order of the checks is an API server's. */
  #issue({ namespace = '', name }: Partial<Place>, body: JsonObject): Answer {
    const { objects, rules, now, sign } = this.#deps;
    const account = objects.get({ collection: 'serviceaccounts', namespace, name: name ?? '' });
    const spec = memberOf(body, 'spec');
    const { boundObjectRef } = spec;
    const asked = typeof spec['expirationSeconds'] === 'number' ? spec['expirationSeconds'] : DEFAULT_SECONDS;
    checkDuration(asked);
    const reference = isJsonObject(boundObjectRef) ? (boundObjectRef as BoundObjectRef) : undefined;
    const owner = { namespace, name: account.name };
    const binding = reference === undefined ? {} : bindingOf(reference, owner, { objects, minor: rules.minor });
    const expirationSeconds = Math.min(asked, rules.maxTokenSeconds() ?? asked);
    const audiences = textsOf(spec['audiences']) ?? [API_AUDIENCE];
    const grant = { namespace, account, binding, audiences, expirationSeconds };
    const token = sign(tokenClaims(rules, grant, Math.floor(now() / 1000)));
    const expirationTimestamp = new Date(now() + expirationSeconds * 1000).toISOString();
    const answer = {
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: { name: account.name, namespace, uid: account.uid },
      spec: { audiences, expirationSeconds, boundObjectRef: reference ?? null },
      status: { token, expirationTimestamp },
    };
    const shortened = `299 - "requested expiration of ${asked} seconds shortened to ${expirationSeconds} seconds"`;
    return json(answer, { status: 201, ...(expirationSeconds < asked && { warning: shortened }) });
  }

  #placeOf(path: string): (Partial<Place> & { collection: Collection; subresource?: string }) | undefined {
    const segments = PREFIXES.exec(path)?.[1]?.split('/') ?? [];
    const inNamespace = segments[0] === 'namespaces' && segments.length > 2;
    const [collection, name, subresource, ...more] = inNamespace ? segments.slice(2) : segments;
    const known = COLLECTIONS.find((one) => one === collection);
    if (known === undefined || more.length > 0 || isNamespaced(known) !== inNamespace) return undefined;
    if (subresource !== undefined && (known !== 'serviceaccounts' || subresource !== 'token')) return undefined;
    return {
      collection: known,
      ...(inNamespace && segments[1] !== undefined && { namespace: segments[1] }),
      ...(name !== undefined && { name }),
      ...(subresource !== undefined && { subresource }),
    };
  }
}

/** What RBAC of a new cluster lets a caller do. Throws ApiRefusal 403. */
export function authorize(user: ClusterUser, allowed: boolean, call: Pick<ApiCall, 'method' | 'path'>): void {
  if (allowed || user.groups.includes('system:masters')) return;
  const verb = call.method.toLowerCase();
  throw new ApiRefusal(403, `forbidden: User "${user.username}" cannot ${verb} path "${call.path}"`);
}

export function isAnonymous(user: ClusterUser): boolean {
  return user === ANONYMOUS;
}

function namespaced({ namespace }: Partial<Place>): { namespace?: string } {
  return namespace === undefined ? {} : { namespace };
}

function memberOf(object: JsonObject, member: string): JsonObject {
  const value = object[member];
  return isJsonObject(value) ? value : {};
}

function textAt(object: JsonObject, outer: string, inner: string): string {
  const value = memberOf(object, outer)[inner];
  if (typeof value !== 'string') throw new ApiRefusal(422, `${outer}.${inner}: Required value`);
  return value;
}
