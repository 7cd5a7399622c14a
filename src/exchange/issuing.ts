import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../core/clock.ts';
import type { Credential, Target } from '../core/credential.ts';
import type { Allowed, Grant } from '../core/decision.ts';
import { OAuthError } from '../core/oauth-error.ts';
import type { Soon } from '../core/soon.ts';
import { decide } from '../policy/decide.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { CloudCredentials } from './cloud-credentials.ts';
import { type Case, type Journal, signedHere } from './journal.ts';
import type { CloudGrant } from './target-account.ts';

export type ExchangeTargets = {
  readonly [K in Grant['kind']]: Target<Extract<Grant, { kind: K }>, Soon<Credential>>;
};

export interface IssuingDeps {
  readonly catalog: { current(): Snapshot };
  readonly journal: Journal;
  readonly targets: ExchangeTargets;
  readonly clouds: Pick<CloudCredentials, 'obtain'>;
  readonly clock: Clock;
}

/** The credential of a decision that is durable. Whatever is not released after that is recorded as failed. */
export async function release(deps: IssuingDeps, subject: Case, allowed: Allowed): Promise<Credential> {
  const { grant } = allowed;
  try {
    // The record was waited for: who was stopped meanwhile is given nothing.
    assertNotStopped(deps, subject, grant);
    const issued = signedHere(grant) ? issue(deps, subject, grant) : fromCloud(deps, subject, { ...allowed, grant });
    const credential = issued instanceof Promise ? await issued : issued;
    // What was signed here is not issued yet, so who is stopped now leaves no trace of it.
    assertNotStopped(deps, subject, grant);
    if (signedHere(grant)) deps.journal.signed(subject, grant, credential);
    return credential;
  } catch (thrown) {
    throw recordedFailure(deps, subject, grant, thrown);
  }
}

interface AllowedFromCloud extends Allowed {
  readonly grant: CloudGrant;
}

async function fromCloud(deps: IssuingDeps, subject: Case, allowed: AllowedFromCloud): Promise<Credential> {
  const { clouds, journal } = deps;
  const { grant, replay } = allowed;
  const { credential, reused } = await clouds.obtain({
    grant,
    identity: subject.identity,
    issuedAt: subject.issuance.issuedAt,
    alone: replay === 'once' || grant.access?.counted === true,
    issue: () => opened(deps, subject, grant),
    renew: () => renewed(deps, subject, allowed),
  });
  if (reused) await journal.reused(subject, grant, credential);
  return credential;
}

/** What a cloud has opened is there, stopped or not: it is named before anybody can have it. */
async function opened(deps: IssuingDeps, subject: Case, grant: Grant): Promise<Credential> {
  // It may have waited in line: who was stopped meanwhile opens no session at a cloud.
  assertNotStopped(deps, subject, grant);
  const credential = await issue(deps, subject, grant);
  await deps.journal.opened(subject, grant, credential);
  return credential;
}

/** The records of a renewal are those of any issuance, under the trace of the request that found it to be time. */
async function renewed(deps: IssuingDeps, subject: Case, allowed: AllowedFromCloud): Promise<Credential> {
  const { grant } = allowed;
  await deps.journal.allowed(subject, allowed);
  try {
    return await opened(deps, subject, grant);
  } catch (thrown) {
    throw recordedFailure(deps, subject, grant, thrown);
  }
}

function recordedFailure({ journal }: IssuingDeps, subject: Case, grant: Grant, thrown: unknown): OAuthError {
  journal.failed(subject, grant, thrown);
  return OAuthError.from(thrown);
}

function issue({ targets }: IssuingDeps, { identity, issuance }: Case, grant: Grant): Soon<Credential> {
  switch (grant.kind) {
    case 'aws':
      return targets.aws.issue(grant, identity, issuance);
    case 'gcp':
      return targets.gcp.issue(grant, identity, issuance);
    case 'azure':
      return targets.azure.issue(grant, identity, issuance);
    case 'oauth':
      return targets.oauth.issue(grant, identity, issuance);
    case 'jwtSvid':
      return targets.jwtSvid.issue(grant, identity, issuance);
  }
}

/** A stop that came since the decision counts: what was allowed under older resources is decided again. */
function assertNotStopped({ catalog, clock }: IssuingDeps, subject: Case, grant: Grant): void {
  const snapshot = catalog.current();
  // Access ends, and is withdrawn, without any change of resources.
  if (snapshot.revision === subject.revision && grant.access === undefined) return;
  const decision = decide(beforeItsUse(snapshot, grant), subject.identity, subject.ask, clock.now());
  if (decision.outcome === 'allowed' && givesTheSame(decision.grant, grant)) return;
  throw new OAuthError('target_denied', {
    reason: decision.outcome === 'refused' && decision.reason ? decision.reason : 'inactive',
    detail: 'withdrawn by a change of resources or access while the credential was issued',
  });
}

/** The use that this credential has taken, perhaps the last, is no reason against it. */
function beforeItsUse(snapshot: Snapshot, { access }: Grant): Snapshot {
  const request = access?.counted && snapshot.access.get(access.request);
  return request && access ? { ...snapshot, access: new Map([[access.request, { ...request, uses: 0 }]]) } : snapshot;
}

/** A mapping that keeps its name and now gives another role, audience, form or less withdraws what it gave before. */
function givesTheSame(now: Grant, before: Grant): boolean {
  return isDeepStrictEqual(butForTtl(now), butForTtl(before));
}

/** The ttl follows the clock, and what was issued keeps the one it was recorded with. */
function butForTtl({ ttlSeconds: _ttl, ttlCeilingSeconds: _ceiling, ...rest }: Grant): object {
  return rest;
}
