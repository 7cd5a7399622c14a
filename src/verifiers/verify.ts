import type { Clock } from '../core/clock.ts';
import type { KubernetesIdentity, VerifiedIdentity } from '../core/identity.ts';
import { OAuthError } from '../core/oauth-error.ts';
import type { Secret } from '../core/secret.ts';
import { after, type Soon } from '../core/soon.ts';
import { TokenType } from '../core/token-types.ts';
import type { TokenReview, TrustedIssuer, TrustedIssuers } from '../resources/issuers.ts';
import { asAnswered } from './as-answered.ts';
import { type CompactJws, readCompactJws } from './compact-jws.ts';
import type { Effort, KeyLookup } from './held-keys.ts';
import type { IssuerKeys } from './issuer-keys.ts';
import { kubernetesIdentity, LEGACY_ISSUER } from './kubernetes.ts';
import { oidcIdentity } from './oidc.ts';
import type { SignedToken } from './profile.ts';
import type { BoundCheck } from './signature-check.ts';
import { type Holder, signerAmong } from './signer-among.ts';
import type { ReviewToken } from './token-review.ts';

/** A subject token, the type the caller says it has, and the issuers of the request's snapshot. */
export type Verify = (token: Secret, tokenType: TokenType, issuers: TrustedIssuers) => Promise<VerifiedIdentity>;

export interface VerifierDeps {
  readonly keys: Pick<IssuerKeys, 'find'>;
  readonly clock: Clock;
  /** Absent: tokens of issuers that ask for a review are refused. */
  readonly review?: ReviewToken;
  /** Around every check of a signature, so that forgeries can be kept from crowding out the rest. Absent: no bound. */
  readonly bound?: BoundCheck;
}

const unbounded: BoundCheck = (_, check) => check();

/** Issuers that share an `iss` and a `kid`: more are refused, so that one token costs at most this many verifications. */
const MAX_HOLDERS = 4;

/**
 * Verifies a subject token in the order that spends least on forgeries: form, issuer by exact `iss`, token type and
 * algorithm by configuration, key by `kid`, one signature check, claims (V1 to V11, K19 to K26). Where issuers share an
 * `iss`, exactly one key must verify (K3). Where the issuer wants it, its API server has the last word (K32).
 *
 * Throws OAuthError `token_malformed`, `token_issuer`, `token_type_for_issuer`, `token_signature`, `token_audience`,
 * `token_expired`, `token_not_yet_valid`, `token_lifetime`, `token_claims`, `keys_unavailable`, `token_revoked`,
 * `review_unavailable`, `internal` where a signature could not be checked, or what `bound` throws; `issuer` is set where the error concerns one. Nothing of the token is in the error.
 */
export function createVerifier({ keys, clock, review, bound = unbounded }: VerifierDeps): Verify {
  return async (token, tokenType, issuers) => {
    const now = clock.now();
    const jws = readCompactJws(token);
    const candidates = selectIssuers(jws, tokenType, issuers, now);
    const found = signer({ jws, token, candidates, keys, bound });
    const issuer = found instanceof Promise ? await found : found;
    jws.claimNames?.signed(jws.unverifiedClaims);
    const signed = {
      issuer,
      claims: jws.unverifiedClaims,
      signingInput: jws.signingInput,
      trustDomain: issuers.trustDomain,
      now,
    };
    const identity = identityOf(signed);
    const wanted = issuer.profile.kind === 'kubernetes' ? issuer.profile.tokenReview : undefined;
    if (identity.kind !== 'kubernetes' || wanted === undefined) return identity;
    return reviewed(identity, wanted, { signed, token, review });
  };
}

