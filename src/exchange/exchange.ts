import { randomUUID } from 'node:crypto';
import { RecordedCase } from '../audit/recorded-case.ts';
import { toSeconds } from '../core/clock.ts';
import type { Allowed, Decision } from '../core/decision.ts';
import type { VerifiedIdentity } from '../core/identity.ts';
import { OAuthError } from '../core/oauth-error.ts';
import { DECIDER, decide } from '../policy/decide.ts';
import type { Snapshot } from '../policy/snapshot.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Verify } from '../verifiers/verify.ts';
import type { AccessAsking } from './access-asking.ts';
import type { AccessUse } from './access-use.ts';
import type { Exchange, ExchangeRequest } from './exchange-request.ts';
import type { IdentityRate } from './identity-rate.ts';
import { type IssuingDeps, release } from './issuing.ts';
import type { Case } from './journal.ts';
import type { SingleUse } from './single-use.ts';

export interface ExchangeDeps extends IssuingDeps {
  readonly verify: Verify;
  readonly rate: Pick<IdentityRate, 'admit'>;
  readonly metrics: Pick<Metrics, 'decisionsBeside'>;
  readonly singleUse: Pick<SingleUse, 'consume'>;
  readonly accessAsking: Pick<AccessAsking, 'ask'>;
  readonly accessUse: Pick<AccessUse, 'take'>;
}

/**
 * The main use case: verify, decide, record, issue, record, on one snapshot, within its limits (DESIGN section 4). Every
 * failure is an OAuthError, and none of them leaves a credential that the audit log does not name.
 */
export function createExchange(deps: ExchangeDeps): Exchange {
  const { catalog, verify, journal, clock } = deps;
  return async (request, context) => {
    const snapshot = catalog.current();
    let identity: VerifiedIdentity;
    try {
      identity = await verify(request.subjectToken, request.subjectTokenType, snapshot.issuers);
    } catch (thrown) {
      throw unverified(journal, thrown);
    }
    const now = clock.now();
    const subject = openCase({ request, identity, snapshot, traceId: context.traceId, now });
    admit(deps, subject);
    const decision = decide(snapshot, identity, request.ask, now);
    for (const { mode, outcome } of decision.beside ?? []) deps.metrics.decisionsBeside.inc({ mode, outcome });
    askForAccess(deps, subject, decision);
    if (decision.outcome === 'refused') throw journal.refused(subject, decision);
    if (usesUp(decision)) await useUp(deps, subject, { snapshot, decision });
    await journal.allowed(subject, decision);
    return await release(deps, subject, decision);
  };
}

function unverified(journal: ExchangeDeps['journal'], thrown: unknown): OAuthError {
  const error = OAuthError.from(thrown);
  journal.counted(error, { verified: false });
  return error;
}

interface Opening {
  readonly request: ExchangeRequest;
  readonly identity: VerifiedIdentity;
  readonly snapshot: Snapshot;
  readonly traceId: string;
  /** Milliseconds. */
  readonly now: number;
}

function openCase({ request: { ask }, identity, snapshot, traceId, now }: Opening): Case {
  const { revision } = snapshot;
  const issuance = { id: randomUUID(), issuedAt: toSeconds(now), traceId };
  const request = {
    addresses: [ask.address],
    type: ask.requestedTokenType,
    scope: ask.scopes.length > 0 ? ask.scopes.join(' ') : undefined,
    ttl: ask.ttlSeconds,
  };
  const about = new RecordedCase({ traceId, revision, decider: DECIDER, identity, request });
  return { revision, ask, identity, issuance, about };
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

/** Nobody waits for it: the refusal names the request that is, or will be, open. */
function askForAccess({ accessAsking }: ExchangeDeps, { identity, issuance }: Case, decision: Decision): void {
  if (decision.outcome === 'allowed' || decision.awaiting === undefined) return;
  accessAsking.ask({ identity, awaited: decision.awaiting, traceId: issuance.traceId });
}

function usesUp({ replay, grant }: Allowed): boolean {
  return replay !== undefined || grant.access?.counted === true;
}

interface Verdict {
  readonly snapshot: Snapshot;
  readonly decision: Allowed;
}

/** What policy refuses uses nothing up; what fails after this stays used up (R5). */
async function useUp(deps: ExchangeDeps, subject: Case, { snapshot, decision }: Verdict): Promise<void> {
  const { replay, grant } = decision;
  try {
    if (replay !== undefined) await deps.singleUse.consume(subject.identity, snapshot.issuers);
    // A token that was used already takes no use of the access.
    if (grant.access?.counted) await deps.accessUse.take(grant.access);
  } catch (thrown) {
    const error = OAuthError.from(thrown);
    deps.journal.limited(subject, error, decision.mapping);
    throw error;
  }
}
