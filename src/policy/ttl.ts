import { TARGETS } from '../resources/targets/target.ts';
import type { Terms } from './compiled-mapping.ts';

export interface TtlQuestion {
  readonly terms: Terms;
  /** `requested_expires_in`. */
  readonly askedSeconds: number | undefined;
  /** The lowest cap of the guardrails that match. */
  readonly guardrailSeconds: number;
  /** What is left of the subject token. */
  readonly remainingSeconds: number;
  /** Whether the subject token is a Kubernetes projected token. */
  readonly projected: boolean;
}

export type TtlAnswer =
  | { readonly ok: true; readonly ttlSeconds: number; readonly detail: string }
  | { readonly ok: false; readonly detail: string };

/** How long an assertion handed to a workload lives; what the cloud gives for it is not Carnet's to shorten. */
const ASSERTION_SECONDS = 60;

/** The least of all that limits the credential; below what the target can give it refuses and never rounds up (DESIGN section 6). */
export function ttlOf({ terms, askedSeconds, guardrailSeconds, remainingSeconds, projected }: TtlQuestion): TtlAnswer {
  const { cloud, ttl } = TARGETS[terms.target.kind];
  const assertion = terms.deliver === 'assertion';
  const outlive = terms.ttl.outliveSubject ?? (cloud && projected);
  const limits: Readonly<Record<string, number>> = {
    asked: askedSeconds ?? (assertion ? ASSERTION_SECONDS : terms.ttl.defaultSeconds),
    mapping: assertion ? Math.min(ASSERTION_SECONDS, terms.ttl.maxSeconds) : terms.ttl.maxSeconds,
    guardrail: guardrailSeconds,
    subject: outlive ? Number.POSITIVE_INFINITY : remainingSeconds,
    target: ttl.maxSeconds,
  };
  const ttlSeconds = Math.min(...Object.values(limits));
  const minSeconds = assertion ? 1 : ttl.minSeconds;
  const told = Object.entries(limits).map(
    ([name, seconds]) => `${name} ${Number.isFinite(seconds) ? `${seconds} s` : 'none'}`,
  );
  const detail = `${ttlSeconds} s, the least of ${told.join(', ')}`;
  return ttlSeconds >= minSeconds
    ? { ok: true, ttlSeconds, detail }
    : { ok: false, detail: `${detail}; below the ${minSeconds} s that ${terms.target.kind} gives at least` };
}
