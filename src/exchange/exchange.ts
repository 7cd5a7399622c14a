import { randomUUID } from 'node:crypto';
import { type Clock, toSeconds } from '../core/clock.ts';
import type { Credential, Target } from '../core/credential.ts';
import type { Decision, Grant } from '../core/decision.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import { OAuthError } from '../core/oauth-error.ts';
import { DECIDER, decide } from '../policy/decide.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { Verify } from '../verifiers/verify.ts';
import type { Exchange, ExchangeRequest } from './exchange-request.ts';
import type { IdentityRate } from './identity-rate.ts';
import { type Case, type Journal, signedHere } from './journal.ts';
import type { SingleUse } from './single-use.ts';

export interface ExchangeDeps {
  readonly catalog: { current(): Snapshot };
  readonly verify: Verify;
  readonly rate: Pick<IdentityRate, 'admit'>;
  readonly singleUse: Pick<SingleUse, 'consume'>;
  readonly journal: Journal;
  readonly targets: { readonly [K in Grant['kind']]: Target<Extract<Grant, { kind: K }>> };
  readonly clock: Clock;
}

/**
 * The main use case: verify, decide, record, issue, record, on one snapshot, within its limits (DESIGN section 4). Every
 * failure is an OAuthError, and none of them leaves a credential that the audit log does not name.
 */
export function createExchange(deps: ExchangeDeps): Exchange {
  const { catalog, journal, clock } = deps;
  return async (request, context) => {
    const snapshot = catalog.current();
    const identity = await verified(deps, request, snapshot);
    const subject = openCase(deps, { request, identity, snapshot, traceId: context.traceId });
    admit(deps, subject);
    const decision = decide(snapshot, identity, request.ask, clock.now());
    await useUp(deps, subject, { snapshot, decision });
    const grant = await journal.allowed(subject, decision);
    return issued(deps, subject, grant);
  };
}

async function verified({ verify, journal }: ExchangeDeps, request: ExchangeRequest, snapshot: Snapshot) {
  try {
    return await verify(request.subjectToken, request.subjectTokenType, snapshot.issuers);
  } catch (thrown) {
    const error = OAuthError.from(thrown);
    journal.counted(error, { verified: false });
    throw error;
  }
}

interface Opening {
  readonly request: ExchangeRequest;
  readonly identity: VerifiedIdentity;
  readonly snapshot: Snapshot;
  readonly traceId: string;
}

function openCase({ clock }: ExchangeDeps, { request, identity, snapshot, traceId }: Opening): Case {
  const issuance = { id: randomUUID(), issuedAt: toSeconds(clock.now()), traceId };
  return { traceId, revision: snapshot.revision, decider: DECIDER, request, identity, issuance };
}

/** After verification, so that nobody can use up the allowance of somebody else; before policy, whose work it bounds. */
function admit({ rate, journal }: ExchangeDeps, subject: Case): void {
  const { identity } = subject;
  const admission = rate.admit(identity);
  if (admission.admitted) return;
  const { retryAfterSeconds, worthRecord } = admission;
  const detail = 'the identity asks too often';
  const error = new OAuthError('rate_limited', { detail, retryAfterSeconds, issuer: identity.issuer });
  if (worthRecord) journal.limited(subject, error);
  else journal.counted(error, { verified: true });
  throw error;
}

interface Verdict {
  readonly snapshot: Snapshot;
  readonly decision: Decision;
}

/** What policy refuses uses nothing up; what fails after this stays used up (R5). */
async function useUp(deps: ExchangeDeps, subject: Case, { snapshot, decision }: Verdict): Promise<void> {
  if (decision.outcome === 'refused' || decision.replay === undefined) return;
  try {
    await deps.singleUse.consume(subject.identity, snapshot.issuers);
  } catch (thrown) {
    const error = OAuthError.from(thrown);
    deps.journal.limited(subject, error, decision.mapping);
    throw error;
  }
}

async function issued(deps: ExchangeDeps, subject: Case, grant: Grant): Promise<Credential> {
  const { journal } = deps;
  try {
    // The record was waited for: who was stopped meanwhile opens no session at a cloud.
    assertNotStopped(deps, subject, grant);
    const credential = await issue(deps, subject, grant);
    // What a cloud has opened is there, stopped or not, and is named first; what was signed here is not issued yet.
    if (signedHere(grant)) assertNotStopped(deps, subject, grant);
    await journal.issued(subject, grant, credential);
    assertNotStopped(deps, subject, grant);
    return credential;
  } catch (thrown) {
    journal.failed(subject, grant, thrown);
    throw OAuthError.from(thrown);
  }
}

function issue({ targets }: ExchangeDeps, { identity, issuance }: Case, grant: Grant): Promise<Credential> {
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
function assertNotStopped({ catalog, clock }: ExchangeDeps, subject: Case, grant: Grant): void {
  const snapshot = catalog.current();
  if (snapshot.revision === subject.revision) return;
  const decision = decide(snapshot, subject.identity, subject.request.ask, clock.now());
  if (decision.outcome === 'allowed' && givesTheSame(decision.grant, grant)) return;
  throw new OAuthError('target_denied', {
    reason: decision.outcome === 'refused' && decision.reason ? decision.reason : 'inactive',
    detail: 'withdrawn by a change of resources while the credential was issued',
  });
}

/** A mapping that keeps its name and now gives another role, audience or form withdraws what it gave before. */
function givesTheSame(now: Grant, before: Grant): boolean {
  return (
    now.mapping === before.mapping &&
    now.kind === before.kind &&
    now.targetId === before.targetId &&
    now.deliver === before.deliver
  );
}