/** The issuers that may have written the token, by configuration alone; never empty. */
function selectIssuers(
  { alg, unverifiedClaims: { iss } }: CompactJws,
  tokenType: TokenType,
  issuers: TrustedIssuers,
  now: number,
): readonly TrustedIssuer[] {
  if (typeof iss !== 'string') throw new OAuthError('token_issuer', { detail: 'iss is missing or not a string' });
  const named = issuers.byIss.get(iss) ?? [];
  if (named.length === 0) throw new OAuthError('token_issuer', { detail: unknownIssuer(iss) });
  const current = those(named, (one) => accepts(one, iss, now));
  if (current.length === 0) {
    throw new OAuthError('token_issuer', { detail: 'a previous issuer after its notAfter', ...aboutOne(named) });
  }
  const typed = those(current, ({ profile }) => acceptsType(profile.kind, tokenType));
  if (typed.length === 0) {
    throw new OAuthError('token_type_for_issuer', {
      detail: 'only an OIDC issuer writes ID tokens',
      ...aboutOne(current),
    });
  }
  const able = those(typed, ({ algorithms }) => algorithms.includes(alg));
  if (able.length === 0) {
    throw new OAuthError('token_signature', { detail: `${alg} is not accepted from this issuer`, ...aboutOne(typed) });
  }
  return able;
}

/** The list as it is where all of it passes, as it mostly does. */
function those(issuers: readonly TrustedIssuer[], passes: (one: TrustedIssuer) => boolean): readonly TrustedIssuer[] {
  return issuers.every(passes) ? issuers : issuers.filter(passes);
}

function unknownIssuer(iss: string): string {
  return iss === LEGACY_ISSUER
    ? 'a legacy ServiceAccount token from a Secret; mount a projected one'
    : 'no issuer of this name is configured';
}

function accepts({ issuer, previousIssuers }: TrustedIssuer, iss: string, now: number): boolean {
  return issuer === iss || previousIssuers.some((previous) => previous.issuer === iss && now < previous.notAfter);
}

function acceptsType(kind: TrustedIssuer['profile']['kind'], tokenType: TokenType): boolean {
  return tokenType === TokenType.jwt || (tokenType === TokenType.idToken && kind === 'oidc');
}

function aboutOne(issuers: readonly TrustedIssuer[]): { issuer?: string } {
  const only = onlyOf(issuers);
  return only === undefined ? {} : { issuer: only.name };
}

function onlyOf(issuers: readonly TrustedIssuer[]): TrustedIssuer | undefined {
  return issuers.length === 1 ? issuers[0] : undefined;
}

interface Search {
  readonly jws: CompactJws;
  readonly token: Secret;
  readonly candidates: readonly TrustedIssuer[];
  readonly keys: Pick<IssuerKeys, 'find'>;
  readonly bound: BoundCheck;
}

interface Found {
  readonly issuer: TrustedIssuer;
  readonly lookup: KeyLookup;
}

/** How far one goes for keys of issuers that share an `iss`: they are fetched only when they must be. */
const EFFORTS: readonly Effort[] = ['ready', 'held', 'seek'];

/** The one issuer whose key verifies the token. */
function signer(search: Search): Soon<TrustedIssuer> {
  const only = onlyOf(search.candidates);
  return only === undefined ? signerOfSeveral(search) : signerOfOne(search, only);
}

function signerOfOne(search: Search, issuer: TrustedIssuer): Soon<TrustedIssuer> {
  return after(search.keys.find(issuer, search.jws.kid, 'seek'), (lookup) => {
    const found = [{ issuer, lookup }];
    return after(verifyAll(search, found), (signed) => {
      if (signed === undefined) throw notSigned(search.candidates, found);
      return signed;
    });
  });
}

/**
 * Issuers that share an `iss` are looked through in memory first, so that
 * a token of one costs its twins no fetch. Only when none of those keys verifies are keys renewed, and then the others
 * asked: a `kid` is free text, so two clusters may use the same one. A key counts for one issuer only, so the first that
 * verifies is the only one, and a twin that answers slowly or has a key that cannot be used holds up nobody.
 */
