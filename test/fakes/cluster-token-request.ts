import { randomUUID } from 'node:crypto';
import { type ClusterObjects, type StoredObject, specOf } from './cluster-objects.ts';
import { ApiRefusal } from './cluster-status.ts';

export const API_AUDIENCE = 'https://kubernetes.default.svc';
const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;
/** What kubelets ask for when the year-long extension is on. */
const EXTENDED_SECONDS = 3607;
const YEAR_SECONDS = 31_536_000;

/** What decides about tokens of one API server (F2, F3). */
export interface TokenRules {
  readonly issuer: string;
  readonly minor: number;
  /** `--service-account-max-token-expiration`. */
  readonly maxTokenSeconds: () => number | undefined;
}

export interface Named {
  readonly name: string;
  readonly uid: string;
}

/** What a token is bound to: a pod and the node it runs on, or one of the others. */
export interface Binding {
  readonly pod?: Named;
  readonly secret?: Named;
  readonly node?: Named;
}

export interface Grant {
  readonly namespace: string;
  readonly account: Named;
  readonly binding: Binding;
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
}

/** Throws ApiRefusal 422 as an API server does. */
export function checkDuration(seconds: number): void {
  const refuse = (limit: string) =>
    new ApiRefusal(422, `spec.expirationSeconds: Invalid value: ${seconds}: may not specify a duration ${limit}`);
  if (seconds < MIN_SECONDS) throw refuse('less than 10 minutes');
  if (seconds > MAX_SECONDS) throw refuse('larger than 2^32 seconds');
}

/** The claims of a token that is issued at this second. */
export function tokenClaims({ issuer, minor }: TokenRules, grant: Grant, iat: number): Record<string, unknown> {
  const { namespace, account, binding, audiences, expirationSeconds } = grant;
  const { pod, secret } = binding;
  // Kubernetes 1.24 stopped giving the year to tokens that are for somebody else too.
  const forItself = minor < 24 || audiences.every((audience) => audience === API_AUDIENCE);
  const extended = expirationSeconds === EXTENDED_SECONDS && pod !== undefined && forItself;
  const node = pod === undefined || minor >= 30 ? binding.node : undefined;
  return {
    aud: [...audiences],
    exp: iat + (extended ? YEAR_SECONDS : expirationSeconds),
    iat,
    iss: issuer,
    ...(minor >= 29 && { jti: randomUUID() }),
    'kubernetes.io': {
      namespace,
      ...(node !== undefined && { node: brief(node) }),
      ...(pod !== undefined && { pod: brief(pod) }),
      ...(secret !== undefined && { secret: brief(secret) }),
      serviceaccount: brief(account),
      ...(extended && { warnafter: iat + EXTENDED_SECONDS }),
    },
    nbf: iat,
    sub: `system:serviceaccount:${namespace}:${account.name}`,
  };
}

/** A node that is gone has no uid. */
function brief({ name, uid }: Named): Partial<Named> {
  return uid === '' ? { name } : { name, uid };
}

export interface BoundObjectRef {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly uid?: string;
}

/** Looks up what a TokenRequest binds to. Throws ApiRefusal 400, 404 or 409 as an API server does. */
export function bindingOf(
  reference: BoundObjectRef,
  account: { readonly namespace: string; readonly name: string },
  { objects, minor }: { readonly objects: ClusterObjects; readonly minor: number },
): Binding {
  const { namespace } = account;
  const { kind = '', name = '', uid } = reference;
  const matching = (object: StoredObject): StoredObject => {
    if (uid === undefined || uid === object.uid) return object;
    throw new ApiRefusal(409, `the UID in the bound object reference (${uid}) does not match the UID in record`);
  };
  switch (kind) {
    case 'Pod': {
      const pod = objects.get({ collection: 'pods', name, namespace });
      if (specOf(pod)['serviceAccountName'] !== account.name) {
        throw new ApiRefusal(400, `cannot bind token for serviceaccount "${account.name}" to this pod: it has another`);
      }
      return { pod: matching(pod), ...nodeOf(pod, objects) };
    }
    case 'Secret':
      return { secret: matching(objects.get({ collection: 'secrets', name, namespace })) };
    case 'Node':
      if (minor < 31) throw new ApiRefusal(400, 'cannot bind token to a Node object: the feature gate is disabled');
      return { node: matching(objects.get({ collection: 'nodes', name })) };
    default:
      throw new ApiRefusal(400, `cannot bind token to object of type /v1, Kind=${kind}`);
  }
}

function nodeOf(pod: StoredObject, objects: ClusterObjects): Pick<Binding, 'node'> {
  const { nodeName: name } = specOf(pod);
  if (typeof name !== 'string' || name === '') return {};
  return { node: { name, uid: objects.find({ collection: 'nodes', name })?.uid ?? '' } };
}
