import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/clock.ts';
import { FairLine } from '../core/fair-line.ts';
import type { KubernetesIdentity } from '../core/identity.ts';
import { lazily } from '../core/lazily.ts';
import { OAuthError } from '../core/oauth-error.ts';
import type { Secret } from '../core/secret.ts';
import { type Outbound, OutboundError } from '../outbound/outbound.ts';
import type { TokenReview } from '../resources/issuers.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type ApiServer, ApiServerError, reachApiServer } from './api-server.ts';
import { SmallFileError } from './small-file.ts';
import { ReviewAnswerError, readReview } from './token-review-answer.ts';

/** A token whose signature and claims have been verified locally; nothing else may be reviewed (K32). */
export interface ReviewedToken {
  readonly token: Secret;
  /** What is signed: names the token in the cache. */
  readonly signingInput: string;
  /** The configured audience that the token carries. */
  readonly audience: string;
  readonly identity: KubernetesIdentity;
}

/**
 * Asks the token's API server whether it still counts: that its account and its pod still exist. Throws OAuthError
 * `token_revoked` when it does not, `review_unavailable` when nobody can say; `unreachable` is for mode `prefer` alone.
 */
export type ReviewToken = (token: ReviewedToken, review: TokenReview) => Promise<'reviewed' | 'unreachable'>;

export interface TokenReviewDeps {
  readonly outbound: Outbound;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, 'tokenReviews'>;
}

type Verdict =
  | { readonly kind: 'valid' | 'revoked' /** Milliseconds, from before it was asked. */; readonly at: number }
  | { readonly kind: 'unreachable' | 'failed'; readonly detail: string };
type Outcome = Extract<Verdict, { at: number }>;

const PATH = '/apis/authentication.k8s.io/v1/tokenreviews';
const VALID_MS = 10_000;
const REVOKED_MS = 2_000;
const MAX_REMEMBERED = 10_000;
/**
 * For each issuer. One API server that hangs holds this many exchanges, and leaves room for the fetching of keys. Accounts
 * take turns in the line, so that one with very many tokens makes nobody but itself come back.
 */
const LINE = { atOnce: 16, places: 48 };
const MAX_LINES = 4096;
const DEADLINE_MS = 2_000;
const MAX_ANSWER_BYTES = 64 * 1024;
const RETRY_AFTER_SECONDS = 2;

/**
 * Reviews with a memory of 10 s for what is valid and 2 s for what is not, and one request at a time for one token (K33,
 * K34). What was refused once stays refused while nobody can be reached.
 */
export function createTokenReview(deps: TokenReviewDeps): ReviewToken {
  const { clock, metrics } = deps;
  const outcomes = lazily(() => new LRUCache<string, Outcome>({ max: MAX_REMEMBERED }));
  const flights = new Map<string, Promise<Verdict>>();
  const lines = lazily(() => new LRUCache<string, FairLine>({ max: MAX_LINES }));

  async function ask(key: string, token: ReviewedToken, review: TokenReview): Promise<Verdict> {
    const { issuer, subject } = token.identity;
    const line = lines().get(issuer) ?? new FairLine(LINE);
    lines().set(issuer, line);
    const verdict = await line.run(subject, () => attempt(deps, token, review));
    if (verdict === 'refused') return { kind: 'failed', detail: 'too many reviews are under way' };
    const known = outcomes().get(key);
    // Whoever holds a refused token may wait for an outage, or make one.
    if (verdict.kind === 'unreachable' && known?.kind === 'revoked') return known;
    if ('at' in verdict) outcomes().set(key, verdict);
    return verdict;
  }

  function verdictOf(key: string, token: ReviewedToken, review: TokenReview): Promise<Verdict> | Outcome {
    const known = outcomes().get(key);
    if (known !== undefined && isFresh(known, clock.now())) return known;
    const flight = flights.get(key) ?? ask(key, token, review).finally(() => flights.delete(key));
    flights.set(key, flight);
    return flight;
  }

  return async (token, review) => {
    const verdict = await verdictOf(keyOf(token, review), token, review);
    const { issuer } = token.identity;
    metrics.tokenReviews.inc({ issuer, outcome: verdict.kind });
    switch (verdict.kind) {
      case 'valid':
        return 'reviewed';
      case 'revoked':
        throw new OAuthError('token_revoked', { detail: 'the API server no longer accepts it', issuer });
      case 'unreachable':
        if (review.mode === 'prefer') return 'unreachable';
        throw unavailable(issuer, verdict.detail);
      case 'failed':
        throw unavailable(issuer, verdict.detail);
    }
  };
}

function unavailable(issuer: string, detail: string): OAuthError {
  return new OAuthError('review_unavailable', { detail, issuer, retryAfterSeconds: RETRY_AFTER_SECONDS });
}

/** Where it was asked belongs to it: a server that is configured anew is asked anew. */
function keyOf({ identity, signingInput, audience }: ReviewedToken, { server }: TokenReview): string {
  const hash = createHash('sha256').update(signingInput).digest('base64url');
  return JSON.stringify([identity.issuer, audience, server, hash]);
}

function isFresh({ kind, at }: Outcome, now: number): boolean {
  const age = now - at;
  // A clock that was set back makes nothing live longer.
  return age >= 0 && age < (kind === 'valid' ? VALID_MS : REVOKED_MS);
}

async function attempt(
  { outbound, clock }: TokenReviewDeps,
  token: ReviewedToken,
  review: TokenReview,
): Promise<Verdict> {
  const at = clock.now();
  try {
    const server = await reachApiServer(review.server);
    if (server.bearer === undefined) return { kind: 'failed', detail: 'there is no bearer token to ask with' };
    const answer = await outbound.request(requestOf(server, server.bearer, token));
    return { kind: readReview(answer, token), at };
  } catch (error) {
    return failureOf(error);
  }
}

function requestOf({ url, ca }: ApiServer, bearer: Secret, { token, audience }: ReviewedToken) {
  return {
    url: `${url}${PATH}`,
    method: 'POST',
    headers: {
      accept: 'application/json',
      'content-type': 'application/json',
      authorization: `Bearer ${bearer.reveal()}`,
    },
    body: JSON.stringify({
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token: token.reveal(), audiences: [audience] },
    }),
    ...(ca === undefined ? {} : { ca }),
    maxBytes: MAX_ANSWER_BYTES,
    timeoutMs: DEADLINE_MS,
    purpose: 'token-review',
  } as const;
}

/** Only silence is unreachable: a refusal, an answer that makes no sense or a fault of Carnet's own never lets a token pass. */
function failureOf(error: unknown): Verdict {
  if (error instanceof OutboundError) {
    const silent = error.failure === 'timeout' || error.failure === 'unreachable';
    return { kind: silent ? 'unreachable' : 'failed', detail: `${error.failure}: ${error.message}` };
  }
  if (error instanceof ReviewAnswerError || error instanceof ApiServerError || error instanceof SmallFileError) {
    return { kind: 'failed', detail: error.message };
  }
  throw error;
}
