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

export type TtlAnswer =
  | {
      readonly ok: true;
      readonly ttlSeconds: number;
      /** Present where `ttlSeconds` is a wish: what lives for longer than this is dropped. */
      readonly ttlCeilingSeconds?: number;
      readonly detail: string;
    }
  | { readonly ok: false; readonly detail: string };

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
  const { ttlSeconds, detail } = leastOf([
    ['asked', wishedSeconds(terms, askedSeconds)],
    ['mapping', assertion ? Math.min(ASSERTION_SECONDS, terms.ttl.maxSeconds) : terms.ttl.maxSeconds],
    ['guardrail', guardrailSeconds],
    ['grant', Number.isFinite(grantSeconds) ? grantSeconds : undefined],
    ['subject', outlive ? Number.POSITIVE_INFINITY : remainingSeconds],
    ['access', access],
    ['target', target.maxSeconds],
  ]);
  const minSeconds = assertion ? 1 : target.minSeconds;
  if (ttlSeconds < minSeconds) {
    return { ok: false, detail: `${detail}; below the ${minSeconds} s that ${terms.target.kind} gives at least` };
  }
  if (assertion || target.targetChooses === undefined) return { ok: true, ttlSeconds, detail };
  const ceilingSeconds = Math.min(guardrailSeconds, grantSeconds, access ?? Number.POSITIVE_INFINITY);
  const { usualSeconds } = target.targetChooses;
  if (access !== undefined && usualSeconds !== undefined && access < usualSeconds) {
    return { ok: false, detail: `${detail}; ${terms.target.kind} may give ${usualSeconds} s` };
  }
  return chosenByTarget(terms, { ttlSeconds, ceilingSeconds, detail });
}

/** Undefined is no limit that there could be; Infinity is one that does not bind here. */
function leastOf(limits: readonly (readonly [name: string, seconds: number | undefined])[]) {
  let ttlSeconds = Number.POSITIVE_INFINITY;
  let told = '';
  for (const [name, seconds] of limits) {
    if (seconds === undefined) continue;
    ttlSeconds = Math.min(ttlSeconds, seconds);
    told += `${told === '' ? '' : ', '}${name} ${Number.isFinite(seconds) ? `${seconds} s` : 'none'}`;
  }
  return { ttlSeconds, detail: `${ttlSeconds} s, the least of ${told}` };
}

/** How long what is given may live, so that it ends before the access does. */
function accessLimit({ accessSeconds }: TtlQuestion, cloud: boolean): number | undefined {
  return accessSeconds === undefined || !cloud ? accessSeconds : accessSeconds - CALL_SECONDS;
}

/**
 * Where the target alone chooses, the ttl is a wish, which needs to be accepted in writing (DESIGN section 7). Of an OAuth
 * server nothing is known beforehand: without acceptance its token counts if it ends in time.
 */
function chosenByTarget(
  { target, accepts, ttl }: Terms,
  { ttlSeconds, ceilingSeconds, detail }: { ttlSeconds: number; ceilingSeconds: number; detail: string },
): TtlAnswer {
  const chosen = `${detail}; ${target.kind} alone chooses`;
  if (accepts.ttl) return { ok: true, ttlSeconds, ttlCeilingSeconds: ceilingSeconds, detail: `${chosen}, accepted` };
  if (ttl.limits.targetChooses?.usualSeconds === undefined) return { ok: true, ttlSeconds, detail };
  return { ok: false, detail: `${chosen}, and residual.accept does not hold ttl` };
}
