import type { KubernetesIdentity } from '../core/identity.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { OAuthError } from '../core/oauth-error.ts';
import { checkClaims } from './claims.ts';
import { identityBase, type SignedToken, spiffeIdFromPath } from './profile.ts';

/** `iss` of tokens that lie in Secrets since before Kubernetes 1.21 and never expire (K20). */
export const LEGACY_ISSUER = 'kubernetes/serviceaccount';

const LEGACY = 'a legacy ServiceAccount token from a Secret; mount a projected one';
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
const UID = /^[\x21-\x7e]+$/;
const MAX_UID_CHARACTERS = 128;
/** Members of tokens that API servers send to webhooks (KEP-6060): never accepted from a workload (K25). */
const WEBHOOK_MEMBERS = ['validatingWebhookConfiguration', 'mutatingWebhookConfiguration', 'attestationClaims'];

/**
 * What a projected ServiceAccount token proves (K1, K20 to K26): `sub` and the `kubernetes.io` claims must tell the same
 * story, names must be names, the uid must be there, and what the token is bound to is told as it is.
 *
 * Throws OAuthError `token_claims` and those of `checkClaims`.
 */
export function kubernetesIdentity(token: SignedToken, cluster: string, spiffePath: string): KubernetesIdentity {
  const refuse = (detail: string) => new OAuthError('token_claims', { detail, issuer: token.issuer.name });
  refuseForeignKinds(token.claims, refuse);
  const about = token.claims['kubernetes.io'];
  if (!isJsonObject(about)) throw refuse('kubernetes.io is missing');
  refuseForeignKinds(about, refuse);
  const checked = checkClaims(token.claims, token.issuer, token.now, {
    endsBy: warnAfter(about, refuse),
    nbfRequired: true,
  });
  const { namespace, serviceAccount, serviceAccountUid } = account(about, refuse);
  if (checked.subject !== `system:serviceaccount:${namespace}:${serviceAccount}`) {
    throw refuse('sub differs from the kubernetes.io claims');
  }
  const spiffeId = spiffeIdFromPath(token.trustDomain, spiffePath, (name) => {
    if (name === 'cluster') return cluster;
    if (name === 'namespace') return namespace;
    return name === 'serviceAccount' ? serviceAccount : undefined;
  });
  return {
    kind: 'kubernetes',
    cluster,
    namespace,
    serviceAccount,
    serviceAccountUid,
    liveness: 'not_asked',
    ...identityBase(token, checked),
    ...(spiffeId === undefined ? {} : { spiffeId }),
    ...binding(about, refuse),
  };
}

type Refuse = (detail: string) => OAuthError;

function refuseForeignKinds(claims: JsonObject, refuse: Refuse): void {
  for (const name of Object.keys(claims)) if (name.startsWith('kubernetes.io/serviceaccount')) throw refuse(LEGACY);
  if (claims['iss'] === LEGACY_ISSUER) throw refuse(LEGACY);
  // What the strict reader made inherits nothing, so these are its own.
  if (WEBHOOK_MEMBERS.some((member) => member in claims)) throw refuse('a token for webhooks, not for workloads');
}

function warnAfter(about: JsonObject, refuse: Refuse): number | undefined {
  const { warnafter } = about;
  if (warnafter === undefined) return undefined;
  if (typeof warnafter !== 'number') throw refuse('warnafter is not a number');
  return warnafter;
}

function account(about: JsonObject, refuse: Refuse) {
  const { namespace, serviceaccount } = about;
  if (typeof namespace !== 'string' || !LABEL.test(namespace)) throw refuse('namespace is not a DNS label');
  const { name, uid } = object(serviceaccount, 'serviceaccount', refuse);
  if (uid === undefined) throw refuse('serviceaccount has no uid');
  return { namespace, serviceAccount: name, serviceAccountUid: uid };
}

/** Bound to a pod, a Secret, or a node; a node beside a pod is information (K25). */
function binding(about: JsonObject, refuse: Refuse): Pick<KubernetesIdentity, 'pod' | 'node' | 'binding'> {
  const { pod, node, secret } = about;
  const boundNode = node === undefined ? {} : { node: object(node, 'node', refuse) };
  if (secret !== undefined) {
    if (pod !== undefined || node !== undefined) throw refuse('bound to a Secret and to something else');
    withUid(secret, 'secret', refuse);
    return { binding: 'secret' };
  }
  if (pod !== undefined) return { binding: 'pod', pod: withUid(pod, 'pod', refuse), ...boundNode };
  return { binding: node === undefined ? 'none' : 'node', ...boundNode };
}

function object(value: JsonValue | undefined, what: string, refuse: Refuse): { name: string; uid?: string } {
  if (!isJsonObject(value)) throw refuse(`${what} is missing or not an object`);
  const { name, uid } = value;
  if (typeof name !== 'string' || name.length > 253 || !SUBDOMAIN.test(name)) {
    throw refuse(`the name of ${what} is not a DNS name`);
  }
  if (uid === undefined) return { name };
  if (typeof uid !== 'string' || uid.length > MAX_UID_CHARACTERS || !UID.test(uid))
    throw refuse(`the uid of ${what} is malformed`);
  return { name, uid };
}

function withUid(value: JsonValue, what: string, refuse: Refuse): { name: string; uid: string } {
  const { name, uid } = object(value, what, refuse);
  if (uid === undefined) throw refuse(`${what} has no uid`);
  return { name, uid };
}
