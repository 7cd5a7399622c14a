import { TARGETS } from '../resources/targets/target.ts';
import type { Terms } from './compiled-mapping.ts';

export interface TtlQuestion {
  readonly terms: Terms;
  /** `requested_expires_in`. */
  readonly askedSeconds: number | undefined;
  /** The lowest cap of the guardrails that match. */
  readonly guardrailSeconds: number;
  /** The cap of the FederationGrant that covers the mapping. */
  readonly grantSeconds: number;
  /** What is left of the subject token. */
  readonly remainingSeconds: number;
  /** Whether the subject token is a Kubernetes projected token. */
  readonly projected: boolean;
  /** What is left of just-in-time access, where there needs to be some. */
  readonly accessSeconds?: number | undefined;
}

/** What limits a credential, seconds. Undefined is no limit that there could be; Infinity is one that does not bind here. */
interface Limits {
  readonly asked: number;
  readonly mapping: number;
  readonly guardrail: number;
  readonly grant: number | undefined;
  readonly subject: number;
  readonly access: number | undefined;
  readonly target: number;
}

/** `ttlText` puts it into words. */
export type TtlAnswer =
  | {
      readonly ok: true;
      readonly ttlSeconds: number;
      readonly limits: Limits;
      /** Present where `ttlSeconds` is a wish: what lives for longer than this is dropped. */
      readonly ttlCeilingSeconds?: number;
      readonly remark?: string;
    }
  | { readonly ok: false; readonly ttlSeconds: number; readonly limits: Limits; readonly remark: string };

/** How long an assertion handed to a workload lives; what the cloud gives for it is not Carnet's to shorten. */
const ASSERTION_SECONDS = 60;

/** The longest that a call to a target waits and takes: what it gives counts from when the target is reached. */
export const CALL_SECONDS = 20;

/** What is asked for, or the mapping's default. */
export function wishedSeconds({ deliver, ttl }: Terms, askedSeconds: number | undefined): number {
  return askedSeconds ?? (deliver === 'assertion' ? ASSERTION_SECONDS : ttl.defaultSeconds);
}

/** The least of all that limits the credential; below what the target can give it refuses and never rounds up (DESIGN section 6). */
export function ttlOf(question: TtlQuestion): TtlAnswer {
  const { terms, askedSeconds, guardrailSeconds, grantSeconds, remainingSeconds, projected } = question;
  const { cloud } = TARGETS[terms.target.kind];
  const { limits: target } = terms.ttl;
  const assertion = terms.deliver === 'assertion';
  const access = accessLimit(question, cloud);
  const outlive = terms.ttl.outliveSubject ?? (cloud && projected);
  const limits: Limits = {
    asked: wishedSeconds(terms, askedSeconds),
    mapping: assertion ? Math.min(ASSERTION_SECONDS, terms.ttl.maxSeconds) : terms.ttl.maxSeconds,
    guardrail: guardrailSeconds,
    grant: Number.isFinite(grantSeconds) ? grantSeconds : undefined,
    subject: outlive ? Number.POSITIVE_INFINITY : remainingSeconds,
    access,
    target: target.maxSeconds,
  };
  const ttlSeconds = least(limits);
  const minSeconds = assertion ? 1 : target.minSeconds;
  if (ttlSeconds < minSeconds) {
    const remark = `below the ${minSeconds} s that ${terms.target.kind} gives at least`;
    return { ok: false, ttlSeconds, limits, remark };
  }
  if (assertion || target.targetChooses === undefined) return { ok: true, ttlSeconds, limits };
  const { usualSeconds } = target.targetChooses;
  if (access !== undefined && usualSeconds !== undefined && access < usualSeconds) {
    return { ok: false, ttlSeconds, limits, remark: `${terms.target.kind} may give ${usualSeconds} s` };
  }
  return chosenByTarget(terms, ttlSeconds, limits);
}

function least({ asked, mapping, guardrail, grant, subject, access, target }: Limits): number {
  const mayBeAbsent = Math.min(grant ?? Number.POSITIVE_INFINITY, access ?? Number.POSITIVE_INFINITY);
  return Math.min(asked, mapping, guardrail, subject, target, mayBeAbsent);
}

/** Which limits there were, and what follows from them. */
export function ttlText({ ttlSeconds, limits, remark }: TtlAnswer): string {
  const told = Object.entries(limits)
    .filter(([, seconds]) => seconds !== undefined)
    .map(([name, seconds]) => `${name} ${Number.isFinite(seconds) ? `${seconds} s` : 'none'}`);
  return `${ttlSeconds} s, the least of ${told.join(', ')}${remark === undefined ? '' : `; ${remark}`}`;
}

/** How long what is given may live, so that it ends before the access does. */
function accessLimit({ accessSeconds }: TtlQuestion, cloud: boolean): number | undefined {
  return accessSeconds === undefined || !cloud ? accessSeconds : accessSeconds - CALL_SECONDS;
}

/**
 * Where the target alone chooses, the ttl is a wish, which needs to be accepted in writing (DESIGN section 7). Of an OAuth
 * server nothing is known beforehand: without acceptance its token counts if it ends in time.
 */
function chosenByTarget({ target, accepts, ttl }: Terms, ttlSeconds: number, limits: Limits): TtlAnswer {
  const chosen = `${target.kind} alone chooses`;
  const { guardrail, grant = Number.POSITIVE_INFINITY, access = Number.POSITIVE_INFINITY } = limits;
  if (accepts.ttl) {
    const ttlCeilingSeconds = Math.min(guardrail, grant, access);
    return { ok: true, ttlSeconds, limits, ttlCeilingSeconds, remark: `${chosen}, accepted` };
  }
  if (ttl.limits.targetChooses?.usualSeconds === undefined) return { ok: true, ttlSeconds, limits };
  return { ok: false, ttlSeconds, limits, remark: `${chosen}, and residual.accept does not hold ttl` };
}