async function signerOfSeveral(search: Search): Promise<TrustedIssuer> {
  const { candidates } = search;
  const holders: Found[] = [];
  let others: Found[] = [];
  let waiting = candidates;
  let failure: OAuthError | undefined;
  for (const effort of EFFORTS) {
    others = [];
    for await (const found of lookUp(search, waiting, effort)) {
      const holding = found.filter(({ lookup }) => lookup.found === 'key');
      holders.push(...holding);
      others.push(...found.filter(({ lookup }) => lookup.found !== 'key'));
      if (holders.length > MAX_HOLDERS) throw tooMany();
      const signed = await verifyAllOrFail(search, holding);
      if (signed instanceof OAuthError) failure = signed;
      else if (signed !== undefined) return signed;
    }
    waiting = others.map(({ issuer }) => issuer);
  }
  throw failure ?? notSigned(candidates, [...holders, ...others]);
}

/** A check that failed says nothing about the keys of the others. */
async function verifyAllOrFail(
  search: Search,
  found: readonly Found[],
): Promise<TrustedIssuer | OAuthError | undefined> {
  try {
    return await verifyAll(search, found);
  } catch (error) {
    if (error instanceof OAuthError && error.key === 'internal') return error;
    throw error;
  }
}

/** What is in memory comes at once and together, so that the same token always has the same outcome. */
async function* lookUp({ keys, jws }: Search, issuers: readonly TrustedIssuer[], effort: Effort) {
  const lookups = issuers.map(
    async (issuer): Promise<Found> => ({ issuer, lookup: await keys.find(issuer, jws.kid, effort) }),
  );
  if (effort === 'ready') yield await Promise.all(lookups);
  else yield* asAnswered(lookups);
}

function verifyAll(search: Search, found: readonly Found[]): Soon<TrustedIssuer | undefined> {
  const { jws, token, candidates, bound } = search;
  const fitting: Holder[] = [];
  for (const { issuer, lookup } of found) {
    if (lookup.found === 'key' && lookup.key.alg === jws.alg) fitting.push({ issuer, key: lookup.key });
  }
  if (fitting.length === 0) return undefined;
  const { iss, sub } = jws.unverifiedClaims;
  const named = onlyOf(candidates)?.name;
  const presented = {
    token,
    issuer: named,
    iss: String(iss),
    subject: typeof sub === 'string' ? sub : '',
    keys: fitting.map(({ key }) => key),
  };
  return bound(presented, () => signerAmong(fitting, { jws, named }));
}

function tooMany(): OAuthError {
  return new OAuthError('token_signature', { detail: `more than ${MAX_HOLDERS} issuers hold this kid` });
}

function notSigned(candidates: readonly TrustedIssuer[], found: readonly Found[]): OAuthError {
  for (const { issuer, lookup } of found) {
    if (lookup.found !== 'unavailable') continue;
    const { reason, retryAfterSeconds } = lookup;
    return new OAuthError('keys_unavailable', { detail: reason, issuer: issuer.name, retryAfterSeconds });
  }
  const held = found.some(({ lookup }) => lookup.found === 'key');
  const detail = held ? 'the signature does not verify' : 'the issuer has no key with this kid';
  return new OAuthError('token_signature', { detail, ...aboutOne(candidates) });
}

function identityOf(token: SignedToken): VerifiedIdentity {
  const { profile } = token.issuer;
  switch (profile.kind) {
    case 'kubernetes':
      return kubernetesIdentity(token, profile.cluster, profile.spiffePath);
    case 'oidc':
      return oidcIdentity(token, profile);
  }
}

interface Reviewing {
  readonly signed: SignedToken;
  readonly token: Secret;
  readonly review: ReviewToken | undefined;
}

/** Last of all, so that no forged token ever costs the cluster a request (K32). */
async function reviewed(
  identity: KubernetesIdentity,
  wanted: TokenReview,
  { signed: { issuer, claims, signingInput }, token, review }: Reviewing,
): Promise<KubernetesIdentity> {
  const audience = [claims['aud'] ?? []].flat().find((one) => issuer.audiences.includes(String(one)));
  if (review === undefined || audience === undefined) {
    throw new OAuthError('review_unavailable', { detail: 'nothing here can review it', issuer: issuer.name });
  }
  const liveness = await review({ token, signingInput, audience: String(audience), identity }, wanted);
  return { ...identity, liveness };
}
