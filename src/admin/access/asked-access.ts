import type { AccessRequest, Beneficiary } from '../../resources/access-request.ts';
import { durationSeconds } from '../../resources/duration.ts';
import type { TrustedIssuers } from '../../resources/issuers.ts';
import { type Actor, personOf } from '../actor.ts';
import { AdminError } from '../admin-error.ts';
import type { JustInTimeMapping } from './just-in-time-mappings.ts';

/** Whoever opens access alone has it for no longer. */
const BREAK_GLASS_SECONDS = 3600;

/** Access that a person asks for, on behalf of a workload. */
export interface AccessWish {
  readonly mapping: string;
  /** A TrustedIssuer by name, and a ServiceAccount of a cluster or the `sub` of another issuer's tokens. */
  readonly identity: {
    readonly issuer: string;
    readonly namespace?: string | undefined;
    readonly serviceAccount?: string | undefined;
    readonly subject?: string | undefined;
  };
  readonly reason?: string | undefined;
  readonly durationSeconds?: number | undefined;
  readonly breakGlass?: boolean | undefined;
}

interface Asking {
  readonly actor: Actor;
  readonly mapping: JustInTimeMapping;
  readonly issuers: TrustedIssuers;
  /** Milliseconds. */
  readonly now: number;
}

/** The request that a wish makes: open, or by break-glass approved. Throws AdminError `invalid` naming the field. */
export function askedAccess(wish: AccessWish, { actor, mapping, issuers, now }: Asking): AccessRequest {
  const { reason, breakGlass = false } = wish;
  const { name, version, access } = mapping;
  if (reason === undefined && (breakGlass || access.reason === 'required')) throw invalid('reason', 'is required');
  const ceiling = Math.min(
    durationSeconds(access.maxDuration),
    breakGlass ? BREAK_GLASS_SECONDS : Number.POSITIVE_INFINITY,
  );
  const wished = wish.durationSeconds ?? ceiling;
  if (wished > ceiling) throw invalid('duration', `must be at most ${ceiling} s`);
  return {
    mapping: name,
    identity: beneficiary(wish.identity, issuers),
    ...(reason !== undefined && { reason }),
    durationSeconds: wished,
    state: 'asked',
    mappingVersion: version,
    askedAt: now,
    askedBy: personOf(actor),
    needed: access.approvals,
    approvals: [],
    ...(access.maxUses !== undefined && { maxUses: access.maxUses }),
    uses: 0,
    ...(breakGlass && { breakGlass, ...windowOf(now, wished) }),
  };
}

/** What an approved request says beside what was asked. */
export function windowOf(now: number, seconds: number) {
  return { state: 'approved' as const, from: now, notAfter: now + seconds * 1000 };
}

function beneficiary(
  { issuer, namespace, serviceAccount, subject }: AccessWish['identity'],
  issuers: TrustedIssuers,
): Beneficiary {
  const profile = issuers.byName.get(issuer)?.profile;
  if (profile === undefined) throw invalid('identity.issuer', 'is no TrustedIssuer that is in force');
  const isCluster = profile.kind === 'kubernetes';
  if (isCluster && namespace !== undefined && serviceAccount !== undefined && subject === undefined) {
    return { issuer, subject: `system:serviceaccount:${namespace}:${serviceAccount}` };
  }
  if (!isCluster && subject !== undefined && namespace === undefined && serviceAccount === undefined) {
    return { issuer, subject };
  }
  const wanted = isCluster ? 'namespace and serviceAccount' : 'subject';
  throw invalid('identity', `must have issuer and ${wanted} for this issuer`);
}

function invalid(field: string, detail: string): AdminError {
  return new AdminError('invalid', { field, detail });
}
