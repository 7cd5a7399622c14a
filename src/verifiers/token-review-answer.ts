import type { KubernetesIdentity } from '../core/identity.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import type { OutboundAnswer } from '../outbound/outbound.ts';
import { parseStrictJsonObject, StrictJsonError } from './strict-json.ts';

/** What a review has to confirm: that this token, for this audience, is still this identity. */
export interface Claimed {
  readonly identity: KubernetesIdentity;
  readonly audience: string;
}

/** Why an answer is no answer. `message` holds nothing of it. */
export class ReviewAnswerError extends Error {
  override readonly name = 'ReviewAnswerError';
}

const LIMITS = { maxDepth: 16, maxMembers: 1024 };
const POD_UID = 'authentication.kubernetes.io/pod-uid';

/**
 * What an API server says of a token: still valid, or no longer. An answer counts as valid only when it names the
 * audience and the very same account and pod (K33). Throws ReviewAnswerError for everything that is neither, so that a
 * server that is not the token's own, or no API server at all, is never taken for a verdict.
 */
export function readReview(answer: OutboundAnswer, claimed: Claimed): 'valid' | 'revoked' {
  if (answer.status !== 201 && answer.status !== 200) throw new ReviewAnswerError(refusalOf(answer.status));
  const type = answer.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json') throw new ReviewAnswerError('the answer is not JSON');
  const status = statusOf(answer.body);
  const { authenticated, audiences, user } = status;
  // Go leaves `authenticated` out when it is false.
  if (authenticated === undefined || authenticated === false) return 'revoked';
  if (authenticated !== true) throw new ReviewAnswerError('authenticated is not a boolean');
  if (!Array.isArray(audiences) || !audiences.includes(claimed.audience)) {
    throw new ReviewAnswerError('the API server does not confirm the audience');
  }
  if (!isSame(user, claimed.identity)) throw new ReviewAnswerError('the API server names another account or pod');
  return 'valid';
}

function refusalOf(status: number): string {
  if (status === 401) return "401; the bearer token must be one for the API server's own audience";
  if (status === 403) return '403; bind the ClusterRole system:auth-delegator to whom Carnet asks as';
  return `status ${status}`;
}

function statusOf(body: Buffer): JsonObject {
  const review = parse(body);
  if (review['kind'] !== 'TokenReview' || review['apiVersion'] !== 'authentication.k8s.io/v1') {
    throw new ReviewAnswerError('the answer is not a TokenReview');
  }
  const { status } = review;
  if (!isJsonObject(status)) throw new ReviewAnswerError('the TokenReview has no status');
  return status;
}

function parse(body: Buffer): JsonObject {
  try {
    return parseStrictJsonObject(body, LIMITS);
  } catch (error) {
    if (error instanceof StrictJsonError) throw new ReviewAnswerError(error.message);
    throw error;
  }
}

function isSame(user: JsonValue | undefined, identity: KubernetesIdentity): boolean {
  if (!isJsonObject(user)) return false;
  if (user['username'] !== identity.subject || user['uid'] !== identity.serviceAccountUid) return false;
  const { extra } = user;
  const podUids = isJsonObject(extra) ? extra[POD_UID] : undefined;
  if (identity.pod === undefined) return podUids === undefined;
  return Array.isArray(podUids) && podUids.length === 1 && podUids[0] === identity.pod.uid;
}
