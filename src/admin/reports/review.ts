import { type MappingFacts, reachOf, subjectText } from './mapping-facts.ts';
import type { Usage } from './usage.ts';
import { workloadText } from './workload.ts';

/** The label by which an owner says until when a mapping was looked at, `YYYY-MM-DD`. */
export const REATTEST_LABEL = 'carnet.dev/reattest-by';

/** One mapping, for whoever has to say that it is still right. */
export interface ReviewRow {
  readonly mapping: string;
  readonly owner: string;
  readonly state: 'in-force' | 'faulty';
  readonly mode: string;
  /** Whom it is for. */
  readonly subject: string;
  readonly kind: string;
  /** The target's own names. */
  readonly targets: readonly string[];
  readonly intents?: 'unrestricted' | readonly string[] | undefined;
  /** RFC 3339; absent: not since the beginning of what was looked at. */
  readonly lastUsed?: string | undefined;
  readonly allowed: number;
  /** Those that used it last, ten at most; `moreWorkloads` counts the rest. */
  readonly workloads: readonly string[];
  readonly moreWorkloads: number;
  /** What its cloud does not enforce and the owner accepts. */
  readonly residual?: { readonly accept: readonly string[]; readonly reason: string } | undefined;
  readonly expiresAt?: string | undefined;
  /** By the label, else its end; absent where it has neither. */
  readonly reattestBy?: { readonly at: string; readonly from: 'label' | 'expiresAt'; readonly overdue: boolean };
}

const MAX_WORKLOADS = 10;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** Every mapping: who reaches what. `now` in milliseconds. */
export function reviewOf(mappings: readonly MappingFacts[], usage: Usage, now: number): readonly ReviewRow[] {
  return mappings.map((mapping): ReviewRow => {
    const { name, state, spec } = mapping;
    const used = usage.of(name);
    const workloads = used?.workloads.map(workloadText) ?? [];
    const reattestBy = reattest(mapping, now);
    return {
      mapping: name,
      owner: spec.owner,
      state,
      mode: spec.mode,
      subject: subjectText(spec),
      ...reachOf(spec),
      lastUsed: used?.lastUsed,
      allowed: used?.allowed ?? 0,
      workloads: workloads.slice(0, MAX_WORKLOADS),
      moreWorkloads: Math.max(0, workloads.length - MAX_WORKLOADS),
      residual: spec.residual,
      expiresAt: spec.expiresAt,
      ...(reattestBy !== undefined && { reattestBy }),
    };
  });
}

/** A label that is no day counts as overdue: what it means nobody knows. */
function reattest({ labels, spec: { expiresAt } }: MappingFacts, now: number): ReviewRow['reattestBy'] {
  const label = Object.hasOwn(labels, REATTEST_LABEL) ? labels[REATTEST_LABEL] : undefined;
  if (label !== undefined) {
    const isBefore = DAY.test(label) && now < Date.parse(`${label}T00:00:00Z`) + 86_400_000;
    return { at: label, from: 'label', overdue: !isBefore };
  }
  if (expiresAt === undefined) return undefined;
  return { at: expiresAt, from: 'expiresAt', overdue: now >= Date.parse(expiresAt) };
}
